"""Runs in a process of their own: what is known of them, without anything that a run itself needs."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ...tools import detached
from ..errors import EXIT_OK, UserError
from ..reports.find import JOURNAL, RunInfo, find_run, runs_folder
from ..reports.status import RunStatus, Status, status_of
from ..reports.write import write_whole
from .locks import Holder, worker_of
from .place import RECORDS, Request, records

BACKGROUND = "background"
"""The folder among the records with what is kept of such processes."""

BEGIN = 30.0
"""Seconds within which a child surely has written its id, or never will."""


class Background(BaseModel):
    """A run in the background: what it is to do, its process, and how that ended."""

    model_config = ConfigDict(extra="forbid")

    run: str
    feature: str
    root: Path
    request: Request
    overrides: dict[str, Any] = Field(default={}, description="Settings that win over environment and pyproject.toml")
    resume: bool = False
    pid: int = 0
    started: float = 0.0
    exit_code: int | None = Field(default=None, description="None until the process has ended in order")
    message: str = ""

    @property
    def file(self) -> Path:
        """Where it is kept."""
        return file_of(self.root, self.run)

    @property
    def log(self) -> Path:
        """What the process printed: usually nothing."""
        return self.file.with_suffix(".log")

    @property
    def working(self) -> bool:
        """Whether its process runs."""
        if self.pid == 0:
            # Only just started: the child has not written its id yet.
            return self.exit_code is None and time.time() - self.started < BEGIN
        return self.exit_code is None and detached.is_alive(self.pid, str(self.file))

    def save(self) -> None:
        """Keep it; whole or not at all, since the other process may be reading."""
        records(self.root)
        self.file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(self.file, self.model_dump_json(indent=2) + "\n")
        self.file.chmod(0o600)


def file_of(root: Path, run: str) -> Path:
    """The record of a run's process."""
    return root / RECORDS / BACKGROUND / f"{run}.json"


def load(root: Path, run: str) -> Background | None:
    """The record of a run's process; None if the run was not started in the background."""
    with contextlib.suppress(OSError, ValidationError):
        return Background.model_validate_json(file_of(root, run).read_text(encoding="utf-8"))
    return None


def list_background(root: Path) -> list[Background]:
    """All of them, the latest first."""
    folder = root / RECORDS / BACKGROUND
    found = [load(root, file.stem) for file in folder.glob("*.json")] if folder.is_dir() else []
    return sorted((job for job in found if job), key=lambda job: job.started, reverse=True)


def working_run(root: Path) -> Background | None:
    """The run that works in the background now."""
    return next((job for job in list_background(root) if job.working), None)


def find_told(root: Path, hint: str | None) -> RunInfo:
    """The run that a user means, as `find_run` finds it.

    Raises:
        UserError: There is none; of one in the background that has told nothing, says what is known of it.
    """
    try:
        return find_run(root, hint)
    except UserError:
        silent = (job for job in list_background(root) if hint and job.run.startswith(hint))
        job = next((job for job in silent if not (runs_folder(root) / job.run / JOURNAL).exists()), None)
        if job is None:
            raise
    if job.working:
        raise UserError(f"run {job.run} of {job.feature} has told nothing yet", mend="Ask again: kfpilot status")
    raise UserError(f"run {job.run} of {job.feature} ended before it began: {why_silent(job)}")


def why_silent(job: Background) -> str:
    """Why a run ended before it had told anything."""
    return job.message or f"its process was ended, or broke off without a word (see {job.log})"


def full_status(root: Path) -> Status:
    """Where the features stand, with what is known of processes: which run works, which never came to its start."""
    status = status_of(root)
    jobs: dict[str, Background] = {}
    for job in list_background(root):
        jobs.setdefault(job.feature, job)
    for feature in status.features:
        if feature.feature not in jobs:
            continue
        job, run = jobs[feature.feature], feature.run
        if run is not None and run.id == job.run:
            run.background = run.outcome == "unfinished" and job.working
            run.working = job.working if run.outcome == "unfinished" else None
        elif (run is None or run.active < job.started) and (job.working or job.exit_code != EXIT_OK):
            feature.run = RunStatus(
                id=job.run,
                outcome="unfinished" if job.working else "error",
                working=job.working,
                background=job.working,
                message="" if job.working else why_silent(job),
                started=job.started,
                active=job.started,
                pid=job.pid if job.working and job.pid else None,
            )
    worker = worker_of(root)
    for feature in status.features:
        if feature.run is not None and feature.run.outcome == "unfinished":
            tell_worker(feature.run, worker if worker and worker.what == feature.feature else None)
    return status


def tell_worker(run: RunStatus, worker: Holder | None) -> None:
    """Say whether a process works on a run that has not come to its end: it holds the lock as long as it lives."""
    if run.working is None:
        # With an older sign of life the process may be at the very beginning of another run of the feature.
        run.working = (run.active >= worker.since or None) if worker else False
    if worker:
        run.pid = worker.pid
    if worker or run.working:
        run.resume = None
