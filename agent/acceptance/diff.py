"""The diff as a reviewer reads it: numbered lines, the biggest code files first, cut to a budget."""

from __future__ import annotations

import re
from typing import NamedTuple

from ..models.wire import rough_tokens
from ..planner.paths import is_protected, role_of_path

ORDER = {"code": 0, "tests": 1, "infra": 2, "docs": 3}
LEAST = 60
"""Tokens below which the beginning of a file is not worth showing."""

_HUNK = re.compile(r"@@ -\d+(?:,\d+)? \+(\d+)(?:,\d+)? @@(.*)")


class ShownDiff(NamedTuple):
    """What fits.

    Attributes:
        text: For the request.
        left_out: Files that are not shown, or not whole.
    """

    text: str
    left_out: list[str]


class _Part(NamedTuple):
    path: str
    lines: list[str]
    size: int


def shown_diff(patch: str, budget: int) -> ShownDiff:
    """A patch for a reader, in at most about `budget` tokens.

    The feature's own documents are left out: a task's tick is no work to review.
    """
    parts = sorted(parts_of(patch), key=lambda part: (ORDER.get(role_of_path(part.path), 0), -part.size, part.path))
    texts: list[str] = []
    left_out: list[str] = []
    for part in parts:
        room = budget - sum(rough_tokens(text) for text in texts)
        text = "\n".join([f"--- {part.path}", *part.lines])
        if rough_tokens(text) <= room:
            texts.append(text)
            continue
        left_out.append(part.path)
        if room < LEAST:
            continue
        kept, used = [f"--- {part.path} (cut)"], 0
        for line in part.lines:
            used += len(line) // 4 + 1
            if used > room - 20:
                break
            kept.append(line)
        texts.append("\n".join(kept))
    return ShownDiff("\n\n".join(texts), left_out)


def parts_of(patch: str) -> list[_Part]:
    """The files of a patch with their lines numbered as in the new file; removed lines have no number."""
    found = []
    for chunk in re.split(r"(?m)^(?=diff --git )", patch):
        path = path_of(chunk)
        if not path or is_protected(path):
            continue
        lines: list[str] = []
        number, size, inside = 0, 0, False
        for line in chunk.splitlines()[1:]:
            hunk = _HUNK.match(line)
            if hunk:
                number, inside = int(hunk[1]), True
                lines.append(f"@@{hunk[2]}")
            elif not inside:
                if line.startswith(("new file", "deleted file", "rename", "GIT binary", "Binary")):
                    lines.append(line)
                    if line.startswith("GIT binary"):
                        break
            elif line.startswith("\\"):
                continue
            elif line.startswith("-"):
                lines.append(f"     {line}")
                size += 1
            else:
                lines.append(f"{number:>4} {line}")
                size += int(line.startswith("+"))
                number += 1
        found.append(_Part(path, lines, size))
    return found


def path_of(chunk: str) -> str:
    """The path a part of a patch is about."""
    for pattern in (r"^\+\+\+ b/(.+?)\t?$", r"^--- a/(.+?)\t?$", r"^diff --git a/.+ b/(.+)$"):
        match = re.search(pattern, chunk.split("\n@@", 1)[0], re.M)
        if match:
            return match[1]
    return ""
