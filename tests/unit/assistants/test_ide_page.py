"""docs/ide.md says of the assistants, tools and prompts what the code has."""

from __future__ import annotations

import re
from pathlib import Path

from kfpilot.agent.assistants.known import ASSISTANTS, COMMANDS

PAGE = (Path(__file__).parents[3] / "docs/ide.md").read_text(encoding="utf-8")


def test_every_assistant_with_its_file_and_what_is_typed() -> None:
    rows = re.findall(r"^\| `(\w+)` \| `([^`]+)` \| `([^`]+)` \|$", PAGE, re.M)
    assert rows == [(entry.key, entry.file("implement"), entry.typed("implement")) for entry in ASSISTANTS]


def test_every_command_is_explained() -> None:
    assert re.findall(r"^\| `/kfpilot\.(\w+)` \|", PAGE, re.M) == list(COMMANDS)


def test_the_configuration_files_are_named() -> None:
    named = dict(re.findall(r"^kfpilot init --assistant (\w+) +--mcp +# (\S+)$", PAGE, re.M))
    assert named == {entry.key: entry.mcp.path for entry in ASSISTANTS if entry.mcp}
