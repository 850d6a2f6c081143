"""Which commits `kfpilot undo` means: looked for on run branches that are ahead of HEAD, then where work has landed."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel

from ...tools import git, git_revert
from ..errors import UserError
from ..planner.depend import id_key
from ..reports.history import TaskCommit, task_history
from .place import branch_of

if TYPE_CHECKING:
    from git import Repo

RUN_ID = re.compile(r"\d{8}(-\d{0,6}(-\w*)?)?\Z")


class Where(BaseModel):
    """A branch with the task commits in its history."""

    branch: str
    tip: str
    checkout: bool
    live: list[TaskCommit]
    gone: list[TaskCommit]


def names(items: list[TaskCommit]) -> str:
    """The tasks in order."""
    return ", ".join(dict.fromkeys(item.task for item in items))


def histories(repo: Repo, feature: str | None) -> list[Where]:
    """The branches that may hold the work: run branches that are ahead of HEAD, then what is checked out.

    A run branch that is part of HEAD has landed: there its work is taken back from where it landed.
    """
    head, here = git.head(repo), git.current_branch(repo) or ""
    found = []
    for branch, tip in git_revert.branches(repo, "kfpilot/").items():
        if branch != here and not git_revert.is_ancestor(repo, tip, head):
            live, gone = task_history(repo, tip)
            own = [item for item in live if branch_of(item.feature) == branch]
            past = [item for item in gone if branch_of(item.feature) == branch]
            found.append(Where(branch=branch, tip=tip, checkout=False, live=own, gone=past))
    live, gone = task_history(repo, "HEAD")
    found.append(Where(branch=here, tip=head, checkout=True, live=live, gone=gone))
    if feature is not None:
        for where in found:
            fitting = [item.feature for item in [*where.live, *where.gone] if feature_fits(item.feature, feature)]
            where.live = [item for item in where.live if item.feature in fitting]
            where.gone = [item for item in where.gone if item.feature in fitting]
    return found


def latest_with_work(repo: Repo, runs: Sequence[str]) -> str | None:
    """The last of these runs of which something can be taken back."""
    left = {item.run for where in histories(repo, None) for item in where.live}
    return next((run for run in reversed(runs) if run in left), None)


def feature_fits(name: str, hint: str) -> bool:
    """A feature's name, the beginning of it such as its number, or its folder."""
    hint = hint.rstrip("/").rsplit("/", 1)[-1]
    return name == hint or name.startswith(f"{hint}-")


def choose(
    root: Path, places: list[Where], target: str | None
) -> tuple[list[TaskCommit], list[TaskCommit], Where | None]:
    """What is meant: the commits to take back, those that are back already, and the branch; no branch if all are back.

    Raises:
        UserError: Nothing fits, or several things do.
    """
    if target is None:
        target = latest(root, places)
    runs = {item.run for where in places for item in [*where.live, *where.gone] if item.run}
    ids = [target] if target in runs else sorted(run for run in runs if run.startswith(target))
    if RUN_ID.match(target) and ids:
        if len(ids) > 1:
            raise UserError(f"'{target}' fits {len(ids)} runs: {', '.join(ids[:6])}", mend="Give more of the run's id.")
        return pick(places, lambda item: item.run == ids[0], every=True)
    key = id_key(target)

    def fits(item: TaskCommit) -> bool:
        return id_key(item.task) == key

    features = {item.feature for where in places for item in [*where.live, *where.gone] if fits(item)}
    if not features:
        known = ", ".join(sorted({item.task for where in places for item in where.live})) or "none"
        raise UserError(
            f"no verified commit of '{target}' is on this branch or on a run's branch",
            where=root,
            mend=f"Tasks that can be taken back: {known}. Runs: {', '.join(sorted(runs)[-6:]) or 'none'}.",
        )
    if len(features) > 1:
        raise UserError(
            f"'{target}' is a task of several features: {', '.join(sorted(features))}",
            mend="Say which: --feature NAME.",
        )
    return pick(places, fits, every=False)


def pick(
    places: list[Where], fits: Callable[[TaskCommit], bool], *, every: bool
) -> tuple[list[TaskCommit], list[TaskCommit], Where | None]:
    """From the first branch that has some: all commits that fit, or the latest of them."""
    for where in places:
        live = [item for item in where.live if fits(item)]
        gone = [item for item in where.gone if fits(item)]
        if live:
            return (live if every else live[-1:]), (gone if every else []), where
        if gone:
            # Not the older work of the same task that another branch still has: asking twice is no more than once.
            return [], (gone if every else gone[-1:]), None
    raise AssertionError("somebody has looked before")


def latest(root: Path, places: list[Where]) -> str:
    """The id of the latest run that has verified something, be it taken back or not: twice is no more than once."""
    runs = {item.run for where in places for item in [*where.live, *where.gone] if item.run}
    if runs:
        # An id begins with the time; the record of a run may be gone.
        return max(runs)
    raise UserError("there is nothing to take back", where=root, mend="See the runs with `kfpilot status`.")
