"""Runs tests on small changes of the code they test: a test that notices none of them cannot fail.

The code is changed on disk, in a scratch copy, because KFP reads the source text of a component when it compiles it and
when it runs it in a process of its own. One child process (`checks/mutation_server.py`) pays for the imports once and
forks for each run.
"""

from __future__ import annotations

import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import IO, Any

from pydantic import BaseModel, ConfigDict

from .errors import ToolFailure
from .mutants import Mutant
from .processes import clean_env
from .pytest_settings import find_settings, words
from .python_project import SKIPPED_FOLDERS, find_projects, own_names, project_of
from .sandbox import Sandbox, start
from .sandbox_child import Territory
from .tested import imported_names

SERVER = Path(__file__).parent / "checks" / "mutation_server.py"
START_LIMIT = 60.0
LOAD_LIMIT = 60.0
GRACE = 10.0
LARGEST_COPY = 200 * 1024**2
"""Bytes of a checkout that may be copied; mutants of larger ones are not tried."""


class Run(BaseModel):
    """One run of the tests on one state of the code."""

    model_config = ConfigDict(extra="ignore")

    exit_code: int | None = None
    passed: int = 0
    failed: list[str] = []
    noticed: list[str] = []
    uncollected: list[str] = []
    lines: dict[str, list[int]] = {}
    opened: list[str] = []
    starts: bool = False
    timed_out: bool = False
    died: bool = False
    seconds: float = 0.0

    @property
    def green(self) -> bool:
        """Everything ran and at least one test passed."""
        return self.exit_code == 0 and self.passed > 0 and not self.failed


class Judged(BaseModel):
    """A mutant and what became of it.

    Attributes:
        outcome: `killed`: an assertion failed, or the tests ran without end. `crashed`: tests failed only because the
            changed code itself raised. `survived`: all passed. `broken`: the changed file cannot even be imported, so
            it says nothing about the tests.
    """

    model_config = ConfigDict(extra="forbid")

    mutant: Mutant
    outcome: str
    by: str = ""


class MutationRunner:
    """Runs test files on a copy of a checkout.

    Args:
        python: The interpreter of the project under work; it has pytest.
        sandbox: The means and limits of the sandbox that the tests run in.
    """

    def __init__(self, python: Path | None = None, sandbox: Sandbox | None = None) -> None:
        self.python = Path(python or sys.executable)
        self.sandbox = sandbox
        self.territory = Territory(self.python)
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None
        self._buffer = b""
        self._loaded: set[str] = set()

    def __enter__(self) -> MutationRunner:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(
        self,
        root: Path,
        source_roots: Sequence[Path],
        tests: Sequence[str],
        sources: Iterable[str],
        extra: Sequence[str],
    ) -> Session:
        """Copy a checkout and get ready to run some of its test files.

        Args:
            root: The checkout; it is only read.
            source_roots: Folders that come first on the import path, in or below the root.
            tests: Test files, relative to the root.
            sources: Texts of the tests and of what they test: what they import from elsewhere is loaded beforehand.
            extra: More arguments for pytest.

        Raises:
            ToolFailure: The interpreter has no pytest or cannot be started, or the checkout is too large.
        """
        root = root.resolve()
        if size_of(root) > LARGEST_COPY:
            raise ToolFailure(f"the checkout is larger than {LARGEST_COPY // 1024**2} MB")
        scratch = Path(tempfile.mkdtemp(prefix="mutants-", dir=self.territory.scratch))
        copy = scratch / root.name
        shutil.copytree(root, copy, symlinks=True, ignore=shutil.ignore_patterns(".git", *SKIPPED_FOLDERS))
        roots = [copy / Path(item).resolve().relative_to(root) for item in source_roots]
        solid, loose = own_names(copy, roots)
        own = {*solid, *loose}
        names = [name for name in imported_names(sources) if name.partition(".")[0] not in own]
        # pytest is started where the developers of these tests start it.
        homes = {project_of(find_projects(copy), test) for test in tests}
        project = homes.pop() if len(homes) == 1 else ""
        options = [*arguments(copy / project), *extra]
        if not any(name.partition(".")[0] == "hypothesis" for name in names):
            options += ["-p", "no:hypothesispytest"]  # its summary alone costs half a second in each run
        try:
            self.load(names, unwanted_plugins(options))
        except BaseException:
            shutil.rmtree(scratch, ignore_errors=True)
            raise
        mine = [test.removeprefix(f"{project}/") for test in tests]
        return Session(self, root, scratch, copy, roots, [*options, *mine], copy / project)

    def load(self, names: Iterable[str], unwanted: list[str] | None) -> None:
        """Have the child import what each run would import.

        Args:
            names: Modules.
            unwanted: Names of plugins of pytest that the runs do not load; None if they load none by themselves.
        """
        fresh = [name for name in names if name not in self._loaded]
        self._loaded |= set(fresh)
        self.ask({"load": fresh, "unwanted": unwanted}, LOAD_LIMIT)

    def ask(self, request: dict[str, Any], timeout: float) -> dict[str, Any]:
        """Send one request and wait for its answer.

        Raises:
            ToolFailure: The child cannot be started, has died, or does not answer.
        """
        process = self._start()
        assert process.stdin is not None
        try:
            process.stdin.write(json.dumps(request).encode() + b"\n")
            process.stdin.flush()
            reply = self._read(timeout)
        except (OSError, EOFError) as error:
            said = self._said()
            self.stop()
            raise ToolFailure(f"the runner of the mutants ended without an answer: {said or error}") from error
        except BaseException:
            self.stop()
            raise
        if "failure" in reply:
            raise ToolFailure(f"the runner of the mutants failed in itself: {reply['failure']}")
        return reply

    def close(self) -> None:
        """Stop the child and remove its folder; the next run starts a new one."""
        self.stop()
        self.territory.close()

    def stop(self) -> None:
        """Stop the child; the next run starts a new one."""
        process, self._process = self._process, None
        self._buffer, self._loaded = b"", set()
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

    def _start(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is None:
            return self._process
        loaded = self._loaded
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
            raise ToolFailure(f"Cannot start {self.python}: {error.strerror or error}.") from error
        try:
            hello = self._read(START_LIMIT)
        except EOFError:
            hello = {"error": self._said()}
        if not hello.get("ready"):
            self.stop()
            raise ToolFailure(f"pytest cannot be imported in {self.python}: {hello.get('error', '')}")
        self._loaded = loaded
        return self._process

    def _read(self, timeout: float) -> dict[str, Any]:
        process = self._process
        assert process is not None and process.stdout is not None
        end = time.monotonic() + timeout
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while b"\n" not in self._buffer:
                if not selector.select(max(end - time.monotonic(), 0)):
                    raise ToolFailure(f"the runner of the mutants did not answer within {timeout:.0f} s")
                data = os.read(process.stdout.fileno(), 65536)
                if not data:
                    raise EOFError("its output is closed")
                self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _said(self) -> str:
        if self._log is None:
            return ""
        with suppress(OSError, ValueError):
            size = self._log.seek(0, os.SEEK_END)
            self._log.seek(max(0, size - 500))
            return self._log.read().decode("utf-8", "replace").strip()
        return ""


class Session:
    """A scratch copy of a checkout in which some tests are run; a context manager that removes it."""

    def __init__(
        self,
        runner: MutationRunner,
        origin: Path,
        scratch: Path,
        root: Path,
        source_roots: list[Path],
        arguments: list[str],
        start: Path,
    ) -> None:
        self.runner = runner
        self.origin = origin
        self.scratch = scratch
        self.root = root
        self.source_roots = source_roots
        self.arguments = arguments
        self.start = start

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.scratch, ignore_errors=True)

    def run(self, *, seconds: float, trace: Iterable[str] = (), changed: str = "", opens: bool = False) -> Run:
        """Run the tests on what the copy holds now.

        Args:
            seconds: The time limit.
            trace: Files, relative to the root, whose executed lines are wanted.
            changed: The file that holds a mutant; the run ends with the first assertion that notices it.
            opens: Whether it is wanted which files of the copy are opened, and whether other programs are started.
        """
        traced = {str(self.root / name): name for name in trace}
        request = {
            "root": str(self.root),
            "start": str(self.start),
            "source_roots": [str(path) for path in self.source_roots],
            "arguments": self.arguments,
            "seconds": seconds,
            "trace": list(traced),
            "changed": str(self.root / changed) if changed else "",
            "opens": opens,
        }
        done = Run.model_validate(self.runner.ask(request, seconds + GRACE))
        done.lines = {traced[path]: lines for path, lines in done.lines.items()}
        return done

    def judge(self, mutant: Mutant, *, seconds: float) -> Judged:
        """Run the tests on one mutant and put the file back."""
        file = self.root / mutant.path
        before = (self.origin / mutant.path).read_bytes()  # a test may have written over the copy
        file.write_text(mutant.source, encoding="utf-8")
        try:
            done = self.run(seconds=seconds, changed=mutant.path)
        finally:
            file.write_bytes(before)
        if done.uncollected and not done.failed:
            return Judged(mutant=mutant, outcome="broken")
        if done.green:
            return Judged(mutant=mutant, outcome="survived")
        if done.failed and not done.noticed and not done.timed_out:
            return Judged(mutant=mutant, outcome="crashed", by=done.failed[0])
        why = "the time limit" if done.timed_out else next(iter(done.noticed), f"exit code {done.exit_code}")
        return Judged(mutant=mutant, outcome="killed", by=why)


def unwanted_plugins(options: Sequence[str]) -> list[str] | None:
    """The plugins that pytest is told not to load; None if it is to load none of those that are installed."""
    if "--disable-plugin-autoload" in options:
        return None
    told = [second for first, second in pairwise(options) if first == "-p"]
    told += [option[2:] for option in options if option.startswith("-pno:")]
    return [name.removeprefix("no:") for name in told if name.startswith("no:")]


def arguments(root: Path) -> list[str]:
    """pytest's arguments for a run that is quick, says nothing, and keeps of the settings what imports need."""
    settings = find_settings(root)
    parts = words(settings[1].get("addopts")) if settings else []
    kept: list[str] = []
    while parts:
        part = parts.pop(0)
        if part.startswith(("--import-mode", "--strict", "--asyncio-mode", "-m=", "-k=")):
            kept.append(part)
        elif part in ("-p", "-m", "-k") and parts:  # what is not run elsewhere (slow, needs a cluster) is not here
            kept += [part, parts.pop(0)]
    options = " ".join(word if " " not in word else f"'{word}'" for word in kept)
    # What pytest-cov, xdist and the like were told in the settings costs time and shows nothing here, nor do summaries:
    # for its own, hypothesis' plugin imports all of hypothesis.
    quiet = ["-q", "--no-header", "--no-summary", "--tb=no", "-W", "ignore::pytest.PytestAssertRewriteWarning"]
    off = ["-p", "no:cacheprovider", "-p", "no:langsmith_plugin"]
    return ["-o", f"addopts={options}", *quiet, *off, f"--rootdir={root}"]


def size_of(root: Path) -> int:
    """Bytes of a checkout without its git folder and environments."""
    total = 0
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if name != ".git" and name not in SKIPPED_FOLDERS]
        for name in files:
            with suppress(OSError):
                total += os.lstat(os.path.join(folder, name)).st_size  # noqa: PTH118 (many files)
        if total > LARGEST_COPY:
            break
    return total
