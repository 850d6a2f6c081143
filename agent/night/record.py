"""Where a night is kept: `.kfpilot/nights/ID/`, rewritten whole after each step: a kill costs no more than one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from pydantic import ValidationError

from ..errors import UserError
from ..reports.words import one_line
from ..workflow.place import new_run_id, records
from .models import Budget, Entry, Item, Landing, Night

DATA = "nightly.json"
TOO_OLD = 24 * 3600.0
"""Seconds after which a night that was killed is over: a new one begins, and its features go on in it."""


def nights_folder(home: Path) -> Path:
    """The folder of all nights."""
    return records(home) / "nights"


def folder_of(night: Night) -> Path:
    """The folder of one night."""
    return nights_folder(night.home) / night.id


@contextmanager
def one_night(folders: list[Path]) -> Iterator[None]:
    """Only one night at a time works on a repository. The locks are the kernel's: they end with their process.

    Raises:
        UserError: Another one does.
    """
    import filelock

    with ExitStack() as stack:
        for folder in sorted(set(folders)):
            lock = filelock.FileLock(records(folder) / "night.lock")
            try:
                lock.acquire(timeout=0)
            except filelock.Timeout:
                running = latest(folder)
                since = f", since {time.strftime('%H:%M', time.localtime(running.started))}" if running else ""
                raise UserError(
                    f"a night is at work on this repository already{since}; this one does not start",
                    where=folder,
                    mend="Let it finish (`kfpilot status` shows how far it is), or end it with Ctrl-C where it runs.",
                ) from None
            stack.callback(lock.release)
        yield


def latest(home: Path) -> Night | None:
    """The night that began last; None if there is none that can be read."""
    folder = nights_folder(home)
    for entry in sorted(folder.iterdir(), reverse=True) if folder.is_dir() else []:
        try:
            return Night.model_validate_json((entry / DATA).read_text(encoding="utf-8"))
        except (OSError, ValidationError, ValueError):
            continue
    return None


def begin(
    home: Path, entries: list[Entry], budget: Budget, deadline: float | None, landing: Landing, *, fresh: bool = False
) -> Night:
    """A new night, or the one that was killed: what it finished stands, what it used counts.

    Args:
        home: Where the record lies.
        entries: The features in the order of work.
        budget: The night's budget.
        deadline: When it ends.
        landing: What becomes of verified work.
        fresh: Begin a new one in any case.
    """
    items = [Item(entry=entry) for entry in entries]
    before = None if fresh else latest(home)
    if before is not None and goes_on(before, entries):
        for number, item in enumerate(items):
            known = next((old for old in before.items if same(old.entry, item.entry)), None)
            if known is not None:
                # What it was at when it was killed goes on; all else has its outcome.
                state = "pending" if known.state == "running" else known.state
                items[number] = known.model_copy(update={"entry": item.entry, "state": state})
        return before.model_copy(
            update={
                "home": home, "items": items, "budget": budget, "deadline": deadline, "landing": landing,
                "sessions": before.sessions + 1,
            }
        )  # fmt: skip
    return Night(
        id=new_run_id(), home=home, started=time.time(), deadline=deadline, budget=budget, landing=landing, items=items
    )


def goes_on(before: Night, entries: list[Entry]) -> bool:
    """Whether a night was killed, lately, and all its features are wanted again: else its summary would lose some."""
    young = before.state == "running" and time.time() - before.started < TOO_OLD
    return young and all(any(same(item.entry, entry) for entry in entries) for item in before.items)


def same(one: Entry, other: Entry) -> bool:
    """Whether two entries are the same feature."""
    return (one.root, one.directory, one.name) == (other.root, other.directory, other.name)


def brief(error: BaseException) -> str:
    """An error in one line."""
    return one_line(" ".join(str(error).split()) or type(error).__name__, 500)
