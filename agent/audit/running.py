"""Runs what ticks name, once for all of them: test files with pytest, modules that use KFP with the compiler."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from pydantic import BaseModel, ConfigDict

from ...tools.errors import ToolFailure
from ...tools.kfp_check import KfpModule
from ...tools.pytest_run import TestCase, TestRun
from ...tools.python_project import own_names
from ..settings import Settings
from ..verifier.bench import Bench
from .tree import Tree

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
    r"|DISPLAY|CUDA|DefaultCredentialsError|NoCredentialsError|OSError|shared object file|ImproperlyConfigured",
)
"""Failures that may say more about this machine than about the work."""
OLD_KFP = re.compile(r"module 'kfp[\w.]*' has no attribute|cannot import name '\w+' from 'kfp|No module named 'kfp")
SURELY_CODE = re.compile(r"AssertionError|assert |SyntaxError|IndentationError|NameError|Failed: DID NOT RAISE")


class Seen(BaseModel):
    """What running showed of one file.

    Attributes:
        outcome: `passed`; `failed`: surely at fault; `unclear`: it failed and the environment may be why; `nothing`:
            there is nothing to run in it; `not_run`: it could not be run.
        message: Why.
    """

    model_config = ConfigDict(extra="forbid")

    outcome: str
    message: str = ""


class Runner:
    """Runs tests and compiles pipelines of one repository in the project's interpreter, in its checkout.

    Args:
        tree: The repository.
        settings: Interpreter, time limit, arguments for pytest.
        notes: What limits the whole audit; added to.
    """

    def __init__(self, tree: Tree, settings: Settings, notes: list[str]) -> None:
        self.tree = tree
        self.settings = settings
        self.notes = notes

    def project_of(self, path: str) -> str:
        """The folder a developer would run a file's tests from: the nearest above it that has a project's settings."""
        for parent in PurePosixPath(path).parents:
            if any((self.tree.root / parent / name).is_file() for name in PROJECT_FILES):
                return "" if str(parent) == "." else f"{parent}/"
        return ""

    def tests(self, paths: Iterable[str]) -> dict[str, Seen]:
        """What each test file does. Those that fail run a second time: a test that is not sure of itself proves nothing."""
        groups: dict[str, list[str]] = defaultdict(list)
        for path in sorted(set(paths)):
            groups[self.project_of(path)].append(path)
        seen: dict[str, Seen] = {}
        for project, files in groups.items():
            seen |= self._test_group(project, files)
        return seen

    def _test_group(self, project: str, files: list[str]) -> dict[str, Seen]:
        folder = self.tree.root / project
        try:
            with Bench(folder, self.settings) as bench:
                own = _own_python(bench.python, folder, self.settings)
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
            return Seen(outcome="unclear" if len(unsure) == len(bad) else "failed", message=shown + more)
        if any(case.outcome == "passed" for case in cases):
            return Seen(outcome="passed", message=f"{sum(case.outcome == 'passed' for case in cases)} tests pass")
        if cases:
            return Seen(outcome="not_run", message=f"its tests are {cases[0].outcome}: {cases[0].message[:150]}")
        if run.broken and not run.collected and not _collected_nothing(run):
            reason = _reason(run)
            self._note(f"tests could not be run: {reason}")
            return Seen(outcome="not_run", message=f"its tests could not be run: {reason}")
        source = self.tree.root / path
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
        folder = self.tree.root / project
        roots = Bench.source_roots(_Roots(self.settings), folder)  # type: ignore[arg-type]
        solid, loose = own_names(folder, roots)
        top = dotted.partition(".")[0]
        if top not in solid and top not in loose:
            return False
        if not missing:
            return True
        from ...tools.git_paths import ignored

        inside = [Path(root).relative_to(self.tree.root).joinpath(*dotted.split(".")) for root in roots]
        candidates = [f"{path.as_posix()}{end}" for path in inside for end in (".py", "/__init__.py", ".so")]
        generated = re.search(r"_pb2|_version$|_generated|\bversion$", dotted)
        return not generated and not ignored(self.tree.root, candidates)

    def modules(self, paths: Iterable[str]) -> dict[str, tuple[KfpModule | None, str]]:
        """What compiling showed of each module: the result, or why there is none."""
        groups: dict[str, list[str]] = defaultdict(list)
        for path in sorted(set(paths)):
            groups[self.project_of(path)].append(path)
        found: dict[str, tuple[KfpModule | None, str]] = {}
        for project, files in groups.items():
            folder = self.tree.root / project
            names = [path.removeprefix(project) for path in files]
            try:
                with Bench(folder, self.settings) as bench:
                    checked = bench.checker.check(
                        folder, names, source_roots=bench.source_roots(folder), timeout=self.settings.gate_timeout
                    )
            except ToolFailure as error:
                self._note(f"pipelines were not compiled: {error}")
                found |= {path: (None, f"not compiled: {error}") for path in files}
                continue
            found |= {path: (module, "") for path, module in zip(files, checked, strict=True)}
        return found

    def compile_fault(self, message: str, path: str) -> bool:
        """Whether an error of importing or compiling is surely the module's own."""
        return self._at_fault(message, self.project_of(path), own=True)

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)


class _Roots:
    """As much of a bench as the question for source roots needs."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings


def _own_python(python: Path, folder: Path, settings: Settings) -> bool:
    """Whether the interpreter is the project's own, so that what it has installed is what the project wants."""
    return settings.python is not None or python.absolute().is_relative_to(folder.absolute())


def _line(case: TestCase) -> str:
    lines = [line.strip() for line in case.message.splitlines() if line.strip()]
    errors = [line for line in lines if re.match(r"E\s|\w*(?:Error|Exception)\b|assert", line)]
    said = (errors or lines or [case.outcome])[0].removeprefix("E ").strip()
    verb = "cannot be collected" if "::" not in case.nodeid else "fails"
    return f"{case.nodeid} {verb}: {said[:200]}"


def _collected_nothing(run: TestRun) -> bool:
    return run.exit_code == 5


def _reason(run: TestRun) -> str:
    missing = MISSING_MODULE.search(run.output)
    if missing:
        return f"{run.command[0]} has no {missing[1]}"
    lines = [line.strip() for line in run.output.splitlines() if line.strip()]
    wrong = [line for line in lines if re.search(r"Error|error:", line)]
    return (wrong or [run.broken])[-1][:200]


def holds_tests(path: Path) -> bool:
    """Whether a Python file may hold tests: a name that begins like one, or something that could make some.

    Everything is a test that a plugin could take for one; only a file without any sign of one surely holds none.
    """
    try:
        module = ast.parse(path.read_text(encoding="utf-8-sig"))
    except (SyntaxError, ValueError, OSError):
        return True
    for node in ast.walk(module):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            if re.match(r"_*(test|it_|should|describe|spec|check|bench)", node.name, re.I) or node.name.endswith("Test"):
                return True
            if isinstance(node, ast.ClassDef) and node.bases:
                return True
        elif isinstance(node, ast.alias) and (node.name == "*" or re.match("test", node.name, re.I)):
            return True
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and re.match("test", node.id, re.I):
            return True
        elif isinstance(node, ast.Call) and re.search(r"scenarios?|globals|locals|setattr|exec", ast.unparse(node.func)):
            return True
    return False


def uses_kfp(path: Path) -> bool:
    """Whether a Python file defines components or pipelines."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return bool(re.search(r"^\s*(?:from|import)\s+kfp\b", text, re.M)) and bool(re.search(r"^\s*@", text, re.M))
