"""Of the lines that a change has added to code, which the tests execute."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

from pydantic import BaseModel, Field

from ...tools import git
from ...tools.git_lines import added_lines
from ...tools.pytest_run import TestRun
from ..planner.paths import role_of_path


class ChangeCoverage(BaseModel):
    """What the tests execute of a change.

    A component that a test runs in another process (a local run of KFP) counts as not executed: it is not seen there.
    """

    lines: int = Field(description="Added lines that can be executed")
    covered: int
    uncovered: list[str] = Field(default=[], description="`file:3-5, 9` for each file with lines that no test executes")

    @property
    def percent(self) -> float:
        """100 when nothing that can be executed was added."""
        return round(100 * self.covered / self.lines, 1) if self.lines else 100.0


def change_coverage(worktree: Path, base: str, run: TestRun) -> ChangeCoverage | None:
    """Compare the lines added since a commit with those that a run of the tests executed.

    Args:
        worktree: The checkout that the tests ran on.
        base: The commit before the change.
        run: A run with coverage.

    Returns:
        None when coverage was not measured.
    """
    if run.coverage is None:
        return None
    changed = [path for path in git.changed_files(worktree, base) if path.endswith(".py")]
    paths = [path for path in changed if role_of_path(path) == "code" and (worktree / path).is_file()]
    lines = covered = 0
    uncovered = []
    for path, added in added_lines(worktree, base, paths).items():
        missing = added & set(run.file_coverage.get(path, []))
        executed = added & set(run.executed.get(path, []))
        lines += len(missing) + len(executed)
        covered += len(executed)
        if missing:
            uncovered.append(f"{path}:{spans(missing)}")
    return ChangeCoverage(lines=lines, covered=covered, uncovered=uncovered)


def spans(numbers: set[int]) -> str:
    """`3-5, 9` for 3, 4, 5 and 9."""
    groups = groupby(enumerate(sorted(numbers)), key=lambda pair: pair[1] - pair[0])
    found = []
    for _, group in groups:
        run = [number for _, number in group]
        found.append(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}")
    return ", ".join(found)
