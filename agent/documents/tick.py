"""Ticking a task: one byte changes, nothing else."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from ..errors import UserError
from .models import Task

_TICK = re.compile(rb"(?m)^[ \t>]*(?:[-*+]|\d{1,9}[.)])[ \t]+\[([xX])\]")


def digest_of(text: str, mark_index: int | None, mark: str) -> str:
    """SHA-256 of a line with its mark blanked; the line's end and a byte order mark are no part of it."""
    if mark_index is not None and mark_index >= 0 and mark:
        text = text[:mark_index] + " " + text[mark_index + len(mark) :]
    return hashlib.sha256(text.encode()).hexdigest()


def tickable(task: Task) -> bool:
    """Whether the task has a box of one byte between its brackets."""
    return task.mark_offset is not None and task.mark is not None and len(task.mark.encode()) == 1


def tick(data: bytes, task: Task) -> bytes:
    """The file with the task ticked: exactly the byte between its brackets differs.

    The mark is `x`, or `X` where most ticks of the file are written so. A task that is ticked already is left as it is.

    Args:
        data: The file's bytes.
        task: A task that was parsed from these bytes; see `retarget` if the file has changed.

    Raises:
        UserError: The task has no box, or its line is not where it was.
    """
    offset = _box(data, task)
    if data[offset : offset + 1] in (b"x", b"X"):
        return data
    ticks = _TICK.findall(data)
    upper = ticks.count(b"X") * 2 > len(ticks)
    return data[:offset] + (b"X" if upper else b"x") + data[offset + 1 :]


def untick(data: bytes, task: Task) -> bytes:
    """The file with the task's box empty again: exactly the byte between its brackets differs.

    Args:
        data: The file's bytes.
        task: A task that was parsed from these bytes.

    Raises:
        UserError: The task has no box, or its line is not where it was.
    """
    offset = _box(data, task)
    return data[:offset] + b" " + data[offset + 1 :]


def _box(data: bytes, task: Task) -> int:
    """The offset of the byte between the task's brackets, if the task still stands there."""
    if not tickable(task) or task.mark_offset is None:
        raise UserError(
            f"{task.key} has no box that could be ticked.",
            line=task.line,
            mend="Write it as `- [ ] T001 …`, with one blank between the brackets.",
        )
    line = _line_around(data, task.mark_offset)
    if line is None or digest_of(line[0], line[1], line[0][line[1]]) != task.digest:
        raise UserError(
            f"{task.key} is no longer on line {task.line}: the file was changed.",
            line=task.line,
            mend="Read the file again.",
        )
    return task.mark_offset


def retarget(data: bytes, task: Task) -> Task:
    """Finds the task again in bytes that may have changed: by its line's digest, then by its id.

    Raises:
        UserError: The task is gone, or its id is on several changed lines.
    """
    from .tasks import parse_tasks_text

    tasks = parse_tasks_text(data, Path("tasks.md")).tasks
    same_line = [other for other in tasks if other.digest == task.digest]
    candidates = same_line or [other for other in tasks if task.id is not None and other.id == task.id]
    exact = [other for other in candidates if other.key == task.key and task.id is not None]
    # The same line twice: the one that has the same key, else the nearest one.
    if exact:
        return exact[0]
    if same_line or len(candidates) == 1:
        return min(candidates, key=lambda other: abs(other.line - task.line))
    raise UserError(
        f"{task.key} ({task.title[:60]}) is no longer in the file.",
        mend="Its line was changed or removed while it was being worked; put it back or plan again.",
    )


def _line_around(data: bytes, offset: int) -> tuple[str, int] | None:
    """The line that holds the byte, and the index of that byte's character in it."""
    if not 0 <= offset < len(data):
        return None
    start = max(data.rfind(b"\n", 0, offset), data.rfind(b"\r", 0, offset)) + 1
    ends = [position for end in (b"\n", b"\r") if (position := data.find(end, offset)) >= 0]
    if start == 0 and data.startswith(b"\xef\xbb\xbf"):
        start = 3
    try:
        before = data[start:offset].decode()
        text = before + data[offset : min(ends, default=len(data))].decode()
    except UnicodeDecodeError:
        return None
    return (text, len(before)) if len(text) > len(before) else None
