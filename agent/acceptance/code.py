"""What the tasks of a feature made: the names at the top of their modules."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from ...tools.syntax import parse_python
from ..documents.models import Task
from ..planner.paths import role_of_path
from .models import TaskEvidence


class Code:
    """Reads modules once each.

    Args:
        root: The tree.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._tops: dict[str, set[str]] = {}

    def tops(self, path: str) -> set[str]:
        """What a module defines at its top."""
        if path not in self._tops:
            try:
                body = parse_python((self.root / path).read_text(encoding="utf-8-sig")).body
            except (OSError, ValueError, SyntaxError, RecursionError):
                body = []
            kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
            self._tops[path] = {node.name for node in body if isinstance(node, kinds)}
        return self._tops[path]

    def defined(self, task: Task, evidence: TaskEvidence) -> set[str]:
        """The names that a task gives and that its modules define."""
        modules = [path for path in evidence.files if path.endswith(".py") and role_of_path(path) != "tests"]
        return {name for path in modules for name in names_of(task) & self.tops(path)}

    def made(self, task: Task, evidence: TaskEvidence) -> set[str]:
        """What a task made; all names that it gives, if its modules define none of them.

        A task that puts steps into a pipeline gives their names too, and made none of them.
        """
        return self.defined(task, evidence) or names_of(task)


def names_of(task: Task) -> set[str]:
    """The names of code that a task gives, `double` for `double(price)` and for `shop.double`."""
    return {re.split(r"[^\w.]", symbol)[0].rpartition(".")[2] for symbol in task.symbols}
