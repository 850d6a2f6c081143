"""Only one run at a time: the lock, and who holds it."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pydantic import BaseModel, ValidationError

from ..errors import UserError
from .place import records

HOLDER = "holder.json"


class Holder(BaseModel):
    """Who holds the lock."""

    pid: int
    host: str
    since: float
    what: str = ""


@contextmanager
def one_run(root: Path, what: str = "") -> Iterator[None]:
    """Only one run (or undo, or clean) at a time works on a repository.

    The lock is the kernel's, so it ends with its process, however that ends: nobody has to clear a stale one.

    Args:
        root: The top of the checkout.
        what: What is being done, for the message to others.

    Raises:
        UserError: Another one does; says which process, where and since when.
    """
    import filelock

    folder = records(root)
    lock = filelock.FileLock(folder / "lock")
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        raise UserError(
            f"another run is working on this repository{said_of(holder(root))}",
            where=root,
            mend="Wait for it (`kfpilot status`), or end it with Ctrl-C where it runs.",
        ) from None
    file = folder / HOLDER
    me = Holder(pid=os.getpid(), host=socket.gethostname(), since=time.time(), what=what)
    try:
        file.write_text(me.model_dump_json() + "\n", encoding="utf-8")
        yield
    finally:
        with suppress(OSError):
            file.unlink()
        lock.release()


def holder(root: Path) -> Holder | None:
    """Who said last that the lock is theirs; None when nobody did or it cannot be read."""
    try:
        return Holder.model_validate(json.loads((records(root) / HOLDER).read_text(encoding="utf-8")))
    except (OSError, ValueError, ValidationError):
        return None


def said_of(found: Holder | None) -> str:
    """`: process 4711 on host since 2026-11-25 03:15`."""
    if found is None:
        return ""
    since = time.strftime("%Y-%m-%d %H:%M", time.localtime(found.since))
    what = f" ({found.what})" if found.what else ""
    return f": process {found.pid} on {found.host}, since {since}{what}"


def is_held(root: Path) -> bool:
    """Whether somebody holds the lock now."""
    import filelock

    file = records(root) / "lock"
    if not file.exists():
        return False
    lock = filelock.FileLock(file)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        return True
    lock.release()
    return False
