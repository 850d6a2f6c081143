"""When a task or a run ends before it is done: what is kept, and what is not tried any more."""

from __future__ import annotations

from ..events import Notice
from .place import keep_patch
from .session import Lane, Run

SAME_OTHER_WORKER = 2
SAME_STOPS = 3
"""How often a failure comes again: once is answered with a fresh start, then with another way of working."""


def keep_unfinished(lane: Lane, task: str, base: str) -> None:
    """A budget ends the run within a task: what there is of it is kept, and the task begins anew with `--resume`."""
    patch = keep_patch(lane.run.place, lane.worktree, task, base)
    if patch:
        lane.run.emit(Notice(code="unfinished-work", message=f"{task} was not finished; its work so far is in {patch}"))


def stop_for(run: Run, same: int, failures: list[str]) -> str:
    """Why no further attempt makes sense: a model that was made to start anew, and another way of working after it,
    failed in the same way each time. Drafts are drawn at random, so only their number ends them."""
    if run.worker.fresh_tree or same < SAME_STOPS:
        return ""
    first = " ".join((failures or [""])[0].split())[:300]
    return f"the same failure {same + 1} times in a row, with a fresh start and another way of working between: {first}"
