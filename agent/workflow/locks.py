"""Only one run at a time: the lock, and who holds it."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

from pydantic import BaseModel, ValidationError

from ...tools.git import open_repo
from ...tools.git_revert import common_folder
from ..errors import UserError
from .place import RECORDS, records

HOLDER = "holder.json"


class Holder(BaseModel):
    """Who holds the lock."""

    pid: int
    host: str
    since: float
    what: str = ""


@contextmanager
def one_run(root: Path, what: str = "", branch: str = "") -> Iterator[None]:
    """Only one run (or undo, or clean) at a time works on a repository.

    The lock is the kernel's, so it ends with its process, however that ends: nobody has to clear a stale one.

    Args:
        root: The top of the checkout.
        what: What is being done, for the message to others.
        branch: The branch that is written. Other worktrees of the repository have records, and so a lock, of their own,
            but the branches are the same.

    Raises:
        UserError: Another one does; says which process, where and since when.
    """
    folder = records(root)
    with held(folder / "lock", root), held(branch_lock(root, branch), root) if branch else nullcontext():
        file = folder / HOLDER
        me = Holder(pid=os.getpid(), host=socket.gethostname(), since=time.time(), what=what)
        try:
            file.write_text(me.model_dump_json() + "\n", encoding="utf-8")
            yield
        finally:
            with suppress(OSError):
                file.unlink()


@contextmanager
def held(file: Path, root: Path) -> Iterator[None]:
    """Hold one lock.

    Raises:
        UserError: Somebody else does.
    """
    import filelock

    lock = filelock.FileLock(file)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        raise busy(root) from None
    try:
        yield
    finally:
        lock.release()


def busy(root: Path) -> UserError:
    """The error of whoever comes second."""
    return UserError(
        f"another run is working on this repository{said_of(holder(root))}",
        where=root,
        mend="Wait for it (`kfpilot status`), or end it with Ctrl-C where it runs.",
    )


def require_free(root: Path, branch: str = "") -> None:
    """What `one_run` would refuse, for a command that only says what it would do; nothing is written.

    Raises:
        UserError: Somebody holds the lock.
    """
    if is_taken(root / RECORDS / "lock") or (branch and is_taken(branch_lock(root, branch))):
        raise busy(root)


def branch_lock(root: Path, branch: str) -> Path:
    """The lock of a run's branch, in the folder that all worktrees of the repository share."""
    return common_folder(open_repo(root)) / f"kfpilot-{hashlib.sha256(branch.encode()).hexdigest()[:12]}.lock"


def holder(root: Path) -> Holder | None:
    """Who said last that the lock is theirs; None when nobody did or it cannot be read."""
    try:
        return Holder.model_validate(json.loads((records(root) / HOLDER).read_text(encoding="utf-8")))
    except (OSError, ValueError, ValidationError):
        return None


def worker_of(root: Path) -> Holder | None:
    """Who holds the lock now; None when it is free."""
    found = holder(root)
    return found if found and is_held(root) else None


def said_of(found: Holder | None) -> str:
    """`: process 4711 on host since 2026-11-25 03:15`."""
    if found is None:
        return ""
    since = time.strftime("%Y-%m-%d %H:%M", time.localtime(found.since))
    what = f" ({found.what})" if found.what else ""
    return f": process {found.pid} on {found.host}, since {since}{what}"


def is_held(root: Path) -> bool:
    """Whether somebody holds the lock now."""
    return is_taken(root / RECORDS / "lock")


def is_taken(file: Path) -> bool:
    """Whether a lock is held."""
    import filelock

    if not file.exists():
        return False
    lock = filelock.FileLock(file)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        return True
    lock.release()
    return False
