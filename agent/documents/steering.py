"""Kiro's steering files: what every task keeps to."""

from __future__ import annotations

import re
from pathlib import Path

from .lines import read_bytes, scan
from .sections import items, sections

_ALWAYS = re.compile(r"^inclusion:\s*[\"']?always\b", re.M)
_INCLUSION = re.compile(r"^inclusion:", re.M)
_FRONT = re.compile(rb"\A---\r?\n(.*?)\r?\n---\r?\n", re.S)


def steering_of(root: Path) -> list[str]:
    """The rules of `.kiro/steering/*.md` that count for every task: their bullets.

    A file whose front matter says that it is included for some files, or by hand, is left out.
    """
    found: list[str] = []
    for path in sorted((root / ".kiro" / "steering").glob("*.md")):
        data = read_bytes(path)
        front = _FRONT.match(data)
        head = front[1].decode("utf-8", "replace") if front else ""
        if _INCLUSION.search(head) and not _ALWAYS.search(head):
            continue
        for part in sections(scan(data[front.end() :] if front else data, path)):
            found += [item.text for item in items(part.lines) if item.bullet]
    return list(dict.fromkeys(found))
