"""`kfpilot report` and `kfpilot status`: what runs did, and where the features stand."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from ..errors import EXIT_OK, UserError
from ..reports.find import RunInfo, find_run, list_runs
from ..reports.models import Report
from ..reports.summarise import summarise
from ..reports.words import OUTCOMES, bare, one_line, plural

if TYPE_CHECKING:
    from rich.console import Console


class RunStatus(BaseModel):
    """The latest run of a feature."""

    model_config = ConfigDict(extra="forbid")

    id: str
    outcome: str
    started: float | None = None
    active: float
    branch: str = ""
    landed: bool = False
    verified: int = 0
    tasks: int = 0
    unmerged: list[str] = Field(default=[], description="Verified on the run's branch, open in the checkout's tasks.md")
    not_verified: list[str] = []
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


def report_command(root: Path, console: Console, run: str | None = None, *, as_json: bool = False) -> int:
    """`kfpilot report [RUN] [--json]`: the report of a run, made from its journal now.

    Args:
        root: The repository's root.
        console: Where to print; its file takes the JSON.
        run: A run's id, the beginning of one, or a feature's name; None is the latest run.
        as_json: Print the content of `report.json` instead of Markdown.

    Raises:
        UserError: There is no such run.
    """
    report = summarise(find_run(root, run).journal)
    if as_json:
        console.file.write(report.model_dump_json(indent=2) + "\n")
        return EXIT_OK
    from ..reports.markdown import render

    text = render(report)
    if console.is_terminal:
        from rich.markdown import Markdown

        console.print(Markdown(text))
    else:
        console.file.write(text)
    return EXIT_OK


def status_command(root: Path, console: Console, *, as_json: bool = False) -> int:
    """`kfpilot status [--json]`: every feature with its tasks, its latest run, and how to go on.

    Args:
        root: The repository's root.
        console: Where to print; its file takes the JSON.
        as_json: Print `Status` as JSON.
    """
    status = status_of(root)
    if as_json:
        console.file.write(json.dumps(status.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n")
        return EXIT_OK
    for line in _lines(status):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    return EXIT_OK


def status_of(root: Path) -> Status:
    """Where a repository's features stand."""
    from ..documents import list_features

    latest: dict[str, RunInfo] = {}
    for info in list_runs(root):
        latest.setdefault(info.feature, info)
    features = [_feature(root, directory, latest.pop(directory.name, None)) for directory in list_features(root)]
    return Status(features=features, other_runs=[_run(info, None) for info in latest.values()])


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
    status.run = _run(info, open_tasks) if info else None
    return status


def _run(info: RunInfo, open_tasks: set[str] | None) -> RunStatus:
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
    status.unmerged = [key for key in verified if open_tasks is None or key in open_tasks]
    status.resume = _resume(report)
    return status


def _resume(report: Report) -> str | None:
    if report.state in ("unfinished", "interrupted", "budget", "error"):
        return f"kfpilot run {shlex.quote(report.feature)} --resume" if report.feature else "kfpilot run --resume"
    return None


def _lines(status: Status) -> Iterator[str]:
    if not status.features and not status.other_runs:
        yield "No feature here: kfpilot looks for specs/NNN-name/tasks.md (spec-kit), .kiro/specs, openspec/changes."
        return
    width = max((len(feature.feature) for feature in status.features), default=0)
    for feature in status.features:
        if feature.problem:
            yield bare(f"{feature.feature:<{width}}  cannot be read: {feature.problem}")
        else:
            deferred = f", {feature.deferred} deferred" if feature.deferred else ""
            yield bare(
                f"{feature.feature:<{width}}  {plural(feature.open, 'task')} open, {feature.done} done{deferred}"
            )
        if feature.run:
            yield from _run_lines(feature.run)
    for run in status.other_runs:
        yield f"run of a feature that is not here: {run.id}"
        yield from _run_lines(run)


def _run_lines(run: RunStatus) -> Iterator[str]:
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(run.active))
    if run.outcome == "unreadable":
        yield f"  run {run.id}: its journal cannot be read"
        return
    outcome = "not finished: it is running now, or was killed" if run.outcome == "unfinished" else OUTCOMES[run.outcome]
    yield f"  run {run.id} ({when}): {outcome}; {run.verified} of {run.tasks} verified"
    if run.not_verified:
        yield "    not verified: " + ", ".join(run.not_verified[:10]) + (" …" if len(run.not_verified) > 10 else "")
    if run.unmerged and not run.landed:
        yield f"    verified on {run.branch}, not merged here: {', '.join(run.unmerged[:10])}"
        yield f"    merge:  git merge --ff-only {shlex.quote(run.branch)}"
    if run.resume:
        yield f"    go on:  {run.resume}"
