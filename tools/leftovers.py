"""What a program of ours leaves when it is killed: processes without a parent, temporary folders, locks of git."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from stat import S_ISDIR

from pydantic import BaseModel, ConfigDict

from .scratch import HELD, is_forsaken
from .scratch import remove as remove

OURS = ("kfpilot/tools/checks/", "kfpilot.agent.models.llama_child")
"""What the command line of a helper process of ours holds."""

CHECKS = Path(__file__).parent / "checks"
TEMPORARY = (
    "attributes", "audit", "base", "child", "deliver", "docs", "index", "local", "made", "mutants", "new", "pytest",
    "scan", "schedule", "verify",
)  # fmt: skip
"""`kfpilot-…` in the folder of temporary files. A demo's folder is not among them: it is the user's to look at."""

STALE = 2 * 24 * 3600.0
"""Seconds after which a temporary folder belongs to nobody any more."""

GIT_LOCK_AGE = 60.0
"""Seconds; git holds the lock of a branch for some thousandths of one."""


class Orphan(BaseModel):
    """A helper process whose parent is gone."""

    model_config = ConfigDict(extra="forbid")

    pid: int
    started: str
    command: str


def orphans() -> list[Orphan]:
    """Helper processes of ours (of this user) that have no parent any more. Linux only; elsewhere none are found."""
    return [found for entry in sorted(Path("/proc").glob("[0-9]*")) if (found := _orphan(entry))]


def _orphan(entry: Path) -> Orphan | None:
    try:
        if entry.stat().st_uid != os.getuid():
            return None
        command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace").strip()
        if not (any(part in command for part in OURS) or str(CHECKS) in command):
            return None
        # After the name, which stands in brackets and may hold anything.
        fields = (entry / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    parent, started = int(fields[1]), fields[19]
    if parent != 1 and not _is_reaper(parent):
        return None
    return Orphan(pid=int(entry.name), started=started, command=command[:200])


def _is_reaper(pid: int) -> bool:
    """A user's systemd takes orphans in, where process 1 does not."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip() == "systemd"
    except OSError:
        return True


def end(orphan: Orphan) -> bool:
    """End one, if it still is the process that was seen; False when it is gone already."""
    if _orphan(Path(f"/proc/{orphan.pid}")) != orphan:
        return False
    try:
        os.kill(orphan.pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def temporary() -> Iterator[Path]:
    """Folders of ours among the temporary files whose process is gone, or that nobody has changed for two days."""
    for name in TEMPORARY:
        for folder in sorted(Path(tempfile.gettempdir()).glob(f"kfpilot-{name}-*")):
            with suppress(OSError):
                found = folder.lstat()
                if found.st_uid != os.getuid() or not S_ISDIR(found.st_mode):
                    continue
                # A folder whose lock is held is in use, however old it is.
                held = f"-{HELD}-" in folder.name
                if is_forsaken(folder) if held else time.time() - found.st_mtime > STALE:
                    yield folder


def remove_forsaken() -> None:
    """Remove the temporary folders of ours whose process is surely gone."""
    for folder in temporary():
        if is_forsaken(folder):
            remove(folder)


def branch_locks(common: Path, prefix: str) -> list[Path]:
    """Lock files that a killed git left at branches of ours: no branch below the prefix could be moved any more.

    Args:
        common: The folder that all worktrees of a repository share.
        prefix: `kfpilot`
    """
    folder = common / "refs" / "heads" / prefix
    return [file for file in sorted(folder.rglob("*.lock")) if time.time() - file.stat().st_mtime > GIT_LOCK_AGE]


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files below a folder; links are not followed."""
    if not path.is_dir() or path.is_symlink():
        return path.lstat().st_size if path.exists() or path.is_symlink() else 0
    total = 0
    for current, _, names in os.walk(path):
        for name in names:
            try:
                total += (Path(current) / name).lstat().st_size
            except OSError:
                continue
    return total
