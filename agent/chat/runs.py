"""The runs of a conversation: which it has made, which it goes on with, which task of one failed."""

from __future__ import annotations

from pathlib import Path

from ..documents import resolve_feature
from ..errors import UserError
from ..reports.find import RunInfo, list_runs
from ..reports.summarise import summarise
from ..workflow.resuming import resumable


def marks(root: Path) -> dict[str, float]:
    """When each run was active last."""
    return {info.id: info.active for info in list_runs(root)}


def made_since(root: Path, before: dict[str, float]) -> RunInfo | None:
    """The run that was made, or gone on with, since the marks were taken; two never work at once."""
    return next((info for info in list_runs(root) if before.get(info.id) != info.active), None)


def feature_to_resume(root: Path, words: str, feature: str) -> str:
    """The feature whose run is to be gone on with.

    Args:
        root: The repository's root.
        words: What names the feature, if the user said it.
        feature: What the conversation is about.

    Raises:
        UserError: There is no such run, or more than one.
    """
    if words.strip():
        return resolve_feature(root, words, {}, None).name
    if feature:
        return feature
    found = resumable(root)
    if not found:
        raise UserError("there is no run to go on with", where=root, mend="/run 001 runs a feature that is here.")
    if len(found) > 1:
        raise UserError(f"several runs can be gone on with: {', '.join(found)}", mend=f"Say which: /resume {found[-1]}")
    return found[0]


def after_failure(info: RunInfo) -> str:
    """What can be asked about a run that has not verified everything; empty if no task of it failed."""
    failed = [task.id for task in summarise(info.journal).tasks if task.state == "failed"]
    return f"Ask: why did {failed[0]} fail. Or: do {failed[0]}, with a word on how." if failed else ""


def nothing_run(root: Path, target: str) -> UserError:
    """Why nothing is taken back, and the command that takes back what another conversation or command has made."""
    latest = next(iter(list_runs(root)), None)
    if target:
        mend = f"What others made: kfpilot undo {target}"
    elif latest:
        mend = f"The repository's latest run is {latest.id} of {latest.feature}: kfpilot undo {latest.id}"
    else:
        mend = "The repository has no run either."
    return UserError("this conversation has run nothing, so it takes nothing back", mend=mend)
