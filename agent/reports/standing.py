"""What has become of a run's work since: git is the truth, and the run's journal does not know of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from ..errors import ToolFailure
from .history import task_history
from .models import Report
from .summarise import readiness

if TYPE_CHECKING:
    from git import Repo


class Standing(BaseModel):
    """Where a run's work stands now."""

    model_config = ConfigDict(extra="forbid")

    landed: bool = Field(description="A branch that is not a run's has it")
    unmerged: list[str] = Field(default=[], description="Verified on the branch, by any run, and not in HEAD")
    taken_back: list[str] = Field(default=[], description="Verified in the run, and taken back since")


def standing_of(root: Path, report: Report) -> Standing | None:
    """Where the work of a run and of those before it on its branch stands; None where git cannot say."""
    from git import GitCommandError

    from ...tools import git

    try:
        repo = git.open_repo(root)
        branch = git.branch_head(repo, report.branch) if report.branch else None
        live = task_history(repo, f"HEAD..{branch}")[0] if branch else []
        return Standing(
            landed=_landed(repo, report),
            unmerged=list(dict.fromkeys(item.task for item in live if item.feature == report.feature)),
            taken_back=_taken_back(repo, report, branch),
        )
    except (ToolFailure, GitCommandError):
        return None


def _landed(repo: Repo, report: Report) -> bool:
    from ...tools import git_revert

    if not report.verified or not report.head:
        return report.landed
    if git_revert.is_ancestor(repo, report.head, "HEAD"):
        return True
    try:
        return any("kfpilot/" not in name for name in git_revert.branches_with(repo, report.head))
    except ToolFailure:
        # The commit is gone: it was merged as another one, or dropped.
        return report.landed


def _taken_back(repo: Repo, report: Report, branch: str | None) -> list[str]:
    """The tasks whose commits were taken back, on the run's branch or where the user is."""
    undone: set[str] = set()
    # A branch that is gone says nothing.
    for tip in (branch, "HEAD"):
        if tip and report.verified:
            _, gone = task_history(repo, f"{report.base}..{tip}" if report.base else tip)
            undone.update(key for item in gone for key in (item.commit, item.evidence) if key)
    return [task.id for task in report.verified if {task.commit, task.evidence} & undone]


def as_it_stands(root: Path, report: Report, working: int | None = None) -> Report:
    """The report with what has become of the work since.

    Args:
        root: The repository's root.
        report: What the journal tells.
        working: The process that works on the run now.
    """
    found = standing_of(root, report)
    told = report.model_copy(update={"working": working})
    if found:
        told.landed, told.taken_back = found.landed, found.taken_back
        told.not_landed = "" if found.landed else told.not_landed
    told.readiness = readiness(told)
    return told
