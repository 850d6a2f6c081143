"""What a process gives up before it runs foreign code: capabilities, system calls, files, and more than its share."""

from __future__ import annotations

import ctypes
import os
import resource
import struct

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.syscall.restype = ctypes.c_long

LANDLOCK_CREATE, LANDLOCK_ADD, LANDLOCK_RESTRICT = 444, 445, 446
PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT = 4, 24, 22, 38, 47
CAPABILITY_VERSION = 0x20080522

# Rights of Landlock by the version of its interface that brought them.
READ = 1 << 0 | 1 << 2 | 1 << 3  # execute, read a file, list a folder
WRITE_FILE, TRUNCATE, IOCTL = 1 << 1, 1 << 14, 1 << 15
WRITE = WRITE_FILE | sum(1 << bit for bit in range(4, 13))  # remove, and make anything of any kind
REFER = 1 << 13
OF_FILES = 1 << 0 | WRITE_FILE | 1 << 2 | TRUNCATE | IOCTL
SCOPES = 1 << 0 | 1 << 1  # abstract sockets, signals

# Numbers of system calls that no test of a project needs, and that open doors in the kernel or past the sandbox.
DENIED = {
    "x86_64": (
        155, 163, 164, 165, 166, 167, 168, 169, 175, 176, 179, 227, 246, 248, 249, 250, 272, 298, 304, 308, 313, 320,
        321, 323,
    ),
    "aarch64": (
        39, 40, 41, 60, 89, 97, 104, 105, 106, 112, 142, 170, 217, 218, 219, 224, 225, 241, 265, 268, 273, 280, 282,
        294,
    ),
}  # fmt: skip
"""mount and its kin, namespaces, keys, modules, bpf, perf, userfaultfd, clocks, swap, reboot, handles of files."""
DENIED_EVERYWHERE = (425, 428, 429, 430, 431, 432, 433, 442)
"""io_uring and the newer kin of mount have the same numbers on all machines."""
CLONE = {"x86_64": 56, "aarch64": 220}
CLONE3, NEW_USER = 435, 0x10000000
AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}


class ignored:
    """What contextlib.suppress is, without what its module imports: this starts with every sandbox."""

    def __init__(self, *kinds: type[BaseException]) -> None:
        self.kinds = kinds

    def __enter__(self) -> None:
        """Nothing to do."""

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> bool:
        """Whether the error is one of the kinds."""
        return kind is not None and issubclass(kind, self.kinds)


def check(result: int, what: str) -> int:
    """The result of a system call.

    Raises:
        OSError: It failed.
    """
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def landlock_version() -> int:
    """The version of the kernel's Landlock interface; 0 without Landlock."""
    return max(int(LIBC.syscall(LANDLOCK_CREATE, None, 0, 1)), 0)


def restrict_files(version: int, read: list[str], write: list[str], devices: list[str]) -> None:
    """Have Landlock refuse all files but these, and signals and abstract sockets that lead outside.

    Args:
        version: Of the interface, see `landlock_version`.
        read: Files and folders that may be read and executed.
        write: Files and folders that may be written as well.
        devices: Folders whose files may be written, but not made.
    """
    handled = READ | WRITE
    handled |= (REFER if version >= 2 else 0) | (TRUNCATE if version >= 3 else 0) | (IOCTL if version >= 5 else 0)
    attributes = struct.pack("QQQ", handled, 0, SCOPES if version >= 6 else 0)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    rules = check(LIBC.syscall(LANDLOCK_CREATE, attributes, size, 0), "landlock")
    grants = [(path, READ) for path in read]
    grants += [(path, handled & ~IOCTL) for path in write]
    grants += [(path, handled & (READ | WRITE_FILE | TRUNCATE | IOCTL)) for path in devices]
    for path, rights in grants:
        with ignored(FileNotFoundError):
            place = os.open(path, os.O_PATH | os.O_CLOEXEC)
            allowed = rights & handled if os.path.isdir(path) else rights & handled & OF_FILES
            rule = struct.pack("=Qi", allowed, place)
            check(LIBC.syscall(LANDLOCK_ADD, rules, 1, rule, 0), f"landlock, {path}")
            os.close(place)
    check(LIBC.syscall(LANDLOCK_RESTRICT, rules, 0), "landlock")
    os.close(rules)


def drop_capabilities() -> None:
    """No capability now, and none by running a program: not even root's."""
    LIBC.prctl(PR_CAP_AMBIENT, 4, 0, 0, 0)
    for number in range(64):
        if LIBC.prctl(PR_CAPBSET_DROP, number, 0, 0, 0) < 0:
            break
    header, none = struct.pack("Ii", CAPABILITY_VERSION, 0), bytes(24)
    check(LIBC.capset(header, none), "capabilities")
    check(LIBC.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")


def filter_calls() -> None:
    """A seccomp filter: the denied calls fail with EPERM; nothing on machines whose numbers are not known here."""
    machine = os.uname().machine
    if machine not in DENIED:
        return
    load, equal, above, masked, give = 0x20, 0x15, 0x35, 0x45, 0x06
    numbers = [*DENIED[machine], *DENIED_EVERYWHERE]
    steps: list[tuple[int, int | str, int | str, int]] = [
        (load, 0, 0, 4),
        (equal, 0, "deny", AUDIT[machine]),  # 32-bit calls have other numbers
        (load, 0, 0, 0),
    ]
    if machine == "x86_64":
        steps.append((above, "deny", 0, 0x40000000))  # and so have those of x32
    steps.append((equal, "absent", 0, CLONE3))  # its flags cannot be seen here; libc then takes clone
    steps += [(equal, "deny", 0, number) for number in numbers]
    steps += [(equal, 0, "allow", CLONE[machine]), (load, 0, 0, 16), (masked, "deny", "allow", NEW_USER)]
    ends = {"allow": len(steps), "deny": len(steps) + 1, "absent": len(steps) + 2}
    steps += [(give, 0, 0, 0x7FFF0000), (give, 0, 0, 0x00050000 | 1), (give, 0, 0, 0x00050000 | 38)]

    def jump(at: int, to: int | str) -> int:
        return to if isinstance(to, int) else ends[to] - at - 1

    code = b"".join(
        struct.pack("HBBI", kind, jump(at, yes), jump(at, no), value) for at, (kind, yes, no, value) in enumerate(steps)
    )
    buffer = ctypes.create_string_buffer(code)
    program = struct.pack("HxxxxxxP", len(steps), ctypes.addressof(buffer))
    check(LIBC.prctl(PR_SET_SECCOMP, 2, program, 0, 0), "seccomp")


def limit(*, memory: int, processes: int, file: int) -> None:
    """Limits that the kernel keeps for each process; 0 is none.

    Args:
        memory: Bytes of address space.
        processes: Processes and threads of the sandbox. Root is free of this one.
        file: Bytes of one file.
    """
    for kind, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_AS, memory or None),
        (resource.RLIMIT_NPROC, processes or None),
        (resource.RLIMIT_FSIZE, file or None),
        (resource.RLIMIT_MEMLOCK, 64 * 1024**2),
    ):
        if most is None:
            continue
        hard = resource.getrlimit(kind)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        with ignored(ValueError, OSError):
            resource.setrlimit(kind, (most, most))
