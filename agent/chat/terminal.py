"""Reads the user's lines: with completion and history on a terminal, one after another from a pipe."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...tools.redact import redact
from ..documents.resolve import list_features
from .grammar import COMMANDS
from .session import chat_folder

if TYPE_CHECKING:
    from prompt_toolkit import PromptSession

PHRASES = (
    "go", "save", "resume", "status", "show spec", "show plan", "show tasks", "show diff", "why did ", "undo ", "do ",
    "new: ", "help", "quit",
)  # fmt: skip
LEAVE = "Ctrl-D or /quit leaves; `kfpilot chat --continue` comes back."


def read_lines(root: Path, words: Callable[[], Iterable[str]], say: Callable[[str], None]) -> Iterator[str]:
    """The user's lines until they leave.

    Args:
        root: The repository's root.
        words: Ids and names that can be completed now.
        say: Shows a line.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        for line in sys.stdin:
            yield line.rstrip("\r\n")
        return
    session = prompt_session(root, words)
    while True:
        try:
            yield session.prompt()
        except KeyboardInterrupt:
            say(LEAVE)
        except EOFError:
            return


def prompt_session(root: Path, words: Callable[[], Iterable[str]], **given: Any) -> PromptSession[str]:
    """The line editor.

    Args:
        root: The repository's root; the history is kept there.
        words: Ids and names that can be completed.
        given: For a terminal that is none (`input`, `output`).
    """
    from prompt_toolkit import PromptSession
    from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
    from prompt_toolkit.completion import CompleteEvent, Completer, Completion
    from prompt_toolkit.document import Document
    from prompt_toolkit.history import FileHistory

    class Words(Completer):
        """Commands at the beginning of a line, names and ids behind."""

        def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterator[Completion]:
            begun = document.text_before_cursor
            for text, about in completions(begun, words()):
                yield Completion(text, start_position=-len(begun.rpartition(" ")[2]), display_meta=about)

    class CleanHistory(FileHistory):
        """A history without secrets, for its owner alone."""

        def store_string(self, string: str) -> None:
            file = Path(os.fsdecode(self.filename))
            file.touch(mode=0o600, exist_ok=True)
            super().store_string(redact(string))

    folder = chat_folder(root)
    folder.mkdir(parents=True, exist_ok=True)
    return PromptSession(
        "kfpilot> ",
        completer=Words(),
        complete_while_typing=False,
        history=CleanHistory(str(folder / "history")),
        auto_suggest=AutoSuggestFromHistory(),
        **given,
    )


def completions(begun: str, words: Iterable[str]) -> Iterator[tuple[str, str]]:
    """What a line that was begun may go on with: the text of its last word, and a note.

    Args:
        begun: The line up to the cursor.
        words: Ids and names.
    """
    head, _, last = begun.rpartition(" ")
    if not head:
        if last.startswith("/"):
            yield from ((name, about.strip()) for name, about in COMMANDS.items() if name.startswith(last))
            return
        yield from ((phrase, "") for phrase in PHRASES if phrase.startswith(last) and last)
        return
    if head == "/show":
        words = ["spec", "plan", "tasks"]
    elif head == "/budget":
        words = [f"{name}=" for name in ("tokens", "cost", "calls", "attempts", "time")]
    elif head == "/model":
        words = ["auto", "embedded"]
    yield from ((word, "") for word in dict.fromkeys(words) if word.lower().startswith(last.lower()))


def names_in(root: Path, feature: str) -> list[str]:
    """The ids of a feature's tasks and stories, and the names of all features; what cannot be read gives none."""
    from ..documents import load_feature
    from ..errors import KfpilotError

    found = []
    for directory in list_features(root):
        found.append(directory.name)
        if not feature or directory.name == feature:
            try:
                tasks = load_feature(directory, root).tasks.tasks
            except (KfpilotError, OSError):
                continue
            found += [task.id or task.key for task in tasks]
            found += [story for task in tasks for story in task.stories]
    return list(dict.fromkeys(found))
