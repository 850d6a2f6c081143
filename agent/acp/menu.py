"""What may be typed: the list of commands, and the text of a prompt. Light, since a new session waits for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

from acp.schema import AvailableCommand, AvailableCommandInput, UnstructuredCommandInput

from ..assistants.commands import read_command

NAMES = ("implement", "plan", "verify", "audit", "status", "undo", "report")
OWN = {
    "status": ("Show the features, their open tasks and the latest run of each", ""),
    "undo": ("Take a task or a run back by commits on top, after showing what that is", "[feature] [task or run]"),
}
"""Commands that have no text for assistants: what they do, and what may follow."""


def available() -> list[AvailableCommand]:
    """The commands as editors list them."""
    found = []
    for name in NAMES:
        if name in OWN:
            description, hint = OWN[name]
        else:
            text = read_command(name)
            description, hint = text.description, text.hint
        asked = AvailableCommandInput(root=UnstructuredCommandInput(hint=hint)) if hint else None
        found.append(AvailableCommand(name=name, description=description, input=asked))
    return found


def usage() -> str:
    """The commands, for a user who has typed something else."""
    lines = ["kfpilot carries out the open tasks of a feature, and ticks only what it saw pass. It knows:\n"]
    for command in available():
        hint = f" {command.input.root.hint}" if command.input else ""
        lines.append(f"- `/{command.name}{hint}`: {command.description}")
    return "\n".join([*lines, "\nYour own words after `/implement` reach planner and workers."])


def words_of(blocks: list[Any], cwd: Path) -> str:
    """What the user typed; a file that was mentioned stands in it by its path."""
    parts = []
    for block in blocks:
        if block.type == "text":
            parts.append(block.text)
        elif block.type in ("resource_link", "resource"):
            parts.append(path_of(block.uri if block.type == "resource_link" else block.resource.uri, cwd))
    return "".join(parts)


def path_of(uri: str, cwd: Path) -> str:
    """The path of a file, relative to the session's folder if it is in it; any other address as it is."""
    address = urlparse(uri)
    if address.scheme != "file":
        return uri
    path = Path(unquote(address.path))
    return path.relative_to(cwd).as_posix() if path.is_relative_to(cwd) else str(path)
