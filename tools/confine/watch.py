"""The first process of the sandbox: it ends everything when the command ends, when nobody waits, or at a limit."""

from __future__ import annotations

import os
import select
import signal
import time

from .rules import ignored

TYPE_CHECKING = False  # typing itself would take longer than all the rest
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

PAUSE = 0.1
"""Seconds between two looks at what the sandbox uses."""
PAGE = os.sysconf("SC_PAGE_SIZE")


def resident(process: str) -> int:
    """Bytes of memory that a process shares with no other."""
    try:
        with open(f"/proc/{process}/statm") as file:
            parts = file.read().split()
    except OSError:
        return 0
    return (int(parts[1]) - int(parts[2])) * PAGE


def space(path: str) -> int:
    """Free bytes of the disk that holds a path."""
    try:
        found = os.statvfs(path)
    except OSError:
        return 0
    return found.f_bavail * found.f_frsize


def files(path: str) -> Iterator[os.stat_result]:
    """All that lies below a folder."""
    for folder, _, names in os.walk(path):
        for name in names:
            with ignored(OSError):
                yield os.lstat(os.path.join(folder, name))


def written(path: str, since: float) -> int:
    """Bytes of the files below a folder that were changed since; nobody can set that time back."""
    return sum(item.st_blocks * 512 for item in files(path) if item.st_ctime >= since - 1)


def size(number: int) -> str:
    """A number of bytes as one reads it."""
    return f"{number / 1024**3:.1f} GiB" if number >= 1024**3 else f"{number / 1024**2:.0f} MiB"


def forward(command: int) -> None:
    """A polite request to stop goes on to everything in the sandbox."""

    def pass_on(number: int, frame: object) -> None:
        with ignored(ProcessLookupError):
            os.kill(-1, number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, pass_on)


class Watch:
    """Waits for a command and keeps an eye on all of its processes.

    Args:
        command: Its process.
        lifeline: A pipe that ends when kfpilot does; -1 for none.
        limits: `memory` and `disk` in bytes, `processes`; 0 is none.
        write: The folders whose growth counts as disk.
    """

    def __init__(self, command: int, lifeline: int, limits: dict[str, Any], write: Sequence[str]) -> None:
        self.command = command
        self.lifeline = lifeline
        self.limits = limits
        self.write = write
        self.started = time.time()
        self.free = {path: space(path) for path in write}

    def until_end(self) -> tuple[int | None, str]:
        """The command's wait status, or None and the reason why it was ended."""
        poll = select.poll()
        with ignored(OSError):
            poll.register(os.pidfd_open(self.command), select.POLLIN)
        if self.lifeline >= 0:
            poll.register(self.lifeline, select.POLLHUP)
        while True:
            ready = dict(poll.poll(PAUSE * 1000))
            with ignored(ChildProcessError):
                # Whoever loses its parent becomes a child of this process.
                while found := os.waitpid(-1, os.WNOHANG):
                    if found[0] == self.command:
                        return found[1], ""
                    if not found[0]:
                        break
            if self.lifeline in ready:
                return None, "kfpilot itself has ended"
            if reason := self.exceeded():
                return None, reason

    def exceeded(self) -> str:
        """The limit that has been passed, in words."""
        used = [resident(name) for name in os.listdir("/proc") if name.isdigit()]
        most, memory, disk = self.limits["processes"], self.limits["memory"], self.limits["disk"]
        if most and len(used) - 1 > most:
            return f"it had more than {most} processes"
        if memory and sum(used) > memory:
            return f"it used more than {size(memory)} of memory"
        for path, free in self.free.items():
            if disk and free - (now := space(path)) > min(disk, free) // 2:
                # Somebody has used a good deal of the disk: see whether it was this sandbox.
                self.free[path] = now
                if written(path, self.started) > disk:
                    return f"it wrote more than {size(disk)} to the disk"
        return ""
