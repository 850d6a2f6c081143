"""Worktrees of our own: made, marked, removed, also those that were half made when their command was killed."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import ToolFailure
from .git_command import MARK, WHOLE, attempt, common_dir, line, reason, root_of, text, worktree_lock

if TYPE_CHECKING:
    from git import Repo

ADDING = "kfpilot-adding"
"""In git's common folder: the worktree that is being made. The mark can only be set when git is done, so a command
that is killed before would leave a worktree that nobody knows for ours. The file is locked by whoever makes the
worktree, git included: as long as that works on, the lock is held, also when kfpilot is gone."""

PATIENCE = 120.0
"""Seconds to wait for a git whose kfpilot was killed."""

BRIEFLY = 5.0
"""The same for one's own, when somebody waits for the end: what is left is cleared by the next command."""


def add_worktree(repo: Repo, path: Path, commit: str) -> Path:
    """Check a commit out, detached, in a folder of our own.

    A worktree of ours that stood there before, or whose folder has vanished, is replaced.

    Returns:
        The folder, absolute and without symlinks.

    Raises:
        ToolFailure: The folder is taken, or the commit is unknown.
    """
    root, path = root_of(repo), path.resolve()
    with worktree_lock(root):
        return _add(root, path, commit)


def _add(root: Path, path: Path, commit: str) -> Path:
    _settle(root, PATIENCE)
    _remove(root, path)
    if path.exists() and not (path.is_dir() and not any(path.iterdir())):
        raise ToolFailure(
            f"Cannot make a worktree at {path}: it exists and is not empty. Remove it, or choose another."
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    options = ["--quiet", "--force", "--detach"]
    adding = common_dir(root) / ADDING
    try:
        with adding.open("wb") as note:
            note.write(os.fsencode(path))
            note.flush()
            _lock(note.fileno(), 0)
            command = ["-c", WHOLE, "worktree", "add", *options, str(path), f"{commit}^{{commit}}"]
            done = attempt(root, *command, inherit=(note.fileno(),))
        if done.returncode:
            raise ToolFailure(f"`git worktree add` failed in {root}: {reason(done)}")
        (Path(line(path, "rev-parse", "--absolute-git-dir")) / MARK).touch()
    except BaseException:
        # What an interruption, a full disk or a failing filter left half made is ours too, though it has no mark yet.
        with suppress(ToolFailure):
            _settle(root, BRIEFLY)
        raise
    adding.unlink()
    return path


def settle_worktrees(repo: Repo) -> None:
    """Remove the worktree that an earlier command was making when it was killed.

    Raises:
        ToolFailure: A git that it has started is still at work.
    """
    root = root_of(repo)
    with worktree_lock(root):
        _settle(root, PATIENCE)


def _settle(root: Path, patience: float) -> None:
    adding = common_dir(root) / ADDING
    try:
        note = adding.open("r+b")
    except FileNotFoundError:
        return
    with note:
        path = Path(text(note.read()))
        if not _lock(note.fileno(), patience):
            raise ToolFailure(
                f"git still makes the worktree {path} for a command that was killed. Wait for its end, or end that git."
            )
        if path.is_absolute():
            record = next((record for own, record in _records(root) if own == path), None)
            if record is not None:
                _discard(root, path, record)
            else:
                with suppress(OSError):
                    path.rmdir()  # git begins with an empty folder
    adding.unlink()


def _lock(handle: int, patience: float) -> bool:
    """Lock an open file for all that share this handle; False if others hold it for too long."""
    import fcntl

    end = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= end:
                return False
            time.sleep(0.05)
        else:
            return True


def remove_worktree(repo: Repo, path: Path) -> None:
    """Remove a worktree of ours with all that is in it.

    Nothing happens when it is gone already, or never was ours.
    """
    root = root_of(repo)
    with worktree_lock(root):
        _remove(root, path.resolve())


def _remove(root: Path, path: Path) -> None:
    record = _record_of(root, path)
    if record is not None:
        _discard(root, path, record)


def _discard(root: Path, path: Path, record: Path) -> None:
    if attempt(root, "worktree", "remove", "--force", "--force", str(path)).returncode:
        _delete(path)
        # Not `git worktree prune`: it would also forget the user's worktrees on a disk that is just not mounted.
        _delete(record)
    elif path.exists():
        _delete(path)


def list_worktrees(repo: Repo) -> list[Path]:
    """The worktrees kfpilot has made, also those whose folder has vanished."""
    return [path for path, record in _records(root_of(repo)) if (record / MARK).is_file()]


def _records(root: Path) -> Iterator[tuple[Path, Path]]:
    """Every linked worktree with the folder git keeps its record in."""
    for pointer in sorted((common_dir(root) / "worktrees").glob("*/gitdir")):
        try:
            target = Path(text(pointer.read_bytes()).strip())
        except FileNotFoundError:
            continue  # Removed meanwhile.
        yield (pointer.parent / target).parent.resolve(), pointer.parent


def _record_of(root: Path, path: Path) -> Path | None:
    return next((rec for own, rec in _records(root) if own == path and (rec / MARK).is_file()), None)


def _delete(folder: Path) -> None:
    """Delete a folder even where a test has taken the right to write away."""
    if folder.is_symlink() or folder.is_file():
        folder.unlink()
        return
    unlock(folder)
    shutil.rmtree(folder, ignore_errors=True)


def unlock(folder: Path) -> None:
    """Give the right to write back to all folders below one."""
    for inner in [folder, *folder.rglob("*")]:
        if inner.is_dir() and not inner.is_symlink() and inner.name != ".git":
            inner.chmod(inner.stat().st_mode | 0o700)
