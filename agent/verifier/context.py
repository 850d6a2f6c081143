"""What a gate is given: one task, one worktree, what changed in it, and what was there before."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ...tools import git
from ...tools.git_history import COMMIT
from ...tools.kfp_check import KfpModule
from ..documents.models import Feature
from ..planner.models import PlannedTask
from ..planner.paths import role_of_path
from .bench import Bench

if TYPE_CHECKING:
    from git import Repo


@dataclass
class GateContext:
    """Everything a gate may look at.

    Attributes:
        task: The task that is judged.
        feature: The documents (of the user's checkout).
        worktree: The folder with the work.
        base: The commit the task started from.
        later: Open tasks that come after this one: tests written first may wait for them.
        red: Test files of earlier tasks that still wait, with the tasks they wait for.
        bench: The shared workplace.
        only: When given, other changed paths are not this task's and are left out (`kfpilot verify`).
        asked: A person asked, on a finished tree: that nothing changed since the base is then no failure.
        already: The verified tasks that have done the work of this one, with their commits, where nothing was changed.
        found_red: Filled by the tests gate: test files that fail only because later tasks are still to come.
        tree: The content that is judged, as a git tree; empty until the verifier begins.
    """

    task: PlannedTask
    feature: Feature
    worktree: Path
    base: str
    bench: Bench
    later: list[PlannedTask] = field(default_factory=list)
    red: dict[str, list[str]] = field(default_factory=dict)
    only: list[str] | None = None
    asked: bool = False
    already: dict[str, str] = field(default_factory=dict)
    found_red: dict[str, list[str]] = field(default_factory=dict)
    compiled: dict[str, KfpModule] = field(default_factory=dict)
    tree: str = ""

    @cached_property
    def changed(self) -> list[str]:
        """Paths that differ from the base, deleted ones included."""
        changed = git.changed_files(self.worktree, self.base, self.tree)
        if self.only is None:
            return changed
        known = {path for path in self.only if (self.worktree / path).is_file()}
        return sorted(known | {path for path in changed if path in self.only})

    @cached_property
    def present(self) -> list[str]:
        """Changed paths that exist."""
        return [path for path in self.changed if (self.worktree / path).is_file()]

    def read(self, path: str) -> str:
        """A file of the worktree as text; bytes that are not UTF-8 are replaced."""
        return (self.worktree / path).read_bytes().decode("utf-8", "replace")

    @cached_property
    def repo(self) -> Repo:
        """The repository of the worktree."""
        return git.open_repo(self.worktree)

    def before(self, path: str) -> str | None:
        """The file as it was at the base; None if it did not exist."""
        key = (self.base, path)
        if key not in self.bench.before:
            data = git.show(self.worktree, self.base, path)
            text = None if data is None else data.decode("utf-8", "replace")
            if not COMMIT.fullmatch(self.base):
                return text  # a name, which may mean another commit the next time
            self.bench.before[key] = text
        return self.bench.before[key]

    def of(self, *patterns: str) -> list[str]:
        """Changed, existing files whose name matches one of the patterns."""
        return [path for path in self.present if any(fnmatch.fnmatch(path, pattern) for pattern in patterns)]

    @property
    def tests(self) -> list[str]:
        """Changed, existing Python files that belong to the tests."""
        return [path for path in self.of("*.py") if role_of_path(path) == "tests"]
