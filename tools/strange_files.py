"""Reading what foreign code has left: it may have put a link or a pipe where a file is expected."""

from __future__ import annotations

import os
import stat
from pathlib import Path

LARGEST = 200_000_000
"""Bytes; more than any answer of a test run has."""


def text_of(path: Path, limit: int = LARGEST) -> str:
    """The text of a regular file; empty if there is none.

    A link is not followed: it would have us read for the sandbox what the sandbox may not see, and hand it on. A pipe
    is not waited for.

    Args:
        path: The file. Its folder is ours.
        limit: Bytes; of a larger file only the end is read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return ""
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            return ""
        if found.st_size > limit:
            file.seek(-limit, os.SEEK_END)
        return file.read(limit).decode("utf-8", "replace")
