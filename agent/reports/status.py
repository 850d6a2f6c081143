"""Where a repository's features stand: their tasks, their latest runs, and how to go on."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from ..errors import UserError
from .find import RunInfo, list_runs
from .models import Report
from .standing import standing_of
from .summarise import summarise
from .words import merge_command, missing_end, one_line

if TYPE_CHECKING:
    from ..documents.models import Task


class RunStatus(BaseModel):
    """The latest run of a feature."""

    model_config = ConfigDict(extra="forbid")

    id: str
    outcome: str
    working: bool | None = Field(default=None, description="Whether its process runs; None when that is not known")
    background: bool = Field(default=False, description="Its process was started with --detach, or by an editor")
    pid: int | None = Field(default=None, description="The process that works on it now")
    message: str = ""
    started: float | None = None
    active: float
    branch: str = ""
    landed: bool = False
    verified: int = 0
    tasks: int = 0
    unmerged: list[str] = Field(default=[], description="Verified on its branch, by any run, and not here")
    merge: str = Field(default="", description="The command that takes them over")
    taken_back: list[str] = Field(default=[], description="Verified in the run, and taken back since")
    not_verified: list[str] = []
    missing: str = Field(default="", description="What a run that broke off lacks, where every task is verified")
    resume: str | None = Field(default=None, description="The command that goes on with it, if it did not end")


class FeatureStatus(BaseModel):
    """A feature: its tasks as the checkout has them, and its latest run."""

    model_config = ConfigDict(extra="forbid")

    feature: str
    directory: str
    open: int = 0
    done: int = 0
    deferred: int = 0
    problem: str = ""
    run: RunStatus | None = None


class Status(BaseModel):
    """What `kfpilot status --json` prints."""

    features: list[FeatureStatus] = []
    other_runs: list[RunStatus] = Field(default=[], description="Latest runs of features whose folder is gone")


def status_of(root: Path) -> Status:
    """Where a repository's features stand."""
    from ..documents import list_features

    latest: dict[str, RunInfo] = {}
    for info in list_runs(root):
        latest.setdefault(info.feature, info)
    features = [_feature(root, directory, latest.pop(directory.name, None)) for directory in list_features(root)]
    return Status(features=features, other_runs=[_run(root, info, None) for info in latest.values()])


def _feature(root: Path, directory: Path, info: RunInfo | None) -> FeatureStatus:
    from ..documents import load_feature
    from ..planner.groups import is_group

    where = directory.relative_to(root).as_posix() if directory.is_relative_to(root) else str(directory)
    status = FeatureStatus(feature=directory.name, directory=where)
    tasks: list[Task] | None = None
    try:
        feature = load_feature(directory, root)
    except UserError as error:
        status.problem = one_line(str(error))
    else:
        # A group is its sub-tasks.
        states = [task.state for task in feature.tasks.tasks if not is_group(task, feature)]
        status.done, status.deferred = states.count("done"), states.count("deferred")
        status.open = len(states) - status.done - status.deferred
        tasks = feature.tasks.tasks
    status.run = _run(root, info, tasks) if info else None
    return status


def _run(root: Path, info: RunInfo, tasks: list[Task] | None) -> RunStatus:
    status = RunStatus(
        id=info.id, outcome=info.outcome, started=info.started or None, active=info.active, branch=info.branch
    )
    try:
        report = summarise(info.journal)
    except UserError:
        return status.model_copy(update={"outcome": "unreadable"})
    verified = [task.id for task in report.verified]
    status.verified, status.tasks, status.landed = len(verified), len(report.tasks), report.landed
    status.not_verified = [task.id for task in report.open]
    found = standing_of(root, report)
    if found:
        status.landed, status.taken_back = found.landed, found.taken_back
    here = found.unmerged if found else verified if not report.landed else []
    # Ticked and not in HEAD: squashed or rebased, so its commits are other ones.
    status.unmerged = [key for key in here if tasks is None] + [
        task.key for task in tasks or [] if task.key in here and task.state != "done"
    ]
    status.merge = merge_command(report) if status.unmerged else ""
    status.missing, status.resume = missing_end(report), _resume(report)
    return status


def _resume(report: Report) -> str | None:
    if report.state in ("unfinished", "interrupted", "budget", "error"):
        return f"kfpilot run {shlex.quote(report.feature)} --resume" if report.feature else "kfpilot run --resume"
    return None
