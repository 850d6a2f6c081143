"""Command files: valid in each assistant's format, and never at the cost of what a user has written.

`KFPILOT_UPDATE_GOLDEN=1 python -m pytest tests/unit/assistants/test_command_files.py` writes the golden files anew.
"""

from __future__ import annotations

import difflib
import json
import os
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from kfpilot.agent.assistants.commands import is_ours, read_command, render
from kfpilot.agent.assistants.known import ASSISTANTS, BY_KEY, COMMANDS, Assistant, choose
from kfpilot.agent.cli.init import init_command
from kfpilot.agent.errors import UserError
from kfpilot.agent.planner.placeholders import refuse_placeholder

GOLDEN = Path(__file__).parents[2] / "golden" / "commands"
UPDATING = os.environ.get("KFPILOT_UPDATE_GOLDEN") == "1"
SHOWN = [
    ("claude", "implement"), ("copilot", "implement"), ("cursor", "verify"), ("codex", "plan"), ("gemini", "implement"),
    ("goose", "report"), ("junie", "audit"),
]  # fmt: skip
CLAUDE = ".claude/commands/kfpilot.plan.md"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository without a commit."""
    top = tmp_path / "repo"
    subprocess.run(["git", "init", "--quiet", str(top)], check=True)
    return top


def files(root: Path) -> dict[str, str]:
    """What lies in the checkout."""
    found = (path for path in root.rglob("*") if path.is_file() and ".git" not in path.relative_to(root).parts[:1])
    return {path.relative_to(root).as_posix(): path.read_text(encoding="utf-8") for path in found}


def rows(capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    """Path and action of what `--json` printed."""
    return {row["path"]: row["action"] for row in json.loads(capsys.readouterr().out)["files"]}


@pytest.mark.parametrize(("assistant", "command"), SHOWN)
def test_a_file_of_each_format(assistant: str, command: str) -> None:
    text = render(read_command(command), BY_KEY[assistant])
    file = GOLDEN / f"{assistant}_{command}.txt"
    if UPDATING:
        file.write_text(text, encoding="utf-8")
    wanted = file.read_text(encoding="utf-8") if file.exists() else ""
    difference = "\n".join(difflib.unified_diff(wanted.splitlines(), text.splitlines(), file.name, "now", lineterm=""))
    assert text == wanted, difference


def head_of(text: str) -> tuple[dict[str, Any], str]:
    _, head, body = text.split("---\n", 2)
    return yaml.safe_load(head), body


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("assistant", ASSISTANTS, ids=lambda assistant: assistant.key)
def test_every_file_is_what_its_assistant_reads(assistant: Assistant, command: str) -> None:
    text = render(read_command(command), assistant)
    description, body = read_command(command).description, text
    if assistant.style == "toml":
        content = tomllib.loads(text)
        assert (content["description"], set(content)) == (description, {"description", "prompt"})
        body = content["prompt"]
    elif assistant.style == "yaml":
        content = yaml.safe_load(text)
        assert content["description"] == description
        assert [parameter["key"] for parameter in content["parameters"]] == ["args"]
        body = content["prompt"]
    elif assistant.style != "plain":
        head, body = head_of(text)
        assert head["description"] == description
        if assistant.style == "skill":
            # A skill is found by its folder, and the two names must be one.
            assert head["name"] == Path(assistant.file(command)).parent.name
    assert body.count(assistant.placeholder) == 1
    other = {"$ARGUMENTS", "{{args}}"} - {assistant.placeholder}
    assert [hole for hole in other if hole in body] == []
    # What assistants would run or read in before the model sees the text.
    assert [sign for sign in ("!`", "!{", "@{", "{%") if sign in body] == []
    assert is_ours(text) and is_ours(text.replace("\n", "\r\n"))
    assert not is_ours(text.replace("kfpilot", "kfpilots", 1))


@pytest.mark.parametrize("placeholder", sorted({assistant.placeholder for assistant in ASSISTANTS}))
def test_the_hole_of_a_file_is_known_as_one(placeholder: str) -> None:
    with pytest.raises(UserError, match="placeholder"):
        refuse_placeholder(placeholder)


def test_no_two_files_are_one() -> None:
    paths = [assistant.file(command) for assistant in ASSISTANTS for command in COMMANDS]
    assert len(set(paths)) == len(paths) == 12 * 5


def test_words_stay_as_they_are_in_the_text() -> None:
    words = "only US1; `rm -rf ~` $(id) {{ 7 * 7 }} {% raw %} \"quotes\" 'and' more"
    assert words in read_command("implement").text(words)


def test_a_second_time_changes_nothing(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert init_command(root, ["claude,gemini"], json=True) == 0
    assert set(rows(capsys).values()) == {"written"}
    before = files(root)
    assert len(before) == 10
    assert init_command(root, [], json=True) == 0
    assert set(rows(capsys).values()) == {"unchanged"}
    assert files(root) == before


def test_what_a_user_changed_stays(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    init_command(root, ["claude"])
    file = root / CLAUDE
    ours = file.read_text(encoding="utf-8")
    file.write_text(ours.replace("Do not start", "Start"), encoding="utf-8")
    mine = root / ".claude/commands/kfpilot.verify.md"
    mine.write_text("my own\n", encoding="utf-8")
    capsys.readouterr()
    for options in ({}, {"remove": True}):
        init_command(root, ["claude"], json=True, **options)
        actions = rows(capsys)
        assert (actions[CLAUDE], actions[".claude/commands/kfpilot.verify.md"]) == ("kept", "kept")
        assert "Start the tasks" in file.read_text(encoding="utf-8") and mine.read_text(encoding="utf-8") == "my own\n"
    init_command(root, ["claude"], force=True)
    assert file.read_text(encoding="utf-8") == ours


def test_a_command_that_is_the_users_own_is_not_told_as_ours(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = ".claude/commands/kfpilot.implement.md"
    (root / path).parent.mkdir(parents=True)
    (root / path).write_text("my own\n", encoding="utf-8")
    assert init_command(root, ["claude,cursor"]) == 0
    said = capsys.readouterr().out
    assert f"kept        {path}  (not written by kfpilot; --force overwrites it)" in said
    assert f"{path} is a file of your own: its command is not kfpilot's. Take ours with --force" in said
    assert "Claude Code: " not in said and "Cursor: /kfpilot.implement" in said
    assert init_command(root, ["claude"], check=True) == 1
    assert "is a file of your own" in capsys.readouterr().out
    assert init_command(root, ["claude"], check=True, json=True) == 1
    kept = [row["path"] for row in json.loads(capsys.readouterr().out)["files"] if not row["ours"]]
    assert kept == [path]
    assert init_command(root, ["claude"], remove=True) == 0
    assert (root / path).read_text(encoding="utf-8") == "my own\n"
    assert init_command(root, ["claude"], force=True) == 0
    assert "Claude Code: /kfpilot.implement" in capsys.readouterr().out
    # One that was ours and was changed is the team's, and no reason to fail.
    with (root / path).open("r+", encoding="utf-8") as file:
        text = file.read().replace("Show the report", "Show me the report")
        file.seek(0)
        file.write(text)
    assert init_command(root, ["claude"], check=True) == 0


def test_a_file_of_another_version_is_updated(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    init_command(root, ["claude"])
    file = root / CLAUDE
    wanted = file.read_text(encoding="utf-8")
    older = read_command("plan").model_copy(update={"body": "An older text: {{ arguments }}"})
    file.write_text(render(older, BY_KEY["claude"]), encoding="utf-8")
    capsys.readouterr()
    assert init_command(root, ["claude"], check=True) == 1
    assert f"stale       {CLAUDE}" in capsys.readouterr().out
    assert init_command(root, ["claude"], json=True) == 0
    assert rows(capsys)[CLAUDE] == "updated"
    assert file.read_text(encoding="utf-8") == wanted
    assert init_command(root, ["claude"], check=True) == 0


def test_check_and_dry_run_write_nothing(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert init_command(root, ["all"], check=True, mcp=True) == 1
    assert "kfpilot init --assistant claude,copilot" in capsys.readouterr().out
    assert init_command(root, ["all"], dry_run=True, mcp=True) == 0
    assert files(root) == {}
    init_command(root, ["all"], mcp=True)
    full = files(root)
    assert init_command(root, ["all"], remove=True, dry_run=True, mcp=True) == 0
    assert files(root) == full


def test_remove_takes_back_all_that_was_written_and_no_more(root: Path) -> None:
    (root / ".claude/commands").mkdir(parents=True)
    (root / ".claude/commands/mine.md").write_text("mine\n", encoding="utf-8")
    (root / ".mcp.json").write_text('{\n    "mcpServers": {\n        "other": {}\n    }\n}\n', encoding="utf-8")
    before = files(root)
    init_command(root, ["all"], mcp=True)
    assert len(files(root)) == 12 * 5 + 5 + 1
    init_command(root, [], remove=True, mcp=True)
    assert files(root) == before
    assert sorted(path.name for path in root.iterdir()) == [".claude", ".git", ".mcp.json"]


def test_a_link_out_of_the_repository_is_not_followed(root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (root / ".claude").symlink_to(outside)
    with pytest.raises(UserError, match="leads out of the repository"):
        init_command(root, ["claude"])
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize(
    ("sign", "found"),
    [
        ("CLAUDE.md", ["claude"]),
        (".github/copilot-instructions.md", ["copilot"]),
        (".cursor/rules/a.mdc", ["cursor"]),
        (".agents/skills/a/SKILL.md", ["codex"]),
        (".agents/commands/a.md", ["amp"]),
        (".kilocode/a", ["kilo"]),
    ],
)
def test_assistants_are_known_by_what_they_leave(root: Path, sign: str, found: list[str]) -> None:
    (root / sign).parent.mkdir(parents=True, exist_ok=True)
    (root / sign).write_text("x", encoding="utf-8")
    (root / ".github/workflows").mkdir(parents=True, exist_ok=True)
    assert [assistant.key for assistant in choose(root, [])] == found


@pytest.mark.parametrize("content", ['{"integration": "cursor-agent"}', '{"installed_integrations": ["cursor-agent"]}'])
def test_what_spec_kit_was_set_up_for_counts(root: Path, content: str) -> None:
    (root / ".specify").mkdir()
    (root / ".specify/integration.json").write_text(content, encoding="utf-8")
    assert [assistant.key for assistant in choose(root, [])] == ["cursor"]


@pytest.mark.parametrize("content", ["[", "[]", '{"installed_integrations": 3}', '{"installed_integrations": [[]]}'])
def test_a_broken_file_of_spec_kit_is_no_obstacle(root: Path, content: str) -> None:
    (root / ".specify").mkdir()
    (root / ".specify/integration.json").write_text(content, encoding="utf-8")
    (root / "GEMINI.md").write_text("x", encoding="utf-8")
    assert [assistant.key for assistant in choose(root, [])] == ["gemini"]


@pytest.mark.parametrize(
    ("named", "words"),
    [([], "kfpilot init --assistant claude"), (["clod"], "there is no assistant 'clod'"), ([","], "nobody")],
)
def test_who_is_meant_must_be_clear(root: Path, named: list[str], words: str) -> None:
    with pytest.raises(UserError, match=words):
        init_command(root, named)


def test_outside_of_a_repository(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="repository"):
        init_command(tmp_path, ["claude"])
