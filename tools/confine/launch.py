"""Starts a command in the sandbox: `python -I -S -c …launch… POLICY COMMAND…`.

Three processes: the one that was started waits outside; the first inside the new process namespace builds the view,
then watches; the command itself gives up all it can give up and becomes the program that was asked for. When the
second ends, the kernel ends everything in the namespace.
"""

from __future__ import annotations

import marshal
import os
import signal
import sys

from . import rules, view, watch
from .rules import ignored

TYPE_CHECKING = False  # typing itself would take longer than all the rest
if TYPE_CHECKING:
    from typing import Any

CANNOT, STOPPED = 126, 125
"""Exit codes: the sandbox could not be made; it was ended at a limit."""
PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> int:
    """Run a command under a policy, see `tools/sandbox.py`; never returns in the process of the command."""
    policy: dict[str, Any] = marshal.loads(bytes.fromhex(arguments[0]))
    command = arguments[1:]
    if policy["lifeline"] >= 0:
        os.set_inheritable(policy["lifeline"], False)
    try:
        if policy["own"]:
            view.enter_namespaces()
        else:
            return first(policy, command, -1)  # bubblewrap has made all this, and this process is the first
    except (OSError, ValueError) as error:
        return cannot(error)
    reader, writer = os.pipe()
    empty = os.open(os.devnull, os.O_RDWR)  # now: the other process is about to turn this one's file system as well
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        rules.LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        os._exit(first(policy, command, writer))
    os.close(writer)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, frame: os.kill(pid, number))
    silence(empty, 0, 1, 2)
    with os.fdopen(reader) as pipe:
        told = pipe.read()
    _, status = os.waitpid(pid, 0)
    if told:
        return end_like(int(told))
    return end_like(status)


def first(policy: dict[str, Any], command: list[str], report: int) -> int:
    """The first process of the namespace; gives its exit code."""
    if os.getpid() != 1:
        # What it ends is everything it sees: that must never be the machine.
        return cannot(OSError("there is no process namespace of its own"))
    try:
        if policy["own"]:
            view.build(policy)
            with ignored(OSError), open("/proc/sys/kernel/pid_max", "w") as file:
                # Since Linux 6.14 each process namespace has its own: a cap that holds for root as well.
                file.write(str(max(policy["limits"]["processes"], 301)))
            view.guard_processes()
        os.chdir(policy["cwd"])
        version = rules.landlock_version()
        rules.LIBC.prctl(rules.PR_SET_DUMPABLE, 0, 0, 0, 0)
        pid = os.fork()
    except OSError as error:
        return cannot(error)
    if pid == 0:
        os._exit(become(policy, command, version))
    watch.forward(pid)
    silence(os.open(os.devnull, os.O_RDWR), 0, 1)
    status, reason = watch.Watch(pid, policy["lifeline"], policy["limits"], policy["write"]).until_end()
    if status is None:
        print(f"\nkfpilot: the sandbox was ended: {reason}.", file=sys.stderr, flush=True)
        return STOPPED
    if report >= 0:
        os.write(report, str(status).encode())
    return os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)


def become(policy: dict[str, Any], command: list[str], version: int) -> int:
    """Give up everything and become the command; returns only when that fails."""
    try:
        os.setsid()
        with ignored(OSError), open("/proc/self/oom_score_adj", "w") as file:
            file.write("1000")  # if the machine runs out of memory, this is what has to go
        limits = policy["limits"]
        rules.drop_capabilities()
        if version:
            rules.restrict_files(version, ["/"], [*policy["write"], "/tmp", "/dev/shm", "/dev/pts"], ["/dev"])
        rules.filter_calls()
        rules.limit(memory=limits["address"], processes=limits["processes"], file=limits["disk"])
        for number in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        os.execvp(command[0], command)
    except OSError as error:
        return cannot(error)
    return CANNOT


def silence(empty: int, *descriptors: int) -> None:
    """Let go of the pipes: whoever reads them wants to know when the command is through with them."""
    for descriptor in descriptors:
        os.dup2(empty, descriptor)
    os.close(empty)


def end_like(status: int) -> int:
    """End as the command has ended, by the same signal if it was one."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        with ignored(OSError, ValueError):
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    return os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else 128


def cannot(error: Exception) -> int:
    """Say why there is no sandbox."""
    print(f"kfpilot: no sandbox: {error}", file=sys.stderr, flush=True)
    return CANNOT
