"""Where run records lie, and which run is meant."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import BaseModel, ValidationError

from ..errors import UserError
from ..events import ADAPTER, RunFinished, RunStarted
from .summarise import feature_of

JOURNAL = "journal.jsonl"
"""The name of a run's event file in its folder."""

TAIL = 256_000
"""Bytes looked at from the end of a journal for its last event."""


class RunInfo(BaseModel):
    """What a list of runs shows; read from the ends of the journal, not from all of it."""

    id: str
    directory: Path
    feature: str = ""
    branch: str = ""
    started: float = 0.0
    active: float = 0.0
    outcome: str = "unfinished"
    exit_code: int | None = None

    @property
    def journal(self) -> Path:
        """The run's event file."""
        return self.directory / JOURNAL


def runs_folder(root: Path) -> Path:
    """The folder that holds a folder for every run of a repository."""
    return root / ".kfpilot" / "runs"


def list_runs(root: Path, feature: str | None = None) -> list[RunInfo]:
    """The runs of a repository, the one that was active last first.

    Args:
        root: The repository's root.
        feature: Only runs of this feature (its folder's name).
    """
    folder = runs_folder(root)
    found = [look_at(entry) for entry in folder.iterdir() if (entry / JOURNAL).is_file()] if folder.is_dir() else []
    if feature is not None:
        found = [run for run in found if run.feature == feature]
    return sorted(found, key=lambda run: (run.active, run.id), reverse=True)


def latest_run(root: Path, feature: str | None = None) -> RunInfo:
    """The run that was active last.

    Raises:
        UserError: There is none.
    """
    runs = list_runs(root, feature)
    if not runs:
        of = f" of feature {feature}" if feature else ""
        raise UserError(f"no run{of} is recorded in {runs_folder(root)}", mend="Start one with `kfpilot run`.")
    return runs[0]


def find_run(root: Path, hint: str | None = None) -> RunInfo:
    """The run a user means.

    Args:
        root: The repository's root.
        hint: A run's id, the beginning of one that is unique, or a feature's name or number (its latest run); None is
            the latest.

    Raises:
        UserError: No run fits, or several do.
    """
    if not hint:
        return latest_run(root)
    runs = list_runs(root)
    for exact in (run for run in runs if run.id == hint):
        return exact
    fitting = [run for run in runs if run.id.startswith(hint)]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        names = ", ".join(run.id for run in fitting[:6])
        raise UserError(f"'{hint}' fits {len(fitting)} runs: {names}", mend="Give more of the run's id.")
    of_feature = [run for run in runs if run.feature == hint] or [
        run for run in runs if run.feature.startswith(f"{hint}-")
    ]
    if len({run.feature for run in of_feature}) == 1:
        return of_feature[0]
    if not runs:
        return latest_run(root)
    names = ", ".join(run.id for run in runs[:6])
    raise UserError(f"no run begins with '{hint}'", where=runs_folder(root), mend=f"The latest runs: {names}")


def look_at(directory: Path) -> RunInfo:
    """A run's head and tail. A journal that cannot be read gives an entry with the outcome `unreadable`."""
    info = RunInfo(id=directory.name, directory=directory)
    try:
        head, last = _ends(directory / JOURNAL)
        start = ADAPTER.validate_json(head) if head else None
        end = ADAPTER.validate_json(last) if last else None
    except (OSError, ValidationError):
        return info.model_copy(update={"outcome": "unreadable"})
    if isinstance(start, RunStarted):
        info.feature, info.branch, info.started = start.feature, start.branch, start.at
    info.active = end.at if end else (directory / JOURNAL).stat().st_mtime
    if isinstance(end, RunFinished):
        info.outcome, info.exit_code = end.outcome, end.exit_code
        info.branch = info.branch or end.branch
        info.feature = info.feature or feature_of(end.branch)
    return info


def _ends(journal: Path) -> tuple[bytes, bytes]:
    """The first and the last complete line."""
    with journal.open("rb") as file:
        head = file.readline()
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - TAIL))
        complete, _, _ = file.read().rpartition(b"\n")
    last = complete.rpartition(b"\n")[2]
    return (head if head.endswith(b"\n") else b"", last.strip())
