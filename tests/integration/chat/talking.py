"""Conversations whose lines come from a pipe, and what their model says."""

from __future__ import annotations

import io
import sys
from typing import Any

import pytest
from kfpilot.agent.cli.chat import chat_command
from kfpilot.agent.models.scripted import calls

PAGE = "# Prices\n\n`single()` in `shop/price.py` keeps a price.\n"
REQUEST = "describe the prices for readers and for operators"
STORY = {
    "text": "A reader knows the prices.",
    "why": "Nobody knows them.",
    "test": "Read it.",
    "scenarios": [{"given": "a reader", "when": "they read it", "then": "they know it"}],
}
WORDS: dict[str, Any] = {
    "title": "Pages on prices",
    "name": "price-pages",
    "summary": "Two pages.",
    "stories": [{"title": "Readers", **STORY}, {"title": "Operators", **STORY}],
    "requirements": [
        {"text": "A page MUST describe the prices.", "story": 1},
        {"text": "A page MUST say how they are run.", "story": 2},
    ],
    "pieces": [
        {"kind": "docs", "name": "first", "story": 1, "does": "what `single` does", "requirements": [1]},
        {"kind": "docs", "name": "second", "story": 2, "does": "how `single` is run", "requirements": [2]},
    ],
}
DRAFT = calls(("Outline", WORDS))
BRANCH = "kfpilot/002-price-pages"
FEATURE = "specs/002-price-pages"


def write(path: str, text: str = PAGE) -> Any:
    return calls(("write_file", {"path": path, "content": text}), ("finish", {"summary": "x"}))


ONE, TWO = write("docs/first.md"), write("docs/second.md")
LIES = write("docs/second.md", "# Prices\n\n`nobody_has_this()` in `shop/none.py`.\n")


class Chat:
    """Conversations whose lines come from a pipe."""

    def __init__(self, runs: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.runs, self.root, self.model = runs, runs.root, runs.model
        self.monkeypatch, self.capsys = monkeypatch, capsys
        self.code = 0

    def say(self, *lines: str, turns: list[Any] | None = None, **more: Any) -> str:
        """One session with these lines and these answers of the model; what it printed."""
        self.model.add(*(turns or []))
        self.monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
        self.code = chat_command(self.root, overrides={"jobs": 1}, plain=True, no_color=True, **more)
        return self.capsys.readouterr().out

    def ticks(self) -> str:
        text = self.runs.git("show", f"{BRANCH}:{FEATURE}/tasks.md")
        return "".join(line[3] for line in text.splitlines() if line.startswith("- ["))
