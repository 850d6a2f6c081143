"""What the history says of tasks: which commits stand for them, and which of these were taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from ...tools.git_history import trailers_of

if TYPE_CHECKING:
    from git import Repo

TASK_TRAILER = "Kfpilot-Task"
FEATURE_TRAILER = "Kfpilot-Feature"
RUN_TRAILER = "Kfpilot-Run"
EVIDENCE_TRAILER = "Kfpilot-Evidence"
MENDED_TRAILER = "Kfpilot-Mended"
"""Of a tests task whose commit changes code as well: the file that its tests found fault with."""
DONE_BY_TRAILER = "Kfpilot-Done-By"
"""Of a task whose commit holds its tick alone: the tasks, with commas, whose commits have done its work as well."""
UNDO_TRAILER = "Kfpilot-Undo"
"""Of a commit that takes a task back: the commit it takes back."""
UNDO_EVIDENCE_TRAILER = "Kfpilot-Undo-Evidence"
"""The same by its evidence, which stays what it is when a user rebases."""

KEYS = (
    TASK_TRAILER,
    FEATURE_TRAILER,
    RUN_TRAILER,
    EVIDENCE_TRAILER,
    MENDED_TRAILER,
    DONE_BY_TRAILER,
    UNDO_TRAILER,
    UNDO_EVIDENCE_TRAILER,
)


class TaskCommit(BaseModel):
    """The commit of one verified task."""

    model_config = ConfigDict(extra="forbid")

    commit: str
    task: str
    feature: str = ""
    run: str = ""
    evidence: str = ""
    mended: str = ""
    done_by: list[str] = []
    shared: bool = False
    """The commit stands for several tasks: somebody has squashed."""
    undone_by: str = ""


def task_history(repo: Repo, span: str) -> tuple[list[TaskCommit], list[TaskCommit]]:
    """The task commits of a range that count, and those that were taken back; both oldest first.

    Args:
        repo: The repository.
        span: A revision or a range. A commit is always older than the one that takes it back, so a range that holds
            both has them in this order; a task that was worked again afterwards counts again.
    """
    live: list[TaskCommit] = []
    gone: list[TaskCommit] = []
    for commit, values in trailers_of(repo, span, KEYS):
        for target in [*values[UNDO_TRAILER], *values[UNDO_EVIDENCE_TRAILER]]:
            for item in [item for item in live if target in (item.commit, item.evidence)]:
                live.remove(item)
                gone.append(item.model_copy(update={"undone_by": commit}))
        tasks = values[TASK_TRAILER]
        live += [
            TaskCommit(
                commit=commit,
                task=task,
                feature=(values[FEATURE_TRAILER] or [""])[0],
                run=(values[RUN_TRAILER] or [""])[0],
                evidence=(values[EVIDENCE_TRAILER] or [""])[0],
                mended=(values[MENDED_TRAILER] or [""])[0],
                done_by=[key for value in values[DONE_BY_TRAILER] for key in value.split(", ")],
                shared=len(tasks) > 1,
            )
            for task in tasks
        ]
    return live, gone
