"""Temporary folders that say by themselves whether the process that made them still lives.

The process holds the kernel's lock of the folder, which ends with it, however it ends. A name alone could not say that:
numbers of processes come again, and a container that shares the folder has others.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

HELD = "held"
"""In the name of a folder whose lock is held; one without was made where there are no such locks."""
MAKING = 60.0
"""Seconds that a folder may be there before its lock is."""

_locks: dict[Path, int] = {}


def make_folder(name: str) -> Path:
    """A new temporary folder `kfpilot-NAME-held-…`; `drop_folder` removes it."""
    folder = Path(tempfile.mkdtemp(prefix=f"kfpilot-{name}-{HELD}-")).resolve()
    lock = _lock(folder)
    if lock is None:
        folder.rmdir()
        return Path(tempfile.mkdtemp(prefix=f"kfpilot-{name}-")).resolve()
    _locks[folder] = lock
    return folder


def drop_folder(folder: Path) -> None:
    """Remove a folder that `make_folder` has made."""
    if folder.is_dir():
        remove(folder)
    lock = _locks.pop(folder, None)
    if lock is not None:
        os.close(lock)


def remove(path: Path) -> None:
    """Remove a file or a folder, also what a test has made unwritable; links are removed, not followed."""
    if path.is_symlink() or path.is_file():
        path.unlink()
        return
    for current, folders, _ in os.walk(path):
        for name in folders:
            inner = Path(current) / name
            if not inner.is_symlink():
                inner.chmod(inner.stat().st_mode | 0o700)
    shutil.rmtree(path, ignore_errors=True)


@contextmanager
def scratch_folder(name: str) -> Iterator[Path]:
    """A temporary folder for as long as the context lasts."""
    folder = make_folder(name)
    try:
        yield folder
    finally:
        drop_folder(folder)


def is_forsaken(folder: Path) -> bool:
    """Whether the process that made a folder is surely gone."""
    try:
        young = time.time() - folder.stat().st_ctime < MAKING
    except OSError:
        return False
    if f"-{HELD}-" not in folder.name or young:
        return False
    lock = _lock(folder)
    if lock is None:
        return False
    os.close(lock)
    return True


def _lock(folder: Path) -> int | None:
    """The lock of a folder; None when somebody else has it, or there are no such locks here."""
    try:
        import fcntl
    except ImportError:
        return None
    opened = None
    try:
        opened = os.open(folder, os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY)
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        if opened is not None:
            with suppress(OSError):
                os.close(opened)
        return None
    return opened
