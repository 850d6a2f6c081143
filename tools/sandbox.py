"""Where code that a model wrote is run: no network, no secrets, no file outside the worktree, and bounded.

Every process that runs a project's code is started by `start`. `Sandbox` says which means are used and how much may be
used up; `Reach` says what one process may see and write. See docs/sandbox.md.
"""

from __future__ import annotations

import marshal
import os
import platform
import shutil
import subprocess
import sys
import weakref
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO, Literal

from pydantic import BaseModel, ConfigDict, Field

from . import sandbox_places as places
from .errors import ToolFailure

Mode = Literal["auto", "bubblewrap", "landlock", "off"]
Mechanism = Literal["bubblewrap", "landlock", "off"]

GIB = 1024**3
VARIABLE = "KFPILOT_SANDBOX_INSIDE"
"""Set for what runs in the sandbox, so that the long-lived children know that they need not cut the network again."""

LAUNCH = "import sys; sys.path.append(sys.argv[1]); from confine.launch import main; sys.exit(main(sys.argv[2:]))"
TRIAL = 20.0
MEND = (
    "Install bubblewrap (apt install bubblewrap, dnf install bubblewrap), or allow unprivileged user namespaces "
    "(on Ubuntu: sysctl kernel.apparmor_restrict_unprivileged_userns=0; in a container: run it with "
    "--security-opt seccomp=unconfined --security-opt systempaths=unconfined). Without a sandbox what the model wrote "
    "can do all that you can do; where that is no harm, as in a throw-away container, say --sandbox=off."
)


def start(
    command: Sequence[str],
    *,
    sandbox: Sandbox | None,
    reach: Reach,
    cwd: Path,
    env: Mapping[str, str],
    stdin: int,
    stderr: int | IO[bytes],
) -> subprocess.Popen[bytes]:
    """Start a command in the sandbox. Its standard output is a pipe, and it ends with this process at the latest.

    Args:
        command: Program and arguments.
        sandbox: The means; the defaults if it is not given.
        reach: What it may see.
        cwd: The folder to run in.
        env: Its environment.
        stdin: As for Popen.
        stderr: As for Popen.

    Raises:
        ToolFailure: There is no sandbox here.
        OSError: As Popen raises it.
    """
    sandbox = sandbox or Sandbox()
    mechanism = sandbox.mechanism()
    if mechanism == "off":
        return subprocess.Popen(
            list(command), cwd=cwd, env=env, stdin=stdin, stdout=subprocess.PIPE, stderr=stderr,
            start_new_session=True, bufsize=0,
        )  # fmt: skip
    program = shutil.which(command[0], path=env.get("PATH"))
    if program is None:
        raise FileNotFoundError(2, "No such file or directory", command[0])
    reader, writer = os.pipe()
    data: list[int] = []
    try:
        policy = policy_for(sandbox, reach, cwd, own=mechanism == "landlock")
        policy["lifeline"] = reader
        outer = [] if mechanism == "landlock" else bubblewrap(policy, data)
        process = subprocess.Popen(
            [*outer, *launcher(policy), *command],
            cwd=cwd,
            env={**env, "HOME": "/tmp/home", "TMPDIR": "/tmp", VARIABLE: mechanism},
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=stderr,
            start_new_session=True,
            bufsize=0,
            pass_fds=(reader, *data),
        )
    except BaseException:
        os.close(writer)
        raise
    finally:
        for descriptor in (reader, *data):
            os.close(descriptor)
    # The sandbox ends when the other end of its lifeline is closed: at the latest when this process does.
    weakref.finalize(process, os.close, writer)
    return process


def launcher(policy: dict[str, object]) -> list[str]:
    """The program that gives up its rights and becomes the command that follows."""
    # Not as JSON: reading that would take longer than all the launcher does.
    said = marshal.dumps(policy).hex()
    return [sys.executable, "-I", "-S", "-c", LAUNCH, str(Path(__file__).parent), said]


def exit_code(process: subprocess.Popen[bytes]) -> int:
    """The exit code of a command that has ended; a signal is a negative number, also where bubblewrap adds 128."""
    code = process.returncode
    first = process.args[0] if isinstance(process.args, list) else ""
    return 128 - code if first == "bwrap" and 128 < code <= 128 + 64 else int(code)


def policy_for(sandbox: Sandbox, reach: Reach, cwd: Path, *, own: bool) -> dict[str, object]:
    """What `confine/launch.py` is told."""
    write = [str(path) for path in reach.write]
    read = [*places.system(), *places.own(), *map(str, sandbox.read), *map(str, reach.read)]
    read += places.interpreter(reach.python) if reach.python else []
    guard: list[str] = []
    replace: dict[str, str] = {}
    for root in [*reach.write, *reach.read]:
        folders, shown = places.repository(root)
        read += [folder for folder in folders if not Path(folder).is_relative_to(root)]
        replace |= shown
        if root in reach.write and (root / ".git").exists():
            guard.append(str(root / ".git"))
    # A path and what it is a link to: both names must lead there.
    for paths in (read, write, guard):
        paths += [os.path.realpath(path) for path in paths]
    return {
        "own": own,
        "cwd": str(cwd),
        "links": places.links(),
        "read": outermost(read),
        "write": list(dict.fromkeys(write)),
        "guard": list(dict.fromkeys(guard)),
        "replace": replace,
        "scratch": sandbox.scratch,
        "limits": {
            "memory": sandbox.memory,
            "processes": sandbox.processes,
            "disk": sandbox.disk,
            "address": max(sandbox.memory * 4, machine_memory()),
        },
    }


def describe(sandbox: Sandbox) -> str:
    """One line on what holds, for people."""
    means = {
        "bubblewrap": "bubblewrap",
        "landlock": "Linux namespaces of our own",
        "off": "off",
    }[sandbox.mechanism()]
    version = landlock()
    more = f", with Landlock {version} and seccomp" if version else ", with seccomp, without Landlock"
    return (
        f"{means}{more}: no network, {sandbox.memory / GIB:.0f} GiB of memory, {sandbox.processes} processes, "
        f"{sandbox.disk / GIB:.0f} GiB of disk"
    )


def landlock() -> int:
    """The version of the kernel's Landlock; 0 without."""
    from .confine.rules import landlock_version

    return landlock_version()


def outermost(paths: Sequence[str]) -> list[str]:
    """The paths that exist and lie in none of the others."""
    kept: list[str] = []
    for path in sorted({path for path in paths if os.path.lexists(path)}, key=lambda item: item.count("/")):
        if not any(path == known or path.startswith(f"{known}/") for known in kept):
            kept.append(path)
    return kept


def bubblewrap(policy: dict[str, object], data: list[int]) -> list[str]:
    """The command line that has bubblewrap build the same view.

    Args:
        policy: As for our own sandbox.
        data: Gets the descriptors of what is shown instead of files.
    """
    size = str(policy["scratch"])
    command = ["bwrap", "--unshare-user", "--unshare-all", "--as-pid-1", "--hostname", "sandbox"]
    for path, aim in policy["links"].items():  # type: ignore[attr-defined]
        command += ["--symlink", aim, path]
    command += ["--proc", "/proc", "--dev", "/dev", "--size", size, "--tmpfs", "/dev/shm"]
    command += ["--size", size, "--tmpfs", "/tmp", "--dir", "/tmp/home"]
    read: list[str] = policy["read"]  # type: ignore[assignment]
    write: list[str] = policy["write"]  # type: ignore[assignment]
    wanted = {**dict.fromkeys(read, "--ro-bind"), **dict.fromkeys(write, "--bind")}
    for path, option in sorted(wanted.items(), key=lambda item: item[0].count("/")):
        command += [option, path, path]
    for path in policy["guard"]:  # type: ignore[attr-defined]
        command += ["--ro-bind", path, path]
    for path, content in policy["replace"].items():  # type: ignore[attr-defined]
        descriptor = os.memfd_create("kfpilot")
        os.write(descriptor, content.encode())
        os.lseek(descriptor, 0, os.SEEK_SET)
        data.append(descriptor)
        command += ["--ro-bind-data", str(descriptor), path]
    return [*command, "--chdir", "/", "--"]


@cache
def obstacle(mechanism: Literal["bubblewrap", "landlock"]) -> str:
    """Why a mechanism does not work here; empty if it does. Found out by trying."""
    if platform.system() != "Linux":
        return f"it needs Linux, this is {platform.system()}"
    if mechanism == "bubblewrap" and not shutil.which("bwrap"):
        return "bwrap is not installed"
    if mechanism == "landlock" and not landlock():
        return "the kernel has it switched off, or is older than 5.13"
    policy = policy_for(Sandbox(mode="off"), Reach(), Path("/tmp"), own=mechanism == "landlock")
    policy["lifeline"] = -1
    command = [*launcher(policy), "/bin/true"]
    try:
        done = subprocess.run(
            [*([] if mechanism == "landlock" else bubblewrap(policy, [])), *command],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TRIAL, cwd="/",
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if done.returncode:
        said = " ".join(done.stderr.split()).removeprefix("kfpilot: no sandbox: ")
        return said[-300:] or f"a trial ended with exit code {done.returncode}"
    return ""


@cache
def machine_memory() -> int:
    """Bytes of the machine's memory."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return 8 * GIB


class Sandbox(BaseModel):
    """The means and the limits.

    Args:
        mode: `auto` takes bubblewrap where it works, else our own with Landlock, and refuses if neither does.
        memory: Bytes that all processes of one sandbox may use together.
        processes: How many there may be at once.
        disk: Bytes that may be written to the worktree and the scratch folder.
        scratch: Bytes of the folder for temporary files, which is in memory.
        read: Further files and folders that may be read.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    mode: Mode = "auto"
    memory: int = Field(default_factory=lambda: max(4 * GIB, machine_memory() * 3 // 4))
    processes: int = Field(default_factory=lambda: max(1024, 64 * (os.cpu_count() or 1)))
    disk: int = 10 * GIB
    scratch: int = 2 * GIB
    read: tuple[Path, ...] = ()

    def mechanism(self) -> Mechanism:
        """What holds here.

        Raises:
            ToolFailure: Nothing does; says why and what can be done.
        """
        if self.mode == "off":
            return "off"
        reasons = []
        for name in ("bubblewrap", "landlock") if self.mode == "auto" else (self.mode,):
            reason = obstacle(name)
            if not reason:
                return name
            reasons.append(f"{name}: {reason}")
        raise ToolFailure(f"There is no sandbox to run the project's code in ({'; '.join(reasons)}).")


class Reach(BaseModel):
    """What one process may see and write, besides the system and a private /tmp.

    Args:
        python: The interpreter it runs with; its environment may be read.
        write: Folders that may be written; the `.git` in them may not.
        read: Files and folders that may be read.
    """

    model_config = ConfigDict(extra="forbid")

    python: Path | None = None
    write: list[Path] = []
    read: list[Path] = []
