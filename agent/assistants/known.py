"""The assistants, and where each looks for its commands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from ..errors import UserError

Style = Literal["markdown", "prompt", "plain", "skill", "toml", "yaml"]
COMMANDS = ("implement", "plan", "verify", "audit", "report")


class McpFile(BaseModel):
    """An assistant's project file for MCP servers."""

    model_config = ConfigDict(extra="forbid")

    path: str
    key: str = Field(default="mcpServers", description="The table that holds the servers")
    kind: Literal["usual", "vscode", "opencode"] = "usual"
    where: str = Field(
        default="", description="How the file says which folder is open, where the server may start elsewhere"
    )


class Assistant(BaseModel):
    """One assistant."""

    model_config = ConfigDict(extra="forbid")

    key: str
    name: str
    path: str = Field(description="The file of a command; {name} stands for the command's name")
    style: Style = "markdown"
    joint: str = Field(default=".", description="Between kfpilot and the command: some allow no dot")
    sign: str = Field(default="/", description="What a user types before the name")
    placeholder: str = "$ARGUMENTS"
    signs: list[str] = Field(description="Files and folders that show that the assistant is used")
    speckit: str = Field(default="", description="Its name in spec-kit, if it is another one")
    mcp: McpFile | None = None

    def file(self, command: str) -> str:
        """Where the command's file lies, relative to the repository."""
        return self.path.format(name=self.command(command))

    def command(self, command: str) -> str:
        """The command's name: `kfpilot.implement`."""
        return f"kfpilot{self.joint}{command}"

    def typed(self, command: str) -> str:
        """What the user types: `/kfpilot.implement`."""
        if self.style == "yaml":
            return self.sign + self.file(command)
        return self.sign + self.command(command)


OPEN_FOLDER = "${workspaceFolder}"
ASSISTANTS = [
    Assistant(
        key="claude", name="Claude Code", path=".claude/commands/{name}.md", signs=[".claude", "CLAUDE.md"],
        mcp=McpFile(path=".mcp.json"),
    ),
    Assistant(
        key="copilot", name="GitHub Copilot", path=".github/prompts/{name}.prompt.md", style="prompt",
        signs=[".github/copilot-instructions.md", ".github/prompts", ".github/agents", ".github/skills",
               ".vscode/mcp.json"],
        mcp=McpFile(path=".vscode/mcp.json", key="servers", kind="vscode", where=OPEN_FOLDER),
    ),
    Assistant(
        key="cursor", name="Cursor", path=".cursor/commands/{name}.md", style="plain", speckit="cursor-agent",
        signs=[".cursor", ".cursorrules"], mcp=McpFile(path=".cursor/mcp.json", where=OPEN_FOLDER),
    ),
    Assistant(
        key="codex", name="Codex", path=".agents/skills/{name}/SKILL.md", style="skill", joint="-", sign="$",
        signs=[".codex", ".agents/skills"],
    ),
    Assistant(
        key="gemini", name="Gemini CLI", path=".gemini/commands/{name}.toml", style="toml", placeholder="{{args}}",
        signs=[".gemini", "GEMINI.md"], mcp=McpFile(path=".gemini/settings.json"),
    ),
    Assistant(
        key="opencode", name="opencode", path=".opencode/commands/{name}.md",
        signs=[".opencode", "opencode.json", "opencode.jsonc"],
        mcp=McpFile(path="opencode.json", key="mcp", kind="opencode"),
    ),
    Assistant(key="qwen", name="Qwen Code", path=".qwen/commands/{name}.md", signs=[".qwen", "QWEN.md"]),
    Assistant(key="amp", name="Amp", path=".agents/commands/{name}.md", signs=[".amp", ".agents/commands"]),
    Assistant(key="auggie", name="Auggie", path=".augment/commands/{name}.md", signs=[".augment"]),
    Assistant(key="kilo", name="Kilo Code", path=".kilo/commands/{name}.md", signs=[".kilo", ".kilocode"],
              speckit="kilocode"),
    Assistant(key="junie", name="Junie", path=".junie/commands/{name}.md", joint="-", signs=[".junie"]),
    Assistant(
        key="goose", name="Goose", path=".goose/recipes/{name}.yaml", style="yaml", placeholder="{{args}}",
        sign="goose run --recipe ", signs=[".goose", ".goosehints"],
    ),
]  # fmt: skip
BY_KEY = {assistant.key: assistant for assistant in ASSISTANTS}


def detect(root: Path) -> list[Assistant]:
    """The assistants that a repository shows signs of: their folders, or what spec-kit has set up."""
    chosen = speckit_choice(root)
    return [
        assistant
        for assistant in ASSISTANTS
        if (assistant.speckit or assistant.key) in chosen or any((root / sign).exists() for sign in assistant.signs)
    ]


def speckit_choice(root: Path) -> set[str]:
    """The assistants that `specify init` has been run for."""
    try:
        state = json.loads((root / ".specify" / "integration.json").read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return set()
    if not isinstance(state, dict):
        return set()
    listed = state.get("installed_integrations")
    names = [*(listed if isinstance(listed, list) else []), state.get("integration")]
    return {name for name in names if isinstance(name, str)}


def choose(root: Path, named: list[str]) -> list[Assistant]:
    """The assistants that are meant.

    Args:
        root: The repository.
        named: Keys, also with commas between, or `all`; empty means those that are in use.

    Raises:
        UserError: One is unknown, or none is named and none is in use.
    """
    keys = [part.strip().lower() for entry in named for part in entry.split(",") if part.strip()]
    if "all" in keys:
        return ASSISTANTS
    known = ", ".join(BY_KEY)
    for key in keys:
        if key not in BY_KEY:
            raise UserError(f"there is no assistant '{key}'", mend=f"Name some of {known}, or all.")
    if named and not keys:
        raise UserError("--assistant names nobody", mend=f"Name some of {known}, or all.")
    found = [BY_KEY[key] for key in dict.fromkeys(keys)] or detect(root)
    if not found:
        raise UserError(
            "no assistant's folder is here, so none can be guessed",
            where=root,
            mend=f"Name it: kfpilot init --assistant claude (or {known.removeprefix('claude, ')}).",
        )
    return found
