"""Marks around text that others wrote, so that a model can tell it from what it is told to do."""

from __future__ import annotations

import hashlib
import re


def mark_for(*data: object) -> str:
    """The code in the marks around data, such as `<<<files 4f2a…` and `>>>4f2a…`.

    It is made from the data, so that a prompt is the same each time, and does not stand in it: whoever wrote the
    data cannot close the marks.
    """
    text = "\0".join(str(part) for part in data)
    code, number = "", 0
    while not code or code in text:
        code = hashlib.sha256(f"{number}{text}".encode("utf-8", "surrogateescape")).hexdigest()[:12]
        number += 1
    return code


def fence(text: str) -> str:
    """The fence of a code block that the text cannot close: longer than any run of backticks in it."""
    return "`" * max(3, 1 + max((len(run) for run in re.findall(r"`{3,}", text)), default=0))


def one_line(text: object) -> str:
    """Text without line ends and other control characters: what stands in one line stays in it."""
    return "".join(char if char.isprintable() else " " for char in str(text))
