"""`--land`: the verified work comes into the user's branch, or it is said why not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...tools import git
from ..errors import ToolFailure, UserError
from ..events import NOT_LANDED, Notice
from .session import Run

if TYPE_CHECKING:
    from git import Repo


def land(run: Run) -> bool:
    """Fast-forward the user's branch to the run's; when that cannot be, say so and leave both as they are."""
    try:
        git.fast_forward(run.repo, run.place.branch)
    except ToolFailure as error:
        run.emit(Notice(level="warning", code=NOT_LANDED, message=str(error)))
        return False
    return True


def land_earlier(repo: Repo, branch: str) -> None:
    """The same where nothing is left to do: an earlier run has verified it, and it may not have landed then.

    Raises:
        UserError: It cannot be landed now either.
    """
    tip = git.branch_head(repo, branch)
    if tip is None:
        return
    try:
        if git.merge_base(repo, git.head(repo), tip) == tip:
            return
        git.fast_forward(repo, branch)
    except ToolFailure as error:
        raise UserError(str(error)) from None
