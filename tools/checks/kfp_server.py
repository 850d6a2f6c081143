"""Checks KFP modules for kfpilot: imports kfp once, then answers requests from a fork of itself.

This file runs in the *target's* interpreter, as a script, and therefore needs only the standard library and kfp. It
reads one JSON request per line from standard input and writes one JSON answer per line to standard output; it ends when
its input is closed. The code it is asked to check runs in a forked child, so that no module survives from one request
to the next, and nothing that the code prints can reach the protocol.

A request is about `files` to check, or about `runs`: compiled pipelines and components to run on this machine.
"""

from __future__ import annotations

import contextlib
import gc
import importlib.util
import json
import os
import resource
import selectors
import signal
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
OUTPUT_TAIL = 400
MINIMUM_MEMORY = 4 * 1024**3
"""The least address space a check may use: kfp with a data library maps a good deal without touching it."""


def neighbour(name: str) -> Any:
    """A module beside this one, under a name that no project has."""
    spec = importlib.util.spec_from_file_location(f"_kfpilot_{name}", HERE / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


LEFTOVERS = neighbour("leftovers")


def child(work: Any, request: dict[str, Any], start: int, answers: int, output: int, seconds: float) -> None:
    """Do the items of a request from number `start` on, one answer line each. Runs in the fork, never returns."""
    os.setsid()
    silent = os.open(os.devnull, os.O_RDONLY)
    os.dup2(silent, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    # Whatever becomes of the server, a child that loops or sleeps comes to its end.
    limit = int(seconds) + 5
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(limit)
    resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    memory = request.get("memory") or max(MINIMUM_MEMORY, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    warnings.simplefilter("ignore")
    sys.argv = ["kfp-check"]
    os.chdir(request["cwd"])
    do = work(request)
    items = items_of(request)
    with os.fdopen(answers, "w", encoding="utf-8") as stream:
        for index in range(start, len(items)):
            print(json.dumps({"index": index}), file=stream, flush=True)
            print(json.dumps({"index": index, "result": do(items[index])}), file=stream, flush=True)
            os.chdir(request["cwd"])


def items_of(request: dict[str, Any]) -> list[Any]:
    """What a request is about, one after another."""
    items: list[Any] = request["runs"] if "runs" in request else request["files"]
    return items


def worker(modules: dict[str, Any]) -> Any:
    """Prepares, in the child, what is done with each item of a request."""

    def prepare(request: dict[str, Any]) -> Any:
        if "runs" in request:
            return modules["kfp_run"].run_job
        root = Path(request["root"]).resolve()
        roots = [Path(item).resolve() for item in request["source_roots"]] or [root]
        sys.path[:0] = [str(item) for item in roots]
        keep = bool(request.get("ir"))
        return lambda name: modules["kfp_module"].check_file(root, roots, name, keep=keep)

    return prepare


def watch(pid: int, answers: int, requests: int, last: int, deadline: float) -> tuple[dict[int, Any], int | None, str]:
    """Read a child's answers until it has answered for the `last` file, it ends, or its time is over.

    Returns:
        The results by number of the file, the number of the file that was being checked at the end, and why it ended
        ("" for a normal end).
    """
    results: dict[int, Any] = {}
    current, why, buffer = None, "", b""
    with selectors.DefaultSelector() as selector:
        selector.register(answers, selectors.EVENT_READ)
        selector.register(requests, selectors.EVENT_READ)
        while True:
            left = deadline - time.monotonic()
            ready = [key.fd for key, _ in selector.select(max(left, 0))]
            if requests in ready:  # nobody asks before the answer is there: the other side is gone
                kill(pid)
                sys.exit(0)
            if not ready:
                why = "time"
                break
            data = os.read(answers, 65536)
            if not data:
                break
            *lines, buffer = (buffer + data).split(b"\n")
            for line in lines:
                message = json.loads(line)
                current = message["index"]
                if "result" in message:
                    results[current], current = message["result"], None
            if last in results:  # what the code has left running may hold the pipe open
                break
    kill(pid)
    _, status = os.waitpid(pid, 0)
    if not why and current is not None:
        signalled = os.WIFSIGNALED(status)
        why = f"signal {os.WTERMSIG(status)}" if signalled else f"exit code {os.WEXITSTATUS(status)}"
    return results, current, why


def kill(pid: int) -> None:
    """End a child and everything it has started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    LEFTOVERS.sweep()


def answer(work: Any, request: dict[str, Any], private: tuple[int, int]) -> dict[str, Any]:
    """Do every item of a request; one that hangs or kills its child costs only itself.

    Args:
        work: Gives, in the child, the function for one item.
        request: What was asked.
        private: The two descriptors of the protocol, which the child must not have.
    """
    files, broken = items_of(request), broken_run if "runs" in request else broken_check
    end = time.monotonic() + float(request.get("timeout", 120))
    results: list[Any] = [None] * len(files)
    start = 0
    while start < len(files):
        left = end - time.monotonic()
        # A module that hangs must leave time for those after it.
        seconds = max(left if start == len(files) - 1 else left / 2, 0)
        with tempfile.TemporaryDirectory(prefix="kfp-check-") as cwd, tempfile.TemporaryFile() as output:
            request["cwd"] = cwd
            reader, writer = os.pipe()
            pid = os.fork()
            if pid == 0:
                code = 70
                try:
                    for descriptor in (*private, reader):
                        os.close(descriptor)
                    child(work, request, start, writer, output.fileno(), seconds)
                    code = 0
                except BaseException:
                    traceback.print_exc()
                finally:
                    os._exit(code)
            os.close(writer)
            try:
                found, current, why = watch(pid, reader, private[0], len(files) - 1, time.monotonic() + seconds)
            finally:
                os.close(reader)
            for index, result in found.items():
                results[index] = result
            stopped_at = current if current is not None else start + len(found)
            if stopped_at < len(files):
                results[stopped_at] = broken(files[stopped_at], why or "no answer", seconds, tail(output))
            start = stopped_at + 1
        if end - time.monotonic() <= 0:
            for index in range(start, len(files)):
                results[index] = broken(files[index], "over", seconds, "")
            break
    return {"results": results}


def tail(output: Any) -> str:
    """The last that a child has printed."""
    size = output.seek(0, os.SEEK_END)
    output.seek(max(0, size - OUTPUT_TAIL))
    return output.read().decode("utf-8", "replace").strip()


def broken_check(name: str, why: str, seconds: float, printed: str) -> dict[str, Any]:
    """The result for a file whose check came to no end."""
    if why == "time":
        error = f"{name}: importing or compiling it did not end within {seconds:.0f} s (a loop, or a wait, at import?)"
    elif why == "over":
        error = f"{name}: not checked, the time for the files before it was used up"
    else:
        error = f"{name}: the interpreter ended while it was imported or compiled ({why})"
    if printed and why not in ("time", "over"):
        error += f"\n    {printed}"
    return {"path": name, "module": "", "file": "", "foreign": False, "error": error, "objects": []}


def broken_run(job: dict[str, Any], why: str, seconds: float, printed: str) -> dict[str, Any]:
    """The result for a run that came to no end."""
    status = "timeout" if why == "time" else "not-run" if why == "over" else "crashed"
    return {"status": status, "error": why, "seconds": seconds}


def main() -> int:
    """Serve until standard input is closed."""
    requests, answers = os.dup(0), os.dup(1)
    silent = os.open(os.devnull, os.O_RDWR)
    os.dup2(silent, 0)
    os.dup2(2, 1)
    sys.path[:] = [item for item in sys.path if item and Path(item).resolve() != HERE]
    modules = {name: neighbour(name) for name in ("kfp_module", "kfp_run")}
    work = worker(modules)

    def say(message: dict[str, Any]) -> None:
        data = json.dumps(message).encode() + b"\n"
        while data:
            data = data[os.write(answers, data) :]

    gc.disable()  # so many modules at once make no garbage, and looking for it takes a sixth of their time
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            import kfp
            import kfp.compiler
            import yaml  # noqa: F401
        except ImportError as error:
            say({"ready": False, "error": str(error), "missing": getattr(error, "name", None) or ""})
            return 1
        with contextlib.suppress(ImportError):
            import kfp.kubernetes
        modules["kfp_run"].preload()
    say({"ready": True, "kfp": kfp.__version__, "package": str(Path(kfp.__file__).parent)})
    gc.collect()
    gc.freeze()  # what is shared with the children stays shared
    gc.enable()
    buffer = b""
    while True:
        data = os.read(requests, 65536)
        if not data:
            return 0
        *lines, buffer = (buffer + data).split(b"\n")
        for line in lines:
            try:
                say(answer(work, json.loads(line), (requests, answers)))
            except Exception as error:
                say({"failure": f"{type(error).__name__}: {error}"})


if __name__ == "__main__":
    sys.exit(main())
