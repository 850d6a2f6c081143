"""The parts of the agent that need neither a repository nor a client."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from acp import resource_link_block, text_block
from kfpilot.agent.acp.handshake import introduction, shake_hands
from kfpilot.agent.acp.menu import words_of
from kfpilot.agent.acp.store import Session, keep, list_sessions, said, save
from kfpilot.agent.acp.translate import as_text, entry_of, first_change
from kfpilot.agent.reports.models import TaskReport


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        ("", "a\nb\n", 1),
        ("a\nb\n", "a\nc\n", 2),
        ("a\n", "a\nb\n", 2),
        ("a\nb\n", "a\n", 1),
        ("a\n", "", 1),
        ("a\n", "a\n", 1),
    ],
)
def test_the_place_that_an_editor_jumps_to(before: str, after: str, line: int) -> None:
    assert first_change(before, after) == line


def test_what_is_no_text_is_not_shown() -> None:
    assert as_text(None) == "" and as_text("ä\n".encode()) == "ä\n"
    assert as_text(b"\0\1") is None and as_text(b"\xff\xfe") is None and as_text(b"x" * 200_001) is None


def test_a_task_that_failed_is_not_completed_and_says_why() -> None:
    task = TaskReport(id="T1", title="Do it", role="code", state="failed", why="tests: 2 failed\nmore", priority="P3")
    entry = entry_of(task)
    assert (entry.status, entry.priority) == ("pending", "low")
    assert entry.content == "T1 code: Do it (failed: tests: 2 failed)"
    working = entry_of(task.model_copy(update={"state": "unfinished", "why": "attempt 1", "priority": None}))
    assert (working.status, working.priority, working.content) == ("in_progress", "medium", "T1 code: Do it")


def test_a_mentioned_file_stands_in_the_words_by_its_path(tmp_path: Path) -> None:
    inside, outside = (tmp_path / "a b.md").as_uri(), "file:///etc/hosts"
    blocks = [
        text_block("see "), resource_link_block(name="x", uri=inside), text_block(" and "),
        resource_link_block(name="y", uri=outside), text_block(" and "),
        resource_link_block(name="z", uri="https://example.invalid/x"),
    ]  # fmt: skip
    assert words_of(blocks, tmp_path) == "see a b.md and /etc/hosts and https://example.invalid/x"


def test_the_handshake_takes_no_byte_of_what_follows() -> None:
    source, sink = os.pipe()
    answers, out = os.pipe()
    hello = {"jsonrpc": "2.0", "id": "a", "method": "initialize", "params": {"protocolVersion": 99}}
    os.write(sink, b'\xff\n{"id": 3, "result": 1}\n' + json.dumps(hello).encode() + b"\nrest")
    os.close(sink)
    assert shake_hands(source, out)
    assert json.loads(os.read(answers, 10_000)) == {"jsonrpc": "2.0", "id": "a", "result": introduction()}
    assert os.read(source, 10) == b"rest"
    assert not shake_hands(source, out)
    for end in (source, answers, out):
        os.close(end)


def test_the_handshake_loads_nothing_heavy() -> None:
    code = """
import sys
import kfpilot.agent.cli.acp, kfpilot.agent.acp.handshake
kfpilot.agent.acp.handshake.introduction()
print([name for name in ("acp", "pydantic", "kfpilot.agent.workflow", "git", "anyio") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


def test_sessions_on_disk(tmp_path: Path) -> None:
    silent, spoken = Session(cwd=tmp_path, root=tmp_path), Session(cwd=tmp_path, root=tmp_path, title="/plan")
    for session in (silent, spoken):
        save(session)
        keep(session, {"n": 1})
    assert [session.id for session in list_sessions(tmp_path)] == [spoken.id]
    assert spoken.log is not None
    # A kill in the middle of a line costs that line alone.
    with spoken.log.open("a") as out:
        out.write('{"n": 2}\n{"n": ')
    assert list(said(spoken)) == [{"n": 1}, {"n": 2}] and list(said(silent)) == []
    (tmp_path / ".kfpilot/acp" / f"{'0' * 32}.json").write_text("{")
    assert [session.id for session in list_sessions(tmp_path)] == [spoken.id]
    ignored = (tmp_path / ".kfpilot/.gitignore").read_text()
    assert ignored == "*\n"
