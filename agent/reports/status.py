"""Where a repository's features stand: their tasks, their latest runs, and how to go on."""

from __future__ import annotations

import shlex
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from ..errors import ToolFailure, UserError
from .find import RunInfo, list_runs
from .history import task_history
from .models import Report
from .summarise import summarise
from .words import merge_command, missing_end, one_line


class RunStatus(BaseModel):
    """The latest run of a feature."""

    model_config = ConfigDict(extra="forbid")

    id: str
    outcome: str
    working: bool | None = Field(default=None, description="Whether its process runs; None when that is not known")
    message: str = ""
    started: float | None = None
    active: float
    branch: str = ""
    landed: bool = False
    verified: int = 0
    tasks: int = 0
    unmerged: list[str] = Field(default=[], description="Verified on the run's branch, open in the checkout's tasks.md")
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

    where = directory.relative_to(root).as_posix() if directory.is_relative_to(root) else str(directory)
    status = FeatureStatus(feature=directory.name, directory=where)
    open_tasks: set[str] | None = None
    try:
        feature = load_feature(directory, root)
    except UserError as error:
        status.problem = one_line(str(error))
    else:
        states = [task.state for task in feature.tasks.tasks]
        status.done, status.deferred = states.count("done"), states.count("deferred")
        status.open = len(states) - status.done - status.deferred
        open_tasks = {task.key for task in feature.tasks.tasks if task.state != "done"}
    status.run = _run(root, info, open_tasks) if info else None
    return status


def _run(root: Path, info: RunInfo, open_tasks: set[str] | None) -> RunStatus:
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
    unmerged = [key for key in verified if open_tasks is None or key in open_tasks]
    status.taken_back = _taken_back(root, report) if unmerged else []
    status.unmerged = [key for key in unmerged if key not in status.taken_back]
    status.merge = merge_command(report) if status.unmerged and not report.landed else ""
    status.missing, status.resume = missing_end(report), _resume(report)
    return status


def _taken_back(root: Path, report: Report) -> list[str]:
    """The tasks of a run whose commits were taken back, on its branch or where the user is."""
    from git import GitCommandError

    from ...tools import git

    undone: set[str] = set()
    try:
        repo = git.open_repo(root)
        # A branch that is gone says nothing.
        tips = [tip for tip in (git.branch_head(repo, report.branch), "HEAD") if tip]
        for tip in tips:
            _, gone = task_history(repo, f"{report.base}..{tip}" if report.base else tip)
            undone.update(item.commit for item in gone)
    except (ToolFailure, GitCommandError):
        return []
    return [task.id for task in report.verified if task.commit in undone]


def _resume(report: Report) -> str | None:
    if report.state in ("unfinished", "interrupted", "budget", "error"):
        return f"kfpilot run {shlex.quote(report.feature)} --resume" if report.feature else "kfpilot run --resume"
    return None
