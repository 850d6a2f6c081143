"""Names the text in a repository that reads as if it were meant for a model. A warning, not what holds it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from ...tools import search
from ..documents.suspect import suspicions
from ..events import Notice
from ..planner.paths import is_protected

CODE = "suspicious-text"
BUDGET = 3_000_000
"""Bytes of the repository that are looked through, about half a second; what tasks name comes first."""
LONGEST = 200_000
MOST = 10


def in_repository(worktree: Path, first: Iterable[str]) -> Iterator[Notice]:
    """What file names and files say; the documents are the planner's to look through.

    Args:
        worktree: The run's files.
        first: Paths to look at before the others.
    """
    files = [path for path in search.files(worktree) if not is_protected(path)]
    told = 0
    for path in files:
        # A name is words with something between them.
        for item in suspicions(" ".join(path.replace("_", " ").replace("-", " ").replace("/", " ").split())):
            told += 1
            if told <= MOST:
                yield notice(f"the name of a file, {path!r},", item.what, path)
    known = set(files)
    left = BUDGET
    for path in dict.fromkeys([*(path for path in first if path in known), *files]):
        file = worktree / path
        try:
            size = file.lstat().st_size
            if file.is_symlink() or size > min(LONGEST, left):
                continue
            data = file.read_bytes()
        except OSError:
            continue
        left -= size
        if b"\0" in data:
            continue
        for item in suspicions(data.decode("utf-8", "replace")):
            told += 1
            if told <= MOST:
                yield notice(f"{path}:{item.line}", item.what, item.text)
    if told > MOST:
        yield Notice(level="warning", code=CODE, message=f"{told - MOST} more lines read as if meant for a model")


def in_output(task: str, text: str) -> Iterator[Notice]:
    """What the findings about a task say, such as the output of tests."""
    for item in suspicions(text)[:MOST]:
        yield notice(f"{task}: the output of a gate", item.what, item.text)


def notice(where: str, what: str, text: str) -> Notice:
    """One line for the report."""
    return Notice(level="warning", code=CODE, message=f"{where} reads as if meant for a model ({what}): {text}")
