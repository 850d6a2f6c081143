"""Runs tests again and again for kfpilot: imports pytest and what the tests import once, then forks for each run.

This file runs in the *target's* interpreter, as a script, and needs only the standard library and pytest. It reads one
JSON request per line from standard input and writes one JSON answer per line to standard output; it ends when its input
is closed. Each run of the tests happens in a forked child in its own session, with a time limit; nothing of the project
is ever imported in the parent.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import importlib.util
import json
import os
import selectors
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
UNWANTED = ("langsmith",)
"""Plugins of pytest that cost seconds and test nothing."""


def neighbour(name: str) -> Any:
    """A module beside this one, under a name that no project has."""
    spec = importlib.util.spec_from_file_location(f"_kfpilot_{name}", HERE / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


LEFTOVERS = neighbour("leftovers")


class Recorder:
    """A plugin that tells how tests failed.

    A file that cannot be collected shows nothing about its tests, and one that only breaks because the changed code
    itself breaks has noticed no wrong result.

    Args:
        changed: The file that was changed; "" for none.
    """

    def __init__(self, changed: str) -> None:
        self.changed = changed
        self.noticed: list[str] = []
        self.passed = 0
        self.failed: list[str] = []
        self.uncollected: list[str] = []

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed:
            self.uncollected.append(report.nodeid)

    def pytest_exception_interact(self, node: Any, call: Any, report: Any) -> None:
        """An assertion failed, or the code under test did: told by the frames between the test and the exception."""
        if not hasattr(report, "when") or call.excinfo is None:
            return
        if not any(str(entry.path) == self.changed for entry in call.excinfo.traceback):
            self.noticed.append(report.nodeid)
            if self.changed:
                node.session.shouldstop = "a change was noticed"

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.failed:
            self.failed.append(report.nodeid)
        elif report.when == "call" and report.passed:
            self.passed += 1


class Tracer:
    """Which lines of some files are executed."""

    def __init__(self, files: list[str]) -> None:
        self.lines: dict[str, set[int]] = {file: set() for file in files}

    def __call__(self, frame: Any, event: str, argument: Any) -> Any:
        lines = self.lines.get(frame.f_code.co_filename)
        if lines is None:
            return None
        lines.add(frame.f_lineno)

        def line(frame: Any, event: str, argument: Any) -> Any:
            if event == "line":
                lines.add(frame.f_lineno)
            return line

        return line

    def start(self) -> None:
        threading.settrace(self)
        sys.settrace(self)


class Opened:
    """Which files below a folder are opened, and whether a program is started that may open others.

    Args:
        root: The folder, without links.
    """

    def __init__(self, root: str) -> None:
        self.root = root + os.sep
        self.files: dict[str, None] = {}
        self.starts = False

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and isinstance(arguments[0], (str, bytes)):
            path = os.path.abspath(os.fsdecode(arguments[0]))  # noqa: PTH100 (quick, and raises nothing)
            if path.startswith(self.root):
                self.files[path[len(self.root) :]] = None
        elif event in ("subprocess.Popen", "os.exec", "os.posix_spawn", "os.system", "os.fork"):
            self.starts = True


def child(request: dict[str, Any], answers: int) -> None:
    """One run of the tests. Runs in the fork, never returns."""
    os.setsid()
    silent = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(silent, descriptor)
    limit = int(request["seconds"]) + 5  # whatever becomes of the server
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(limit)
    sys.path[:0] = request["source_roots"]
    sys.argv = ["pytest"]
    os.chdir(request["start"])
    os.environ["PYTHONPATH"] = os.pathsep.join(request["source_roots"])
    import pytest

    recorder = Recorder(request.get("changed", ""))
    tracer = Tracer(request["trace"]) if request.get("trace") else None
    opened = Opened(request["root"]) if request.get("opens") else None
    if opened:
        sys.addaudithook(opened)
    if tracer:
        tracer.start()
    code = int(pytest.main(request["arguments"], plugins=[recorder]))
    sys.settrace(None)
    result = {
        "exit_code": code,
        "passed": recorder.passed,
        "failed": recorder.failed[:5],
        "noticed": recorder.noticed[:5],
        "uncollected": recorder.uncollected[:5],
        "lines": {file: sorted(lines) for file, lines in tracer.lines.items()} if tracer else {},
        "opened": list(opened.files) if opened else [],
        "starts": bool(opened and opened.starts),
    }
    data = json.dumps(result).encode() + b"\n"
    while data:
        data = data[os.write(answers, data) :]


def run(request: dict[str, Any], private: tuple[int, int]) -> dict[str, Any]:
    """Fork, wait for the answer or the end of the time, and leave nothing behind."""
    started = time.monotonic()
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            for descriptor in (*private, reader):
                os.close(descriptor)
            child(request, writer)
        finally:
            os._exit(0)
    os.close(writer)
    data, timed_out = b"", False
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(reader, selectors.EVENT_READ)
            selector.register(private[0], selectors.EVENT_READ)
            while not data.endswith(b"\n"):
                left = started + request["seconds"] - time.monotonic()
                ready = [key.fd for key, _ in selector.select(max(left, 0))]
                if private[0] in ready:  # nobody asks before the answer is there: the other side is gone
                    end(pid)
                    sys.exit(0)
                if not ready:
                    timed_out = True
                    break
                more = os.read(reader, 65536)
                if not more:
                    break
                data += more
    finally:
        os.close(reader)
    end(pid)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, 0)
    result: dict[str, Any] = json.loads(data) if data.endswith(b"\n") else {"died": not timed_out}
    return {**result, "timed_out": timed_out, "seconds": round(time.monotonic() - started, 3)}


def end(pid: int) -> None:
    """End a child and everything it has started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    LEFTOVERS.sweep()


def load(names: list[str]) -> None:
    """Import what the children would each import for themselves; what cannot be imported is their affair."""
    gc.disable()  # so many modules at once make no garbage, and looking for it takes a sixth of their time
    for name in names:
        with contextlib.suppress(BaseException):
            importlib.import_module(name)
    gc.collect()
    gc.freeze()  # what is shared with the children stays shared
    gc.enable()


def plugins(unwanted: list[str]) -> list[str]:
    """The modules of the installed plugins of pytest, without those that the runs will not load."""
    from importlib.metadata import entry_points

    try:
        group = entry_points(group="pytest11")
    except TypeError:  # Python 3.9: they load in each run then
        return []
    wanted = [entry for entry in group if entry.name not in unwanted and not entry.value.startswith(UNWANTED)]
    return [entry.value.partition(":")[0] for entry in wanted]


def main() -> int:
    """Serve until standard input is closed."""
    requests, answers = os.dup(0), os.dup(1)
    silent = os.open(os.devnull, os.O_RDWR)
    os.dup2(silent, 0)
    os.dup2(2, 1)
    sys.path[:] = [item for item in sys.path if item and Path(item).resolve() != HERE]

    def say(message: dict[str, Any]) -> None:
        data = json.dumps(message).encode() + b"\n"
        while data:
            data = data[os.write(answers, data) :]

    try:
        import pytest
    except ImportError as error:
        say({"ready": False, "error": str(error)})
        return 1
    load(["_pytest.assertion.rewrite", "_pytest.pytester_assertions"])
    say({"ready": True, "pytest": pytest.__version__})
    buffer = b""
    while True:
        data = os.read(requests, 65536)
        if not data:
            return 0
        *lines, buffer = (buffer + data).split(b"\n")
        for line in lines:
            try:
                request = json.loads(line)
                load(request.get("load", []))
                if request.get("unwanted") is not None:
                    load(plugins(request["unwanted"]))
                say(run(request, (requests, answers)) if "arguments" in request else {"loaded": True})
            except Exception as error:
                say({"failure": f"{type(error).__name__}: {error}"})


if __name__ == "__main__":
    sys.exit(main())
