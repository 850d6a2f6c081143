"""What makes a task list unworkable (errors) or doubtful (warnings)."""

from __future__ import annotations

import os
import re
from pathlib import Path

from ..errors import UserError
from .dependencies import check_dependencies
from .lines import scan
from .models import TaskList, Warn

_EXPECTED = "Expected lines like `- [ ] T001 [P] [US1] Create the loader in src/load.py` (or headings `### T1 — …`)."
_PRUNED = {".git", ".hg", ".venv", "venv", "node_modules", "__pycache__", ".tox", ".mypy_cache", ".kfpilot", "build"}


def check_tasks(tasks: TaskList, data: bytes) -> None:
    """Refuses a list that cannot be worked.

    Raises:
        UserError: No task, a dependency on an unknown id, or a cycle.
    """
    if not tasks.tasks:
        near = _nearest_lines(data, tasks.path)
        shown = "".join(f"\n    line {number}: {text}" for number, text in near)
        what = "No task was recognised" + (
            f"; the nearest lines are:{shown}" if near else ": the file has no such line."
        )
        raise UserError(what, where=tasks.path, line=near[0][0] if near else None, mend=_EXPECTED)
    check_dependencies(tasks)


def find_warnings(tasks: TaskList, root: Path) -> list[Warn]:
    """Phantom ticks: ticked tasks that name files, none of which exists anywhere below the repository."""
    warnings = []
    index: set[str] | None = None
    for task in tasks.tasks:
        if task.state != "done" or not task.files:
            continue
        if any(_exists(root / name) or _exists(tasks.path.parent / name) for name in task.files):
            continue
        if index is None:
            index = _suffixes(root)
        if any(name.strip("/") in index for name in task.files):
            continue
        names = ", ".join(task.files[:5])
        message = f"{task.key} is ticked, but no file it names exists: {names}."
        warnings.append(Warn(code="phantom-tick", message=message, line=task.line, path=tasks.path))
    return warnings


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _suffixes(root: Path) -> set[str]:
    """Every file and folder below the root by all the ends of its path: `a/b/c.py`, `b/c.py`, `c.py`."""
    found: set[str] = set()
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if name not in _PRUNED]
        inside = Path(folder).relative_to(root).parts
        for name in (*files, *folders):
            parts = (*inside, name)
            found.update("/".join(parts[start:]) for start in range(len(parts)))
    return found


def _nearest_lines(data: bytes, path: Path) -> list[tuple[int, str]]:
    """Up to three lines that come nearest to a task."""
    scored = []
    for line in scan(data, path).lines:
        score = 0
        score += 4 * bool(re.search(r"\[[ xX~-]?\]", line.text))
        score += 3 * bool(re.search(r"\bT-?\d+", line.text))
        score += 2 * bool(re.search(r"\btask\b", line.text, re.I))
        score += bool(re.match(r"\s*(?:[-*+]|\d+[.)])\s", line.text))
        if score >= 1:
            hint = "  (inside a code block or comment)" if line.hidden else ""
            scored.append((-score, line.number, line.text.strip()[:100] + hint))
    return sorted((number, text) for _, number, text in sorted(scored)[:3])
