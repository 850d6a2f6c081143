"""Child processes that outlive their parent: start one, see whether it lives, tell it to stop."""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from .errors import ToolFailure

_ours: list[subprocess.Popen[bytes]] = []
"""Children of this process; asked now and then, so that those which ended do not stay as zombies."""


def start(command: Sequence[str], *, cwd: Path, log: Path) -> int:
    """Start a program in a session of its own, with empty input; it stays when we or our terminal end.

    Args:
        command: Program and arguments; no shell is involved.
        cwd: The folder to run in.
        log: Takes what it prints; made with its folder, readable by its owner alone.

    Returns:
        Its process id.

    Raises:
        ToolFailure: It cannot be started.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    try:
        out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            process = subprocess.Popen(
                list(command), cwd=cwd, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
            )
        finally:
            os.close(out)
    except OSError as error:
        raise ToolFailure(f"Cannot run {command[0]}: {error.strerror}.") from None
    _ours.append(process)
    return process.pid


def is_alive(pid: int, mark: str) -> bool:
    """Whether the process runs and is the one that is meant.

    Args:
        pid: Its id; the system may have given it to another program since.
        mark: Stands in its command line, and in no other program's.
    """
    _ours[:] = [process for process in _ours if process.poll() is None]
    return pid > 0 and mark in _command_line(pid)


def stop(pid: int, mark: str, *, again: bool = False) -> bool:
    """Tell the process to end in order (TERM; INT the second time); False when it does not run any more.

    Two signals of one number are one to a process that had no time to see the first.
    """
    if not is_alive(pid, mark):
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGINT if again else signal.SIGTERM)
    return True


@atexit.register
def _let_go() -> None:
    """They outlive us as they should; Popen would warn of each."""
    for process in _ours:
        if process.poll() is None:
            process.returncode = 0


def _command_line(pid: int) -> str:
    """Empty when there is no such process, or only its remains."""
    if Path("/proc/self/cmdline").exists():
        with contextlib.suppress(OSError):
            return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        return ""
    done = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else ""
