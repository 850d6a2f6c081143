"""The Python modules of a project that are not tests: what drafts are fitted to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ...tools import search
from ..planner.paths import role_of_path


def code_sources(root: Path) -> Iterator[tuple[str, str]]:
    """Path and text of each Python file that the code role owns, in the order of their paths."""
    for path in search.files(root, glob="*.py"):
        if role_of_path(path) == "code":
            yield path, (root / path).read_text(encoding="utf-8", errors="replace")
