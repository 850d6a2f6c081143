"""Which run `--resume` means, and what is left to do for one that was killed at its very end."""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ..documents import list_features
from ..errors import UserError
from ..events import RunFinished, read_journal
from ..planner.depend import id_key
from ..planner.names import separate
from ..reports.find import list_runs
from ..reports.write import FILES, write_reports
from .leftovers import clear_leftovers
from .place import Place, Request, records

if TYPE_CHECKING:
    from git import Repo


def unfinished(root: Path, feature: str) -> Path:
    """The record of the feature's latest run, if it did not come to its end.

    Raises:
        UserError: There is nothing to go on with.
    """
    latest = next(iter(list_runs(root, feature)), None)
    begun = [path for path in places_of(root, feature) if latest is None or path.name > latest.id]
    if begun:
        # Killed before it could tell anything.
        return begun[-1]
    if latest and (
        latest.outcome in ("unfinished", "interrupted", "budget", "error")
        or not reported(latest.directory)
        or left_behind(latest.directory)
    ):
        return latest.directory
    raise UserError(
        f"no unfinished run of {feature}", where=root, mend=f"Start one: kfpilot run {feature} (see kfpilot status)."
    )


def resumable(root: Path) -> list[str]:
    """The features whose latest run did not come to its end."""
    names = {info.feature for info in list_runs(root)} | {directory.name for directory in list_features(root)}
    found = []
    for name in sorted(names - {""}):
        with suppress(UserError):
            unfinished(root, name)
            found.append(name)
    return found


def places_of(root: Path, feature: str) -> list[Path]:
    """The records of the feature's runs that hold no event, the oldest first."""
    found = []
    for file in sorted((records(root) / "runs").glob("*/run.json")):
        journal = file.with_name("journal.jsonl")
        if journal.exists() and any(True for _ in read_journal(journal)):
            continue
        try:
            place = Place.model_validate_json(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if place.feature == feature:
            found.append(file.parent)
    return found


def require_same(root: Path, feature: str, request: Request) -> None:
    """Refuse a selection that the run would not keep to: what it does was settled when it began.

    Args:
        root: The repository.
        feature: The feature whose run shall go on.
        request: What was asked for now; nothing of it, or the same as then, is well.

    Raises:
        UserError: Tasks, stories or words differ from the run's.
    """
    record = unfinished(root, feature)
    try:
        settled = Place.model_validate_json((record / "run.json").read_text(encoding="utf-8")).request
    except (OSError, ValueError):
        return  # Whoever opens it says so.
    asked = {
        "--task": (same_names(request.tasks), same_names(settled.tasks)),
        "--story": (same_names(request.stories), same_names(settled.stories)),
        "your own words": (request.words.split(), settled.words.split()),
    }
    other = [name for name, (now, then) in asked.items() if now and now != then]
    if not other:
        return
    has = [f"--task {', '.join(settled.tasks)}"] if settled.tasks else []
    has += [f"--story {', '.join(settled.stories)}"] if settled.stories else []
    has += [f"the words '{settled.words}'"] if settled.words else []
    raise UserError(
        f"--resume goes on with run {record.name}, which has its own selection "
        f"({' and '.join(has) or 'everything that is open'}): {' and '.join(other)} cannot change it",
        mend=f"Go on with it: kfpilot run {feature} --resume; or start a new run without --resume.",
    )


def same_names(names: list[str]) -> list[str]:
    """Names of tasks or stories, however they are written: t1 is T001."""
    return sorted({id_key(name) for name in separate(names)})


def ended(record: Path) -> bool:
    """Whether the run came to its end, and only its report or its clearing away did not."""
    journal = record / "journal.jsonl"
    last = deque(read_journal(journal), maxlen=1) if journal.exists() else deque()
    return bool(last) and isinstance(last[0], RunFinished) and last[0].outcome in ("verified", "partly")


def reported(record: Path) -> bool:
    """Whether the run's report is there, and not older than its last event."""
    reports = [record / name for name in FILES.values()]
    written = (record / "journal.jsonl").stat().st_mtime_ns
    return all(file.exists() and file.stat().st_mtime_ns >= written for file in reports)


def left_behind(record: Path) -> bool:
    """Whether worktrees of the run are still there."""
    try:
        place = Place.model_validate_json((record / "run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return any(place.worktree.parent.glob(f"{place.worktree.name}*"))


def tidy_up(repo: Repo, place: Place) -> int:
    """Do what a run was killed before: its report, and clearing its worktrees away. Returns the run's exit code."""
    write_reports(place.record)
    clear_leftovers(repo, place.worktree.parent, place.branch)
    (last,) = deque(read_journal(place.record / "journal.jsonl"), maxlen=1)
    return int(last.exit_code)
