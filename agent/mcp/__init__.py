"""The MCP server: kfpilot's tools, prompts and resources for a coding assistant."""
