"""Opening what lies beneath a folder, step by step and never over a link.

A check of a path and its use are two moments, and in between somebody may put a link where a folder was. Here each step
is taken from the folder that was opened before, so a link is refused whenever it appears.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def folder_of(root: Path, name: str, *, make: bool = False) -> Iterator[tuple[int, str]]:
    """The open folder that holds a file, and the file's name in it.

    Args:
        root: Where to start; it is ours.
        name: The file, relative to it, without `..`.
        make: Make the folders that are missing.

    Raises:
        OSError: One is missing, or is no folder or a link.
    """
    *folders, last = PurePosixPath(name).parts
    here = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for folder in folders:
            if make:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(folder, dir_fd=here)
            step = os.open(folder, FOLDER, dir_fd=here)
            os.close(here)
            here = step
        yield here, last
    finally:
        os.close(here)


def read(root: Path, name: str, limit: int) -> bytes:
    """The content of a regular file, at most `limit` bytes and one more.

    Raises:
        OSError: It is not there, is no regular file, or a link lies on the way.
    """
    with folder_of(root, name) as (folder, last):
        # A pipe in its place must not make us wait.
        descriptor = os.open(last, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise OSError(22, "Not a regular file", name)
            return file.read(limit + 1)


def replace(root: Path, name: str, data: bytes) -> None:
    """Write all or nothing; the mode stays. Also cuts a hard link, whose other name may lie out of bounds.

    Raises:
        OSError: It cannot be written, or a link lies on the way.
    """
    with folder_of(root, name, make=True) as (folder, last):
        mode = None
        with contextlib.suppress(FileNotFoundError):
            found = os.stat(last, dir_fd=folder, follow_symlinks=False)
            if not stat.S_ISREG(found.st_mode):
                raise OSError(22, "Not a regular file", name)
            mode = stat.S_IMODE(found.st_mode)
        temporary = f".kfpilot-write-{secrets.token_hex(6)}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(temporary, flags, 0o666, dir_fd=folder)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                if mode is not None:
                    os.fchmod(descriptor, mode)
            os.rename(temporary, last, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary, dir_fd=folder)
            raise


def remove(root: Path, name: str) -> None:
    """Delete a file, or a link itself.

    Raises:
        OSError: It is not there, or a link lies on the way.
    """
    with folder_of(root, name) as (folder, last):
        os.unlink(last, dir_fd=folder)
