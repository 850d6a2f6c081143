"""The world of the sandbox: namespaces of its own and a file system that holds what it may see, and nothing else."""

from __future__ import annotations

import _socket
import ctypes
import fcntl
import os
import struct

from .rules import LIBC, check

TYPE_CHECKING = False  # typing itself would take longer than all the rest
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

NEW = {"files": 0x20000, "names": 0x4000000, "ipc": 0x8000000, "user": 0x10000000, "pids": 0x20000000}
NEW_NETWORK = 0x40000000
NOSUID, NODEV, NOEXEC, BIND, RECURSIVE, PRIVATE, READ_ONLY = 2, 4, 8, 4096, 16384, 1 << 18, 1
MOUNT_SETATTR, AT_FDCWD, AT_RECURSIVE = 442, -100, 0x8000
PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
GUARDED = ("sys", "sysrq-trigger", "irq", "bus", "fs", "acpi", "scsi", "latency_stats", "timer_list", "kcore")
"""What of /proc the owner of the machine could write, whatever his capabilities."""


def enter_namespaces() -> None:
    """Leave the users, processes, network, names, queues and mounts of the machine behind.

    Its own user stays who it is. Only the next process that is forked is in the new process namespace.
    """
    user, group = os.geteuid(), os.getegid()
    check(LIBC.unshare(sum(NEW.values()) | NEW_NETWORK), "new namespaces")
    for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)
    loopback_up()


def loopback_up() -> None:
    """The loopback of a new network starts switched off; tests talk to servers of their own over it."""
    control = _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM)
    fcntl.ioctl(control.fileno(), 0x8914, struct.pack("16sH14x", b"lo", 1))
    control.close()


def mount(source: str, target: str, kind: str = "", flags: int = 0, options: str = "") -> None:
    """The system call."""
    arguments = [part.encode(errors="surrogateescape") or None for part in (source, target, kind)]
    said = options.encode() or None
    check(LIBC.mount(*arguments, ctypes.c_ulong(flags), said), f"mount {kind or source} on {target}")


def lock(target: str, *, writable: bool) -> None:
    """No set-user-id programs and no devices below a mount, and no writing."""
    attributes = struct.pack("QQQQ", (0 if writable else READ_ONLY) | NOSUID | NODEV, 0, 0, 0)
    path = target.encode(errors="surrogateescape")
    check(LIBC.syscall(MOUNT_SETATTR, AT_FDCWD, path, AT_RECURSIVE, attributes, 32), f"lock {target}")


def show(source: str, target: str, *, writable: bool = False) -> None:
    """Have a file or folder of the machine appear under the new root; what is not there is left out."""
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    elif os.path.lexists(source):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if not os.path.lexists(target):
            os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o600))
    else:
        return
    mount(source, target, flags=BIND | RECURSIVE)
    lock(target, writable=writable)


def build(view: dict[str, Any]) -> None:
    """Build the file system and make it the root. Runs as the first process of the process namespace.

    Args:
        view: `links` (path -> aim), `read` and `write` (paths), `guard` (paths in what may be written that may not),
            `replace` (path -> content of a file that is shown instead), `scratch` (bytes of /tmp and /dev/shm).
    """
    real = {path: os.path.realpath(path) for path in (*view["read"], *view["write"], *view["guard"])}
    mount("", "/", flags=RECURSIVE | PRIVATE)
    # First step aside, with the machine's files below /old, so that no mount hides what is still to be shown.
    mount("tmpfs", "/tmp", "tmpfs", NOSUID | NODEV, "mode=755")
    os.mkdir("/tmp/new")
    os.mkdir("/tmp/old")
    mount("tmpfs", "/tmp/new", "tmpfs", NOSUID | NODEV, "mode=755,size=16m")
    turn("/tmp", "old")
    for path, aim in view["links"].items():
        os.symlink(aim, f"/new{path}")
    private("/new/tmp", view["scratch"])
    os.mkdir("/new/tmp/home")
    for path, writable in ordered(view["read"], view["write"]):
        show(f"/old{real[path]}", f"/new{path}", writable=writable)
    for path in view["guard"]:
        show(f"/old{real[path]}", f"/new{path}")
    for number, (path, content) in enumerate(view["replace"].items()):
        with open(f"/replace-{number}", "w") as file:
            file.write(content)
        show(f"/replace-{number}", f"/new{path}")
    devices(view["scratch"])
    os.mkdir("/new/proc")
    mount("proc", "/new/proc", "proc", NOSUID | NODEV | NOEXEC)
    turn("/new", ".")
    check(LIBC.umount2(b".", 2), "leave the old root")
    os.chdir("/")


def turn(root: str, old: str) -> None:
    """Make a folder the root and put the old root into it."""
    os.chdir(root)
    machine = os.uname().machine
    if machine not in PIVOT_ROOT:
        raise OSError(f"its own sandbox does not know this kind of machine ({machine})")
    check(LIBC.syscall(PIVOT_ROOT[machine], b".", old.encode()), "pivot_root")
    os.chdir("/")


def ordered(read: Sequence[str], write: Sequence[str]) -> list[tuple[str, bool]]:
    """Outer folders first, and of one and the same path the right to write wins."""
    wanted = {**dict.fromkeys(read, False), **dict.fromkeys(write, True)}
    return sorted(wanted.items(), key=lambda item: item[0].count("/"))


def private(target: str, size: int) -> None:
    """A folder in memory, of limited size, that ends with the sandbox."""
    os.mkdir(target)
    mount("tmpfs", target, "tmpfs", NOSUID | NODEV, f"mode=1777,size={size},nr_inodes=400k")


def devices(scratch: int) -> None:
    """The devices that every program may expect."""
    os.mkdir("/new/dev")
    for name in DEVICES:
        if os.path.exists(f"/old/dev/{name}"):
            target = f"/new/dev/{name}"
            os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o600))
            mount(f"/old/dev/{name}", target, flags=BIND)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        os.symlink(f"/proc/self/fd/{number}", f"/new/dev/{name}")
    os.symlink("/proc/self/fd", "/new/dev/fd")
    private("/new/dev/shm", scratch)
    os.mkdir("/new/dev/pts")
    mount("devpts", "/new/dev/pts", "devpts", NOSUID | NOEXEC, "newinstance,ptmxmode=0666,mode=620")
    os.symlink("pts/ptmx", "/new/dev/ptmx")


def guard_processes() -> None:
    """What is of the machine, and not of a process, in /proc can be read at most."""
    for name in GUARDED:
        path = f"/proc/{name}"
        if os.path.exists(path):
            mount(path, path, flags=BIND | RECURSIVE)
            lock(path, writable=False)
