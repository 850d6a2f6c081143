"""Child processes with a time limit, an output limit and nothing left behind."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from pydantic import BaseModel, ConfigDict, Field

from .errors import ToolFailure
from .sandbox import Reach, Sandbox, exit_code, start

GRACE = 2.0
"""Seconds between the polite signal (TERM) and the final one (KILL)."""

JOB_VARIABLE = "KFPILOT_JOB"
"""Marks every descendant of a command, so that one which has left the process group is found too."""

ALLOWED = (
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TMPDIR", "TZ", "TERM", "VIRTUAL_ENV",
    "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "JAVA_HOME", JOB_VARIABLE,
)  # fmt: skip
"""What code written by a model may see of our environment; `LC_*` is allowed as well."""

FIXED = {
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONHASHSEED": "0",
    "PYTHONUTF8": "1",
    "PIP_NO_INDEX": "1",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "NO_COLOR": "1",
}


def clean_env(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment for code that a model wrote: an allow-list, so no key and no token gets through.

    Args:
        extra: Variables that are set on top.
    """
    env = {name: value for name, value in os.environ.items() if name in ALLOWED or name.startswith("LC_")}
    return {**env, **FIXED, **(extra or {})}


def run(
    command: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    timeout: float = 600,
    output_limit: int = 200_000,
    stdin: str | None = None,
    reach: Reach | None = None,
    sandbox: Sandbox | None = None,
) -> Completed:
    """Run a command to its end, or to its time limit, and leave no process of it behind.

    The command gets its own session. At the time limit everything it has started is told to stop (TERM), then killed;
    what is left over after a normal end is killed too.

    Args:
        command: Program and arguments; no shell is involved.
        cwd: The folder to run in.
        env: The complete environment; without it the command inherits ours.
        timeout: Seconds until it is stopped.
        output_limit: Bytes kept of each stream; the middle is cut out of what is longer.
        stdin: Text for its standard input, which is closed after it (and empty without it).
        reach: What it may see and write; a command that runs the project's code must have one, and is then run in the
            sandbox.
        sandbox: The means and limits of the sandbox; the defaults if not given.

    Raises:
        ToolFailure: The program or the folder does not exist, or cannot be run, or there is no sandbox.
    """
    arguments = [os.fspath(part) for part in command]
    if not arguments:
        raise ToolFailure("There is no command to run: the list is empty.")
    job = uuid.uuid4().hex
    variables = dict(os.environ if env is None else env)
    # A kfpilot inside a kfpilot: the outer one must still recognise what the inner one has started.
    variables[JOB_VARIABLE] = "/".join(filter(None, (variables.get(JOB_VARIABLE), job)))
    started = time.monotonic()
    process = _start(arguments, cwd, variables, stdin is not None, reach, sandbox)
    exchange = _Exchange(process, (stdin or "").encode("utf-8", "surrogateescape"), output_limit)
    timed_out = False
    try:
        timed_out = not exchange.until_exit(started + timeout)
        if timed_out:
            _signal_all(process, job, signal.SIGTERM)
            exchange.until_exit(time.monotonic() + GRACE)
    finally:
        # Also on an interrupt. The leader is not reaped yet, so its group's number cannot belong to anybody else.
        _kill_all(process, job)
        exchange.until_exit(time.monotonic() + GRACE)
        exchange.drain(time.monotonic() + 1.0)
        process.wait()
        exchange.close()
    return Completed(
        command=arguments,
        exit_code=exit_code(process),
        stdout=exchange.text("stdout"),
        stderr=exchange.text("stderr"),
        timed_out=timed_out,
        truncated=exchange.truncated,
        seconds=round(time.monotonic() - started, 3),
    )


def _start(
    command: list[str],
    cwd: Path,
    env: dict[str, str],
    with_stdin: bool,
    reach: Reach | None,
    sandbox: Sandbox | None,
) -> subprocess.Popen[bytes]:
    if not Path(cwd).is_dir():
        raise ToolFailure(f"Cannot run {command[0]}: the folder {cwd} does not exist.")
    stdin = subprocess.PIPE if with_stdin else subprocess.DEVNULL
    try:
        if reach is not None:
            return start(command, sandbox=sandbox, reach=reach, cwd=cwd, env=env, stdin=stdin, stderr=subprocess.PIPE)
        return subprocess.Popen(
            command,
            cwd=cwd,
            env=env,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            bufsize=0,
        )
    except FileNotFoundError:
        raise ToolFailure(f"Cannot run {command[0]}: no such program. Install it, or give its full path.") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ToolFailure(f"Cannot run {command[0]}: {reason}.") from None


def _exited(process: subprocess.Popen[bytes]) -> bool:
    """Whether the leader has ended, if possible without reaping it: its number stays taken until its group is gone."""
    if process.returncode is not None:
        return True
    if hasattr(os, "waitid"):
        with contextlib.suppress(ChildProcessError):
            return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    return process.poll() is not None


def _signal_all(process: subprocess.Popen[bytes], job: str, number: signal.Signals) -> int:
    """Send a signal to the group and to the descendants that left it; returns how many of the latter there were."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
    escaped = [pid for pid in _marked(job) if pid != process.pid]
    for pid in escaped:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)
    return len(escaped)


def _kill_all(process: subprocess.Popen[bytes], job: str) -> None:
    # More than once: between the look and the signal one may have forked.
    for _ in range(20):
        if not _signal_all(process, job, signal.SIGKILL):
            return
        time.sleep(0.005)


def _marked(job: str) -> list[int]:
    """The living processes that carry the job's mark (Linux; elsewhere the process group alone has to do)."""
    found = []
    mark = job.encode()
    with contextlib.suppress(OSError):
        for name in os.listdir("/proc"):  # noqa: PTH208 (called often; Path objects would be most of the cost)
            if name.isdigit():
                with contextlib.suppress(OSError), open(f"/proc/{name}/environ", "rb") as file:  # noqa: PTH123
                    if mark in file.read():
                        found.append(int(name))
    return found


class Completed(BaseModel):
    """A command that has ended, one way or another."""

    model_config = ConfigDict(extra="forbid")

    command: list[str]
    exit_code: int = Field(description="The number of the signal, negative, when a signal ended it")
    stdout: str = ""
    stderr: str = ""
    timed_out: bool = False
    truncated: bool = Field(default=False, description="The middle of stdout or stderr is left out")
    seconds: float = 0.0


class _Stream:
    """The head and the tail of what came out of a pipe, in bounded memory."""

    def __init__(self, limit: int) -> None:
        self.head_size = max(limit // 2, 1)
        self.tail_size = max(limit - self.head_size, 1)
        self.head = bytearray()
        self.tail = bytearray()
        self.dropped = 0

    def feed(self, data: bytes) -> None:
        room = self.head_size - len(self.head)
        self.head += data[:room]
        self.tail += data[room:] if room > 0 else data
        # Cut only now and then, or a flood of small pieces would be moved about again and again.
        if len(self.tail) > 2 * self.tail_size:
            self._cut()

    def _cut(self) -> None:
        surplus = len(self.tail) - self.tail_size
        if surplus > 0:
            del self.tail[:surplus]
            self.dropped += surplus

    def text(self) -> str:
        self._cut()
        if not self.dropped:
            return (self.head + self.tail).decode("utf-8", "replace")
        head, tail = self.head.decode("utf-8", "ignore"), self.tail.decode("utf-8", "ignore")
        return f"{head}\n… [{self.dropped} bytes left out] …\n{tail}"


class _Exchange:
    """Feeds a process its input and collects its output, without a thread and without blocking for ever."""

    def __init__(self, process: subprocess.Popen[bytes], data: bytes, limit: int) -> None:
        self.process = process
        self.data = memoryview(data)
        self.streams = {"stdout": _Stream(limit), "stderr": _Stream(limit)}
        self.selector = selectors.DefaultSelector()
        for pipe, name in ((process.stdout, "stdout"), (process.stderr, "stderr")):
            assert pipe is not None
            os.set_blocking(pipe.fileno(), False)
            self.selector.register(pipe, selectors.EVENT_READ, name)
        if process.stdin is not None:
            os.set_blocking(process.stdin.fileno(), False)
            self.selector.register(process.stdin, selectors.EVENT_WRITE, "stdin")

    def until_exit(self, deadline: float) -> bool:
        """Exchange data until the process ends; False when the deadline came first."""
        pause = 0.001
        while not _exited(self.process):
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            # An exit wakes nobody, so look again soon: quickly at first, less and less often later.
            self._turn(min(left, pause))
            pause = min(pause * 1.5, 0.05)
        return True

    def drain(self, deadline: float) -> None:
        """Take what is still in the pipes; a process we could not kill may hold them open, hence the deadline."""
        while any(key.data != "stdin" for key in self.selector.get_map().values()):
            left = deadline - time.monotonic()
            if left <= 0:
                return
            self._turn(left)

    def _turn(self, seconds: float) -> None:
        if not self.selector.get_map():
            time.sleep(max(seconds, 0))
            return
        for key, _ in self.selector.select(max(seconds, 0)):
            if key.data == "stdin":
                self._write(key.fileobj)  # type: ignore[arg-type]
            else:
                self._read(key.fileobj, self.streams[key.data])  # type: ignore[arg-type]

    def _write(self, pipe: IO[bytes]) -> None:
        try:
            self.data = self.data[os.write(pipe.fileno(), self.data[:65536]) :] if self.data else self.data
        except BlockingIOError:
            return
        except OSError:  # It does not want to read on.
            self.data = memoryview(b"")
        if not self.data:
            self._drop(pipe)

    def _read(self, pipe: IO[bytes], stream: _Stream) -> None:
        try:
            data = os.read(pipe.fileno(), 65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            stream.feed(data)
        else:
            self._drop(pipe)

    def _drop(self, pipe: IO[bytes]) -> None:
        self.selector.unregister(pipe)
        pipe.close()

    def close(self) -> None:
        for key in list(self.selector.get_map().values()):
            self._drop(key.fileobj)  # type: ignore[arg-type]
        self.selector.close()

    @property
    def truncated(self) -> bool:
        return any(stream.dropped for stream in self.streams.values())

    def text(self, name: str) -> str:
        return self.streams[name].text()
