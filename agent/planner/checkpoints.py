"""Tasks that only ask whether all tests pass: `Checkpoint - Ensure all tests pass`.

Nobody writes anything for them. The whole suite is run on what stands there when all tasks above are done.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..documents.models import Task

if TYPE_CHECKING:
    from .depend import Edges, Item

GATES = ["scope", "files", "security", "tests"]

_TITLE = re.compile(r"^\W*(?:[a-z]+\s+)?check-?point\b", re.I)
_ALL_PASS = re.compile(
    r"\b(?:ensure|verify|check|confirm|make sure|run)\b[^.;\n]{0,60}\b(?:tests?|suite)\b"
    r"[^.;\n]{0,30}\bpass(?:es|ing)?\b",
    re.I,
)
_ALONE = re.compile(
    r"^\W*(?:ensure|verify|check|confirm|make sure)(?: that)? (?:all|the whole|the full)(?: the)?(?: \w+)?"
    r" (?:tests?|suite)(?: still)? pass(?:es)?\b\W*$",
    re.I,
)
_ASKS = re.compile(r"\bask\b.{0,20}\buser\b|\bif\b.{0,20}\bquestions?\b", re.I)


def is_checkpoint(task: Task) -> bool:
    """Whether a task asks for nothing but that all tests pass.

    One that names files, has sub-tasks, or says more than that is work like any other.
    """
    if task.files or task.children:
        return False
    if _ALONE.match(task.title):
        return all(_ALL_PASS.search(line) or _ASKS.search(line) for line in task.details)
    said = [task.title, *task.details]
    if not _TITLE.match(task.title) or not any(_ALL_PASS.search(line) for line in said):
        return False
    return all(_ALL_PASS.search(line) or _ASKS.search(line) for line in task.details)


def wait_at_checkpoints(order: Sequence[Item], edges: Edges) -> None:
    """A checkpoint needs the work above it in the file, and what stands below comes after it.

    One that fails holds up nothing: not even a later one, by which the tests may pass.
    """
    for place, item in enumerate(order):
        if is_checkpoint(item.task):
            for other in order[:place]:
                if other.index < item.index and not is_checkpoint(other.task):
                    edges.need(item.task.key, other.task.key, "checkpoint")
            for other in order[place + 1 :]:
                if other.index > item.index:
                    edges.soft[other.task.key].add(item.task.key)
