"""The line editor: completion, history, and lines from a pipe."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest
from kfpilot.agent.chat.grammar import COMMANDS
from kfpilot.agent.chat.terminal import completions, prompt_session, read_lines

WORDS = ["001-late-orders", "T001", "T002", "US1"]


@pytest.mark.parametrize(
    ("begun", "texts"),
    [
        ("/st", ["/status"]),
        ("wh", ["why did "]),
        ("", []),
        ("undo T", ["T001", "T002"]),
        ("/show ", ["spec", "plan", "tasks"]),
        ("/budget to", ["tokens="]),
        ("/model e", ["embedded"]),
        ("do us", ["US1"]),
        ("/run 0", ["001-late-orders"]),
    ],
)
def test_what_a_line_may_go_on_with(begun: str, texts: list[str]) -> None:
    assert [text for text, _ in completions(begun, WORDS)] == texts


def test_every_command_says_what_it_is() -> None:
    assert dict(completions("/", WORDS)) == COMMANDS


def test_completion_and_history_comes_back_without_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from prompt_toolkit.completion import CompleteEvent
    from prompt_toolkit.document import Document
    from prompt_toolkit.input import create_pipe_input
    from prompt_toolkit.output import DummyOutput

    monkeypatch.setenv("SHOP_API_KEY", "correct-horse-42-battery")
    with create_pipe_input() as keys:
        session = prompt_session(tmp_path, lambda: WORDS, input=keys, output=DummyOutput())
        begun = Document("/statu")
        assert [found.text for found in session.completer.get_completions(begun, CompleteEvent())] == ["/status"]
        keys.send_text("/status\r")
        assert session.prompt() == "/status"
        keys.send_text("use correct-horse-42-battery\r")
        session.prompt()
        keys.send_text("\x1b[A\x1b[A\r")
        assert session.prompt() == "/status"
        keys.send_text("\x03")
        with pytest.raises(KeyboardInterrupt):
            session.prompt()
        keys.send_text("\x04")
        with pytest.raises(EOFError):
            session.prompt()
    history = (tmp_path / ".kfpilot/chat/history").read_text(encoding="utf-8")
    assert "/status" in history and "correct-horse" not in history


def test_lines_of_a_pipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("one\r\n\ntwo"))
    assert list(read_lines(tmp_path, list, print)) == ["one", "", "two"]
