"""Command files and MCP configuration for the coding assistants that people use."""
