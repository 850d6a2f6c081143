"""What all gates of one run share: the project's interpreter, the KFP checker, the tests as they were before."""

from __future__ import annotations

import copy
from pathlib import Path
from types import TracebackType

from ...tools.component_envs import folder_of
from ...tools.kfp_check import KfpChecker, KfpModule
from ...tools.kfp_local import LocalRun, LocalRunner
from ...tools.mutation_run import MutationRunner
from ...tools.pytest_projects import run_suites
from ...tools.pytest_run import TestRun
from ...tools.python_project import find_python, find_source_roots, own_python
from ...tools.sandbox import Sandbox
from ..errors import ToolFailure, UserError
from ..settings import Settings


def python_of(root: Path, settings: Settings, sandbox: Sandbox) -> Path:
    """The interpreter of the project under work.

    Raises:
        UserError: The one that is set cannot be used.
    """
    try:
        return find_python(root, settings.python, sandbox)
    except ToolFailure as error:
        mend = "Mend KFPILOT_PYTHON, or `python` in [tool.kfpilot] of pyproject.toml; without either it is found."
        raise UserError(str(error), mend=mend) from None


class Bench:
    """The workplace of the verifier.

    Args:
        root: The user's repository; its interpreter is used, its files are not.
        settings: Time limits, the sandbox, the interpreter and source roots if the user set them.
        worktree: Where the work lies, if it is known: the checker then starts with it in sight.

    Attributes:
        baseline: The tests on the tree the current task starts from. A test that passed there must pass still.
        latest: The last whole run of the tests; it becomes the baseline when its task is committed.
        base_modules: (commit, path) -> module as it was compiled there, see `compiled`.
        local_done: Runs on this machine by the digest of what was run.
        before: (commit, path) -> the file as it was there; None where it was not.
    """

    def __init__(self, root: Path, settings: Settings, worktree: Path | None = None) -> None:
        self.root = root
        self.settings = settings
        self.sandbox = settings.open_sandbox()
        self.python = python_of(root, settings, self.sandbox)
        self.checker = self._checker(worktree)
        self.mutation = MutationRunner(self.python, self.sandbox)
        self.baseline: TestRun | None = None
        self.latest: TestRun | None = None
        self.base_modules: dict[tuple[str, str], KfpModule] = {}
        self.local_done: dict[str, LocalRun] = {}
        self.before: dict[tuple[str, str], str | None] = {}
        self._local: LocalRunner | None = None
        self._pythons: dict[str, Path] = {"": self.python}

    def _checker(self, worktree: Path | None) -> KfpChecker:
        return KfpChecker(
            self.python,
            sandbox=self.sandbox,
            places=[worktree] if worktree else [],
            read=[folder_of(self.settings.cache_dir)],
        )

    def beside(self, worktree: Path) -> Bench:
        """A workplace for tasks in another worktree at the same time; what is compiled is shared.

        Its child processes are its own: code of the one task must not reach the files of the other.
        """
        other = copy.copy(self)
        other.baseline = other.latest = None
        other.checker = self._checker(worktree)
        other.mutation = MutationRunner(self.python, self.sandbox)
        other._local = None
        return other

    def source_roots(self, worktree: Path) -> list[Path]:
        """Folders that come first on the import path of whatever is run in the worktree."""
        if self.settings.source_roots:
            return [worktree / name for name in self.settings.source_roots]
        return find_source_roots(worktree)

    def run_tests(self, worktree: Path, targets: list[str] | None = None, *, coverage: bool = False) -> TestRun:
        """pytest in the project's interpreter, on the worktree's files; of several projects, each in its own."""
        return run_suites(
            self.python_in,
            worktree,
            targets or [],
            source_roots=self.source_roots(worktree) if self.settings.source_roots else None,
            timeout=self.settings.gate_timeout,
            coverage=coverage,
            extra=self.settings.test_command,
            sandbox=self.sandbox,
        )

    def python_in(self, project: str) -> Path:
        """The interpreter of a project below the repository's root: that of its own environment, if it has one."""
        if project not in self._pythons:
            own = None if self.settings.python else own_python(self.root / project, self.sandbox)
            self._pythons[project] = own or self.python
        return self._pythons[project]

    def local_runner(self) -> LocalRunner:
        """Runs compiled pipelines on this machine."""
        if self._local is None or self._local.checker is not self.checker:
            self._local = LocalRunner(self.checker, self.settings.cache_dir)
        return self._local

    def close(self) -> None:
        """End the processes of the checker and of the mutants."""
        self.checker.close()
        self.mutation.close()

    def __enter__(self) -> Bench:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()
