"""Our entry in the files where assistants keep the MCP servers of a project."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from .known import McpFile

NAME = "kfpilot"


def entry_for(file: McpFile) -> dict[str, Any]:
    """The entry of our server."""
    arguments = ["mcp", *(["-C", file.where] if file.where else [])]
    if file.kind == "opencode":
        return {"type": "local", "command": ["kfpilot", *arguments], "enabled": True}
    entry: dict[str, Any] = {"command": "kfpilot", "args": arguments}
    return {"type": "stdio", **entry} if file.kind == "vscode" else entry


def merged(text: str | None, file: McpFile, path: Path, *, force: bool = False) -> tuple[str, str]:
    """The file's text with our entry, and a note if it could not be put in.

    Args:
        text: The file as it is; None when there is none.
        file: Which file.
        path: Where it lies, for the note.
        force: Replace an entry of our name that somebody has changed.

    Returns:
        The text, unchanged if there is a note.
    """
    entry = entry_for(file)
    by_hand = f'add to "{file.key}" by hand: {json.dumps({NAME: entry})}'
    if file.kind == "opencode" and path.with_suffix(".jsonc").exists():
        return text or "", f"opencode.jsonc is there; {by_hand}"
    if text is None or not text.strip():
        return dumped({file.key: {NAME: entry}}, "  "), ""
    content, servers = tables(text, file)
    if servers is None:
        return text, f"not plain JSON that kfpilot could put its entry in; {by_hand}"
    if servers.get(NAME) == entry:
        return text, ""
    if NAME in servers and not force:
        return text, f"has another entry '{NAME}'; --force replaces it"
    servers[NAME] = entry
    content[file.key] = servers
    return dumped(content, indent_of(text)), ""


def without(text: str | None, file: McpFile, path: Path, *, force: bool = False) -> tuple[str | None, str]:
    """The text without our entry, and a note if it has to stay; None when nothing but our entry was in it."""
    if text is None:
        return None, ""
    content, servers = tables(text, file)
    if servers is None or NAME not in servers:
        return text, ""
    if servers[NAME] != entry_for(file) and not force:
        return text, f"the entry '{NAME}' was changed; --force removes it"
    del servers[NAME]
    if not servers:
        del content[file.key]
    return (dumped(content, indent_of(text)) if content else None), ""


def tables(text: str, file: McpFile) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """The whole and the table of servers; None for that when the file is no plain JSON, or of another shape."""
    try:
        content = json.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError):
        return {}, None
    servers = content.get(file.key, {}) if isinstance(content, dict) else None
    return (content, servers) if isinstance(servers, dict) else ({}, None)


def indent_of(text: str) -> str:
    """The indent that the file uses."""
    found = re.search(r"\n([ \t]+)\S", text)
    return found[1] if found else "  "


def dumped(content: dict[str, Any], indent: str) -> str:
    """As JSON with a line end."""
    return json.dumps(content, indent=indent, ensure_ascii=False) + "\n"
