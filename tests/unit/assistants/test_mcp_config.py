"""Our entry in the MCP configuration of a project: everything else in the file stays."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from kfpilot.agent.assistants.known import ASSISTANTS, BY_KEY
from kfpilot.agent.cli.init import init_command

WITH_FILE = [assistant.key for assistant in ASSISTANTS if assistant.mcp]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    top = tmp_path / "repo"
    subprocess.run(["git", "init", "--quiet", str(top)], check=True)
    return top


def config(root: Path, key: str) -> Path:
    mcp = BY_KEY[key].mcp
    assert mcp
    return root / mcp.path


def test_the_entries(root: Path) -> None:
    init_command(root, ["all"], mcp=True)
    plain = {"command": "kfpilot", "args": ["mcp"]}
    here = ["mcp", "-C", "${workspaceFolder}"]
    assert {key: json.loads(config(root, key).read_text(encoding="utf-8")) for key in WITH_FILE} == {
        "claude": {"mcpServers": {"kfpilot": plain}},
        "copilot": {"servers": {"kfpilot": {"type": "stdio", "command": "kfpilot", "args": here}}},
        "cursor": {"mcpServers": {"kfpilot": {"command": "kfpilot", "args": here}}},
        "gemini": {"mcpServers": {"kfpilot": plain}},
        "opencode": {"mcp": {"kfpilot": {"type": "local", "command": ["kfpilot", "mcp"], "enabled": True}}},
    }


def test_without_the_option_no_configuration_is_written(root: Path) -> None:
    init_command(root, ["all"])
    assert [key for key in WITH_FILE if config(root, key).exists()] == []


def test_what_is_there_stays_with_its_order_and_indent(root: Path) -> None:
    before = (
        '{\n\t"theme": "dark",\n\t"mcpServers": {\n\t\t"zeta": {\n\t\t\t"url": "ü"\n\t\t}\n\t},\n\t"last": 1.50\n}\n'
    )
    file = config(root, "gemini")
    file.parent.mkdir()
    file.write_text(before, encoding="utf-8")
    init_command(root, ["gemini"], mcp=True)
    after = file.read_text(encoding="utf-8")
    content = json.loads(after)
    assert list(content) == ["theme", "mcpServers", "last"]
    assert list(content["mcpServers"]) == ["zeta", "kfpilot"]
    assert set(before.splitlines()) - set(after.splitlines()) <= {"\t\t}", '\t"last": 1.50'}
    init_command(root, ["gemini"], mcp=True, remove=True)
    assert json.loads(file.read_text(encoding="utf-8")) == json.loads(before)


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ('{\n  // mine\n  "mcpServers": {}\n}\n', "by hand"),
        ('{"mcpServers": []}', "by hand"),
        ("[]", "by hand"),
        ("{", "by hand"),
        ('{"mcpServers": {"kfpilot": {"command": "mine"}}}', "--force"),
    ],
)
def test_what_cannot_be_merged_is_left_and_told(
    root: Path, text: str, note: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = config(root, "claude")
    file.write_text(text, encoding="utf-8")
    init_command(root, ["claude"], mcp=True)
    assert file.read_text(encoding="utf-8") == text
    line = next(line for line in capsys.readouterr().out.splitlines() if ".mcp.json" in line)
    assert line.startswith("kept") and note in line
    init_command(root, ["claude"], mcp=True, remove=True)
    assert file.read_text(encoding="utf-8") == text


def test_force_replaces_an_entry_of_the_same_name(root: Path) -> None:
    file = config(root, "claude")
    file.write_text('{"mcpServers": {"kfpilot": {"command": "mine"}, "other": {}}}', encoding="utf-8")
    init_command(root, ["claude"], mcp=True, force=True)
    servers = json.loads(file.read_text(encoding="utf-8"))["mcpServers"]
    assert servers == {"kfpilot": {"command": "kfpilot", "args": ["mcp"]}, "other": {}}


def test_comments_live_in_a_twin_of_opencode(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "opencode.jsonc").write_text("{}", encoding="utf-8")
    init_command(root, ["opencode"], mcp=True)
    assert not (root / "opencode.json").exists()
    assert "by hand" in capsys.readouterr().out


def test_check_asks_for_the_entry_only_with_the_option(root: Path) -> None:
    init_command(root, ["claude"])
    assert init_command(root, ["claude"], check=True) == 0
    assert init_command(root, ["claude"], check=True, mcp=True) == 1
    init_command(root, ["claude"], mcp=True)
    assert init_command(root, ["claude"], check=True, mcp=True) == 0
