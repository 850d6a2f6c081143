"""Imports, compiles and validates KFP modules in the target's interpreter, without a cluster.

One child process (`checks/kfp_server.py`) pays for `import kfp` once and answers every check from a fork of itself;
nothing of the checked code ever runs in this interpreter.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from .errors import ToolFailure
from .processes import clean_env
from .sandbox import Sandbox, start
from .sandbox_child import Territory
from .strange_files import text_of

SERVER = Path(__file__).parent / "checks" / "kfp_server.py"
START_LIMIT = 120.0
"""Seconds for the child to import kfp: a cold disk needs many times the usual two."""
ANSWER_GRACE = 20.0
"""Seconds that the child may take beyond the time limit of a check, which it keeps itself."""


class KfpTask(BaseModel):
    """What the compiled pipeline says of one of its tasks."""

    model_config = ConfigDict(extra="ignore")

    component: str = ""
    image: str = ""
    caching: bool = False
    retries: int = 0
    cpu_limit: str = ""
    memory_limit: str = ""
    after: list[str] = Field(default_factory=list)
    condition: str = ""
    loop: bool = False


class KfpObject(BaseModel):
    """A component or pipeline that a module defines, and whether it compiles to something a KFP server takes.

    Attributes:
        name: Its name in Python.
        ir_name: Its name in KFP.
        inputs: Name -> type as in the compiled form (`NUMBER_INTEGER`, `system.Dataset`).
        outputs: The same for what it gives.
        tasks: Names of the tasks of a pipeline, those in loops, conditions and nested pipelines included.
        task_details: Path of each task (`for-loop-1/train`) -> what is set on it.
        platform: Platforms it has settings for (`kubernetes`), which local runs ignore.
        line: Line of its `def`.
        ir: The compiled documents: PipelineSpec, then the platform spec if there is one; only when asked for.
    """

    model_config = ConfigDict(extra="ignore")

    name: str
    kind: Literal["component", "container", "pipeline"]
    ok: bool
    error: str = ""
    inputs: dict[str, str] = Field(default_factory=dict)
    outputs: dict[str, str] = Field(default_factory=dict)
    tasks: list[str] = Field(default_factory=list)
    images: list[str] = Field(default_factory=list)
    line: int = 0
    ir_name: str = ""
    platform: list[str] = Field(default_factory=list)
    task_details: dict[str, KfpTask] = Field(default_factory=dict)
    ir: list[dict[str, Any]] = Field(default_factory=list, repr=False)


class KfpModule(BaseModel):
    """What a check has found in one file.

    Attributes:
        path: The file as it was asked for, relative to the root.
        module: The dotted name it was imported under.
        file: Where it was imported from.
        foreign: The import gave another file than this one.
        error: Why it could not be imported, with the line of the user's file; empty if it could.
        objects: Its own components and pipelines, in order of their lines.
        exports: Names under which it offers components and pipelines, its own and imported ones.
        problems: What compiles but goes wrong at run time (see `kfp_lint`).
    """

    model_config = ConfigDict(extra="ignore")

    path: str
    module: str = ""
    file: str = ""
    foreign: bool = False
    error: str = ""
    objects: list[KfpObject] = Field(default_factory=list)
    exports: list[str] = Field(default_factory=list)
    problems: list[str] = Field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing at all is wrong with the module."""
        return not (self.error or self.foreign or self.problems) and all(item.ok for item in self.objects)

    def failures(self) -> list[str]:
        """Everything that is wrong, one message each, the file named in each."""
        found = [self.error] if self.error else []
        for item in self.objects:
            if not item.ok:
                found.append(f"{self.path}:{item.line}: {item.kind} `{item.name}` does not compile: {item.error}")
        return found + [f"{self.path}: {problem}" for problem in self.problems]


class KfpChecker:
    """Checks files with one long-lived child process, started with the first check.

    Args:
        python: The interpreter whose kfp counts; ours if it is not given.
        memory: Bytes of address space that a check may use; the machine's memory (at least 4 GiB) if it is not given.
        sandbox: The means and limits of the sandbox that the child runs in.
        places: Folders that hold what is going to be checked. The child starts anew for a folder outside of them.
        read: Further folders that what is checked or run must see.
        writes: Whether the code may write into the folder it is checked in.
    """

    def __init__(
        self,
        python: Path | None = None,
        *,
        memory: int | None = None,
        sandbox: Sandbox | None = None,
        places: Sequence[Path] = (),
        read: Sequence[Path] = (),
        writes: bool = True,
    ) -> None:
        self.python = Path(python or sys.executable)
        self.sandbox = sandbox
        self.territory = Territory(self.python, places, read, writes=writes)
        self.kfp_version = ""
        self.kfp_package: Path | None = None
        self._memory = memory
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None
        self._buffer = b""
        self._lock = threading.Lock()

    def __enter__(self) -> KfpChecker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def check(
        self,
        root: Path,
        files: Sequence[str],
        source_roots: Sequence[Path] | None = None,
        timeout: float = 120,
        *,
        ir: bool = False,
    ) -> list[KfpModule]:
        """Import, compile and validate files, each under its real module name.

        Args:
            root: The folder (worktree) the files must come from.
            files: Python files, relative to the root.
            source_roots: Folders that go to the front of `sys.path`; found from the project's layout if not given.
            timeout: Seconds for all files together.
            ir: The results hold the compiled documents as well.

        Returns:
            One result per file, in the same order.

        Raises:
            ToolFailure: kfp is not installed in that interpreter, or the child cannot be started.
        """
        root = root.resolve()
        if not files:
            return []
        if source_roots is None:
            from .python_project import find_source_roots

            source_roots = find_source_roots(root)
        request = {
            "root": str(root),
            "source_roots": [str(Path(item).resolve()) for item in source_roots],
            "files": [Path(name).as_posix() for name in files],
            "ir": ir,
        }
        from . import kfp_lint

        with self._lock:
            # Not the source roots: a repository's settings name them, and they may lie anywhere.
            if not self.territory.covers(root):
                self.stop()
        modules = [KfpModule.model_validate(item) for item in self.ask(request, timeout)]
        for module in modules:
            text = text_of(root / module.path)
            if text:
                module.problems = kfp_lint.problems(text.removeprefix("\ufeff"))
        return modules

    def ask(self, request: dict[str, Any], timeout: float) -> list[dict[str, Any]]:
        """Have the child do something in a fork of itself.

        Args:
            request: With `files` to check or `runs` to run, see `checks/kfp_server.py`.
            timeout: Seconds for all of it.

        Returns:
            One answer for each item of the request.

        Raises:
            ToolFailure: kfp is not installed in that interpreter, or the child cannot be started.
        """
        with self._lock:
            reply = self._ask({**request, "timeout": timeout, "memory": self._memory}, timeout)
        if "failure" in reply:
            raise ToolFailure(f"The KFP check failed in itself: {reply['failure']}")
        results: list[dict[str, Any]] = reply["results"]
        return results

    def start(self) -> None:
        """Start the child if it does not run, so that kfp's version is known.

        Raises:
            ToolFailure: kfp is not installed in that interpreter, or the child cannot be started.
        """
        with self._lock:
            self._start()

    def close(self) -> None:
        """Stop the child and remove its folder; the next check starts a new one."""
        self.stop()
        self.territory.close()

    def stop(self) -> None:
        """Stop the child; the next check starts a new one."""
        process, self._process = self._process, None
        self._buffer = b""
        if process is not None:
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    with suppress(OSError):
                        stream.close()
            try:
                process.wait(2)
            except subprocess.TimeoutExpired:
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        if self._log is not None:
            self._log.close()
            self._log = None

    def _ask(self, request: dict[str, Any], timeout: float) -> dict[str, Any]:
        """Send a request; a child that has died in the meantime is replaced once."""
        data = json.dumps(request).encode() + b"\n"
        for attempt in (1, 2):
            try:
                process = self._start()
                assert process.stdin is not None
                process.stdin.write(data)
                process.stdin.flush()
                return self._read(timeout + ANSWER_GRACE)
            except (OSError, EOFError) as error:
                said = self._said()
                self.stop()
                if attempt == 2:
                    raise ToolFailure(f"The KFP checker ended without an answer: {said or error}") from error
            except BaseException:
                self.stop()
                raise
        raise AssertionError("unreachable")

    def _start(self) -> subprocess.Popen[bytes]:
        """The child, started if it is not running."""
        if self._process is not None and self._process.poll() is None:
            return self._process
        self.stop()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the child)
        try:
            self._process = start(
                [str(self.python), str(SERVER)],
                sandbox=self.sandbox,
                reach=self.territory.reach(),
                cwd=self.territory.scratch,
                env=clean_env(),
                stdin=subprocess.PIPE,
                stderr=self._log,
            )
        except OSError as error:
            self.stop()
            raise ToolFailure(
                f"Cannot start {self.python}: {error.strerror or error}. Is it a Python interpreter?"
            ) from error
        hello = self._read(START_LIMIT)
        if not hello.get("ready"):
            self.stop()
            missing = hello.get("missing") or "kfp"
            if missing == "kfp":
                what = f"kfp is not installed in {self.python}. Install it there (`pip install kfp`)"
            else:
                what = f"kfp cannot be imported in {self.python}: {hello.get('error')}. Mend that environment"
            raise ToolFailure(f"{what}, or name another interpreter.")
        self.kfp_version = str(hello.get("kfp", ""))
        self.kfp_package = Path(str(hello["package"]))
        return self._process

    def _read(self, timeout: float) -> dict[str, Any]:
        """The next line of the child's.

        Raises:
            EOFError: The child has ended.
            ToolFailure: It did not answer in time.
        """
        process = self._process
        assert process is not None and process.stdout is not None
        end = time.monotonic() + timeout
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while b"\n" not in self._buffer:
                if not selector.select(max(end - time.monotonic(), 0)):
                    raise ToolFailure(f"The KFP checker did not answer within {timeout:.0f} s.")
                data = os.read(process.stdout.fileno(), 65536)
                if not data:
                    raise EOFError("its output is closed")
                self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _said(self) -> str:
        """The last that the child has written to its standard error."""
        if self._log is None:
            return ""
        with suppress(OSError, ValueError):
            size = self._log.seek(0, os.SEEK_END)
            self._log.seek(max(0, size - 500))
            return self._log.read().decode("utf-8", "replace").strip()
        return ""
