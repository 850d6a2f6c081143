"""Where a run stands, read from its journal and the record of its process."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from ..errors import UserError
from ..reports.find import find_run, runs_folder
from ..reports.models import Report, TaskReport
from ..reports.summarise import summarise
from ..reports.words import bare, merge_command, missing_end
from ..workflow.background_runs import Background, find_told, list_background, load
from .models import RunReport, RunState, RunStatus, TaskState

WORDS: dict[str, Literal["verified", "failed", "skipped", "working", "waiting"]] = {
    "verified": "verified",
    "failed": "failed",
    "skipped": "skipped",
    "unfinished": "working",
    "pending": "waiting",
}


def status(root: Path, hint: str | None) -> RunStatus:
    """Where a run stands.

    Args:
        root: The repository.
        hint: The run's id or its beginning, or a feature; None is the run that is working, else the latest.

    Raises:
        UserError: There is no such run.
    """
    jobs = list_background(root)
    job = next((job for job in jobs if (job.run.startswith(hint) if hint else job.working)), None)
    latest = next(iter(jobs), None)
    if job is None and hint is None and latest and not has_journal(root, latest.run):
        # It ended before it had a journal, and nobody has been told.
        job = latest
    if job and not has_journal(root, job.run):
        return without_journal(job)
    info = find_run(root, job.run if job else hint)
    return with_journal(summarise(info.journal), load(root, info.id))


def has_journal(root: Path, run: str) -> bool:
    """Whether the run has told anything yet."""
    return (runs_folder(root) / run / "journal.jsonl").exists()


def without_journal(job: Background) -> RunStatus:
    """A run that is opening its model, or never came to its first event."""
    state: RunState
    if job.working:
        state, follow = "starting", "Ask again: the model is being opened."
    elif job.exit_code == 0:
        state, follow = "nothing-to-do", "No task is open. See list_features."
    else:
        state, follow = "error", "Mend that and start again."
    return RunStatus(run=job.run, feature=job.feature, state=state, message=bare(job.message), next=follow)


def with_journal(report: Report, job: Background | None) -> RunStatus:
    """A run that has told something."""
    working = bool(job and job.working)
    state: RunState = "running" if working else report.state
    ended = job.message if job and not working and job.exit_code else ""
    verified = len(report.verified)
    return RunStatus(
        run=report.run,
        feature=report.feature,
        state=state,
        message=bare(report.message or ended),
        tasks=[task_state(task, working=working) for task in report.tasks],
        verified=verified,
        branch=report.branch,
        final_check=report.tests.final_check,
        calls=report.usage.calls,
        tokens=report.usage.tokens,
        seconds=report.seconds,
        next=follow_up(state, report, verified),
    )


def task_state(task: TaskReport, *, working: bool) -> TaskState:
    """A task; one that was begun in a run that is no longer working waits for the run to go on."""
    state = WORDS[task.state]
    return TaskState(
        id=task.id,
        title=bare(task.title),
        role=task.role,
        state="waiting" if state == "working" and not working else state,
        attempts=task.attempts,
        commit=task.commit,
        why=bare(task.why),
    )


def follow_up(state: RunState, report: Report, verified: int) -> str:
    """What can be done now."""
    if state == "running":
        return "Ask again with wait_seconds, or stop it with cancel_run."
    merge = f" The verified work: {merge_command(report)}" if verified and not report.landed else ""
    if state in ("unfinished", "interrupted", "budget", "error"):
        missing = f"Every task is verified; missing: {missing_end(report)}. " if missing_end(report) else ""
        return f"{missing}Go on with start_run, feature {report.feature}, resume true.{merge}"
    return f"See report.{merge}"


def report_of(root: Path, hint: str | None) -> RunReport:
    """The report of a run, made from its journal now.

    Raises:
        UserError: There is no such run, or it has told nothing yet.
    """
    from ..reports.markdown import render

    found = find_told(root, hint)
    report = summarise(found.journal)
    return RunReport(
        run=report.run,
        feature=report.feature,
        state=report.state,
        ready=report.readiness.ready,
        readiness=report.readiness.text,
        verified=[task.id for task in report.verified],
        not_verified=[task.id for task in report.open],
        branch=report.branch,
        markdown=render(report),
    )


def bounded(feature: str | None) -> str | None:
    """A feature's name that leads nowhere else.

    Raises:
        UserError: It is a path out of the repository.
    """
    if feature is None or not feature.strip():
        return None
    name = feature.strip()
    if name.startswith(("/", "\\", "~", "-")) or ".." in name.replace("\\", "/").split("/") or ":" in name:
        raise UserError(f"'{name}' is no feature of this repository", mend="Name it as list_features does.")
    return name


def bounded_paths(root: Path, paths: list[str]) -> list[str]:
    """Paths that lie in the repository, relative to it.

    Raises:
        UserError: One lies elsewhere or does not exist.
    """
    found, top = [], root.resolve()
    for path in paths:
        full = (root / path).resolve()
        if not full.is_relative_to(top) or not full.exists():
            raise UserError(f"'{path}' is no path of this repository", where=root, mend="Name files and folders in it.")
        found.append(full.relative_to(top).as_posix())
    return found
