"""Runs what ticks name, once for all of them: test files with pytest, modules that use KFP with the compiler."""

from __future__ import annotations

import ast
import re
import sys
import time
import tomllib
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from pydantic import BaseModel, ConfigDict

from ...tools import git_paths
from ...tools.errors import ToolFailure
from ...tools.kfp_check import KfpModule
from ...tools.pytest_run import TestCase, TestRun
from ...tools.python_project import find_source_roots, own_names
from ...tools.syntax import parse_python
from ..settings import Settings
from ..verifier.bench import Bench
from .tree import Tree

LEAST = 2.0
"""Seconds below which nothing is started any more."""
PROJECT_FILES = ("pyproject.toml", "setup.py", "setup.cfg", "tox.ini", "pytest.ini")
MISSING_MODULE = re.compile(r"No module named '([\w.]+)'")
MISSING_NAME = re.compile(r"cannot import name '(\w+)' from '([\w.]+)'")
ENVIRONMENT = re.compile(
    r"ConnectionError|ConnectionRefused|Connection refused|ConnectTimeout|TimeoutError|timed? ?out|OperationalError"
    r"|gaierror|Name or service not known|Temporary failure in name resolution|Max retries exceeded|NewConnectionError"
    r"|FileNotFoundError|No such file or directory|PermissionError|Permission denied|fixture '\w+' not found"
    r"|async def functions are not natively supported|not found in `markers`|unrecognized arguments"
    r"|No module named|KeyError: '[A-Z][A-Z0-9_]+'|environment variable|API[_ ]?KEY|credentials|docker|Docker|SSLError"
    r"|HTTPError|NoBackendError|Executable doesn't exist|pytest-\w+ plugin|SocketBlocked|did not finish|MemoryError"
    r"|DISPLAY|CUDA|DefaultCredentialsError|NoCredentialsError|OSError|shared object file"
    r"|Command '\['git'|not a git repository|ImproperlyConfigured|PackageNotFoundError|AppRegistryNotReady",
)
"""Failures that may say more about this machine than about the work."""
OLD_KFP = re.compile(r"module 'kfp[\w.]*' has no attribute|cannot import name '\w+' from 'kfp|No module named 'kfp")
SURELY_CODE = re.compile(r"AssertionError|assert |SyntaxError|IndentationError|NameError|Failed: DID NOT RAISE")


class Seen(BaseModel):
    """What running showed of one file.

    Attributes:
        outcome: `passed`; `failed`: surely at fault; `unclear`: it failed and the environment may be why; `nothing`:
            there is nothing to run in it; `skipped`: it ran none of its tests; `not_run`: it could not be run.
        message: Why.
    """

    model_config = ConfigDict(extra="forbid")

    outcome: str
    message: str = ""


class Runner:
    """Runs tests and compiles pipelines of one repository in the project's interpreter, on a copy of its files.

    Args:
        tree: The repository; its interpreter is used, its files are not.
        copy: The folder that holds the copy.
        settings: Interpreter, time limit, arguments for pytest.
        deadline: When all must be over, as `time.monotonic` counts; None for no limit.
        notes: What limits the whole audit; added to.
    """

    def __init__(self, tree: Tree, copy: Path, settings: Settings, deadline: float | None, notes: list[str]) -> None:
        self.tree = tree
        self.copy = copy
        self.settings = settings
        self.deadline = deadline
        self.notes = notes

    def bench(self, project: str) -> Bench:
        """The interpreter of a project: its own, else the repository's, else ours; with the time that is left.

        Raises:
            ToolFailure: No time is left, or the interpreter that was set does not exist.
        """
        limit = self.settings.gate_timeout
        if self.deadline is not None:
            limit = min(limit, self.deadline - time.monotonic())
            if limit < LEAST:
                raise ToolFailure("the time limit is used up")
        settings = self.settings.model_copy(update={"gate_timeout": limit})
        bench = Bench(self.tree.root / project, settings)
        if project and not _own_python(bench.python, self.tree.root / project, settings):
            bench.close()
            bench = Bench(self.tree.root, settings)
        if not _own_python(bench.python, self.tree.root, settings):
            wanted = unsuited(self.tree.root / project) or unsuited(self.tree.root)
            if wanted:
                bench.close()
                here = ".".join(map(str, sys.version_info[:2]))
                raise ToolFailure(f"the project wants Python {wanted}, and kfpilot runs in {here}; set `python`")
        return bench

    def roots(self, project: str) -> list[Path]:
        """The folders of the copy that come first on the import path."""
        if self.settings.source_roots:
            return [self.copy / project / name for name in self.settings.source_roots]
        return find_source_roots(self.copy / project)

    def project_of(self, path: str) -> str:
        """The folder a developer would run a file's tests from: the nearest above it that has a project's settings."""
        for parent in PurePosixPath(path).parents:
            if any((self.tree.root / parent / name).is_file() for name in PROJECT_FILES):
                return "" if str(parent) == "." else f"{parent}/"
        return ""

    def tests(self, paths: Iterable[str]) -> dict[str, Seen]:
        """What each test file does. Those that fail run again: a test that is not sure of itself proves nothing."""
        groups: dict[str, list[str]] = defaultdict(list)
        for path in sorted(set(paths)):
            groups[self.project_of(path)].append(path)
        seen: dict[str, Seen] = {}
        for project, files in groups.items():
            seen |= self._test_group(project, files)
        return seen

    def _test_group(self, project: str, files: list[str]) -> dict[str, Seen]:
        folder = self.copy / project
        try:
            with self.bench(project) as bench:
                own = _own_python(bench.python, self.tree.root, self.settings)
                run = bench.run_tests(folder, [path.removeprefix(project) for path in files])
                first = {path: self._judge(path, project, run, own=own) for path in files}
                again = [path for path in files if first[path].outcome == "failed"]
                if again:
                    second = bench.run_tests(folder, [path.removeprefix(project) for path in again])
                    for path in again:
                        if self._judge(path, project, second, own=own).outcome != "failed":
                            first[path] = Seen(outcome="unclear", message="failed once and passed once")
        except ToolFailure as error:
            self._note(f"tests were not run: {error}")
            return {path: Seen(outcome="not_run", message=f"its tests were not run: {error}") for path in files}
        return first

    def _judge(self, path: str, project: str, run: TestRun, *, own: bool) -> Seen:
        name = path.removeprefix(project)
        cases = [case for case in run.tests if case.file == name or case.file == path]
        bad = [case for case in cases if case.outcome in ("failed", "error")]
        if bad:
            unsure = [case for case in bad if not self._at_fault(case.message, project, own=own)]
            shown = _line(next((case for case in bad if case not in unsure), bad[0]))
            more = f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
            home = project if bad[0].file != path else ""
            return Seen(outcome="unclear" if len(unsure) == len(bad) else "failed", message=f"{home}{shown}{more}")
        if any(case.outcome == "passed" for case in cases):
            return Seen(outcome="passed", message=_passed(cases))
        if cases:
            return Seen(outcome="skipped", message=f"its tests are {cases[0].outcome}: {cases[0].message[:150]}")
        if run.broken and not run.collected and not _collected_nothing(run):
            reason = _reason(run)
            self._note(f"tests could not be run: {reason}")
            return Seen(outcome="not_run", message=f"its tests could not be run: {reason}")
        source = self.copy / path
        if not holds_tests(source):
            return Seen(outcome="nothing", message="it holds no test")
        return Seen(outcome="not_run", message="pytest ran no test of it (deselected, or a setting of the project)")

    def _at_fault(self, message: str, project: str, *, own: bool) -> bool:
        """Whether a failure is surely the work's, not this machine's."""
        module = MISSING_MODULE.search(message)
        name = MISSING_NAME.search(message)
        if module or name:
            dotted = module[1] if module else name[2] if name else ""
            return self.own_module(dotted, project, missing=module is not None)
        if OLD_KFP.search(message):
            return False
        if ENVIRONMENT.search(message):
            return False
        return own or SURELY_CODE.search(message) is not None

    def own_module(self, dotted: str, project: str, *, missing: bool) -> bool:
        """Whether a module that an import did not find belongs to the project, and is not made by a build."""
        roots = self.roots(project)
        solid, loose = own_names(self.copy / project, roots)
        top = dotted.partition(".")[0]
        if top not in solid and top not in loose:
            return False
        if not missing:
            return True
        inside = [root.relative_to(self.copy).joinpath(*dotted.split(".")) for root in roots]
        candidates = [f"{path.as_posix()}{end}" for path in inside for end in (".py", "/__init__.py", ".so")]
        generated = re.search(r"_pb2|_version$|_generated|\bversion$", dotted)
        return not generated and not git_paths.ignored(self.tree.root, candidates)

    def modules(self, paths: Iterable[str]) -> dict[str, tuple[KfpModule | None, str]]:
        """What compiling showed of each module: the result, or why there is none."""
        groups: dict[str, list[str]] = defaultdict(list)
        for path in sorted(set(paths)):
            groups[self.project_of(path)].append(path)
        found: dict[str, tuple[KfpModule | None, str]] = {}
        for project, files in groups.items():
            folder = self.copy / project
            names = [path.removeprefix(project) for path in files]
            try:
                with self.bench(project) as bench:
                    limit = bench.settings.gate_timeout
                    checked = bench.checker.check(folder, names, source_roots=self.roots(project), timeout=limit)
            except ToolFailure as error:
                self._note(f"pipelines were not compiled: {error}")
                found |= dict.fromkeys(files, (None, f"not compiled: {error}"))
                continue
            found |= {path: (module, "") for path, module in zip(files, checked, strict=True)}
        return found

    def compile_fault(self, message: str, path: str) -> bool:
        """Whether an error of importing or compiling is surely the module's own."""
        return self._at_fault(message, self.project_of(path), own=True)

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)


def _own_python(python: Path, folder: Path, settings: Settings) -> bool:
    """Whether the interpreter is the project's own, so that what it has installed is what the project wants."""
    return settings.python is not None or python.absolute().is_relative_to(folder.absolute())


def _line(case: TestCase) -> str:
    lines = [line.strip() for line in case.message.splitlines() if line.strip()]
    errors = [line for line in lines if re.match(r"E\s|\w*(?:Error|Exception)\b|assert", line)]
    said = (errors or lines or [case.outcome])[0].removeprefix("E ").strip()
    verb = "cannot be collected" if "::" not in case.nodeid else "fails"
    return f"{case.nodeid} {verb}: {said[:200]}"


def _passed(cases: list[TestCase]) -> str:
    count = sum(case.outcome == "passed" for case in cases)
    rest = len(cases) - count
    return f"{count} test{'' if count == 1 else 's'} passed" + (f", {rest} skipped" if rest else "")


def _collected_nothing(run: TestRun) -> bool:
    return run.exit_code == 5


def _reason(run: TestRun) -> str:
    missing = MISSING_MODULE.search(run.output)
    if missing:
        return f"{run.command[0]} has no {missing[1]}"
    lines = [line.strip() for line in run.output.splitlines() if line.strip()]
    wrong = [line for line in lines if re.search(r"Error|error:", line)]
    return (wrong or [run.broken])[-1][:200]


def unsuited(folder: Path) -> str:
    """The versions of Python that a project wants, if the one of kfpilot is none of them; else empty.

    Newer syntax would look like an error of the project's.
    """
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8")).get("project", {})
        wanted = str(project.get("requires-python", "")) if isinstance(project, dict) else ""
        suits = SpecifierSet(wanted).contains(".".join(map(str, sys.version_info[:3])))
    except (OSError, ValueError, InvalidSpecifier):
        return ""
    return "" if suits else wanted


def holds_tests(path: Path) -> bool:
    """Whether a Python file may hold tests: a name that begins like one, or something that could make some.

    Everything is a test that a plugin could take for one; only a file without any sign of one surely holds none.
    """
    try:
        module = parse_python(path.read_text(encoding="utf-8-sig"))
    except (SyntaxError, ValueError, OSError):
        return True
    return any(_may_be_test(node) for node in ast.walk(module))


def _may_be_test(node: ast.AST) -> bool:
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        name = re.match(r"_*(test|it_|should|describe|spec|check|bench)", node.name, re.I)
        return bool(name) or node.name.endswith("Test") or (isinstance(node, ast.ClassDef) and bool(node.bases))
    if isinstance(node, ast.alias):
        return node.name == "*" or bool(re.match("test", node.name, re.I))
    if isinstance(node, ast.Name):
        return isinstance(node.ctx, ast.Store) and bool(re.match("test", node.id, re.I))
    if isinstance(node, ast.Call):
        return bool(re.search(r"scenarios?|globals|locals|setattr|exec", ast.unparse(node.func)))
    return False


def uses_kfp(path: Path) -> bool:
    """Whether a Python file defines components or pipelines."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return bool(re.search(r"^\s*(?:from|import)\s+kfp\b", text, re.M)) and bool(re.search(r"^\s*@", text, re.M))
