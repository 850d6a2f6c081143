"""Tests written before their code: why they are red, for which task they wait, and that the same files are green after.

Red for the right reason is: what a later task is to make cannot be imported yet, or an assertion fails on what a later
task is to change. A syntax error, a fixture that is not there or the mistyped name of something that exists is none.
"""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Iterable
from pathlib import Path

from ...tools.project_names import top_names
from ...tools.pytest_run import TestCase, TestRun
from ...tools.syntax import parse_python
from ..documents.models import Feature, Task
from ..planner.models import PlannedTask
from ..planner.paths import role_of_path
from .context import GateContext
from .models import TestFirst

GOOD = ("passed",)
IMPORT_ERROR = re.compile(
    r"No module named '([\w.]+)'|cannot import name '(\w+)' from '([\w.]+)'|module '([\w.]+)' has no attribute '(\w+)'"
)
NOT_YET = re.compile(
    r"^E\s+(?:assert\b|AssertionError|KeyError|IndexError|FileNotFoundError|Failed: DID NOT RAISE"
    r"|TypeError: .*(?:unexpected keyword argument|positional arguments? but|missing \d+ required))",
    re.M,
)
"""How a test ends that expects what is not written yet. A name that is not defined is the test's own mistake."""

CLOSE = 0.8
"""How alike two names are when one is taken for the other, mistyped."""


def waits_for(case: TestCase, later: list[PlannedTask], feature: Feature, *, exact: bool = False) -> list[str]:
    """The later tasks that will make what the test could not import; empty when it failed for any other reason.

    Args:
        case: A test that failed.
        later: Tasks that are still to come.
        feature: The documents.
        exact: Only tasks that name just this missing module, or this missing name.
    """
    module, name = missing_of(case)
    if not module:
        return []
    owners = []
    for task in later:
        if task.role != "code":
            continue
        modules = [dotted(path) for path in task.files]
        same_module = any(other == module or other.endswith("." + module) for other in modules)
        inside = any(other.startswith(module + ".") or f".{module}." in other for other in modules)
        named = bool(name) and name in symbols_of(feature.task(task.id))
        if named or (same_module and not (exact and name)) or (inside and not exact):
            owners.append(task.id)
    return owners


def missing_of(case: TestCase) -> tuple[str, str]:
    """The module that a test could not import, and the name in it if only that was missing; empty for none."""
    found = IMPORT_ERROR.search(case.message)
    if not found:
        return "", ""
    return found.group(1) or found.group(3) or found.group(4) or "", found.group(2) or found.group(5) or ""


def waiting(run: TestRun, later: list[PlannedTask], feature: Feature) -> dict[str, list[str]]:
    """Test files that are red from the start only because of what these tasks will surely bring, with the tasks."""
    found: dict[str, list[str]] = {}
    bad = [case for case in run.tests if case.outcome in ("failed", "error")]
    for path in sorted({case.file for case in bad}):
        owners = [waits_for(case, later, feature, exact=True) for case in bad if case.file == path]
        if all(owners):
            found[path] = sorted({owner for each in owners for owner in each})
    return found


def right_reason(ctx: GateContext, case: TestCase) -> tuple[list[str], str]:
    """The later tasks a failing test of this task rightly waits for, and why in words; none if it has no right to fail.

    Returns:
        The tasks, and the reason; without tasks the reason says what is wrong with the test, if that is known.
    """
    module, name = missing_of(case)
    if module:
        owners = waits_for(case, ctx.later, ctx.feature)
        what = f"`{name}` of {module}" if name else module
        wrong = mistyped(ctx, case.file, module, name, owners)
        return ([], wrong) if wrong else (owners, f"{what} does not exist yet")
    if case.outcome != "failed" or not NOT_YET.search(case.message):
        return [], ""
    owners = [task.id for task in ctx.later if task.role == "code" and changes_later(ctx, task, case)]
    said = next((line[1:].strip() for line in case.message.splitlines() if line.startswith("E ")), "")
    return (owners, f"fails on what is not written yet: {said[:120]}") if owners else ([], "")


def mistyped(ctx: GateContext, test: str, module: str, name: str, owners: list[str]) -> str:
    """What is wrong when a test asks for a name that is nearly, but not quite, one that exists or is to come."""
    named = {symbol for key in owners for symbol in symbols_of(ctx.feature.task(key))}
    if name:
        known = {*named, *defined_in(ctx, module)}
        near = difflib.get_close_matches(name, known - {name}, n=1, cutoff=CLOSE)
        return "" if name in named or not near else f"asks {module} for `{name}`; did you mean `{near[0]}`?"
    wanted = imported_from(ctx.read(test), module) if (ctx.worktree / test).is_file() else set()
    if not wanted or wanted & named:
        return ""
    for item in sorted(wanted):
        near = difflib.get_close_matches(item, named, n=1, cutoff=CLOSE)
        if near:
            return f"imports `{item}` from {module}, and {', '.join(owners)} makes `{near[0]}` there: use that name"
    return ""


def changes_later(ctx: GateContext, task: PlannedTask, case: TestCase) -> bool:
    """Whether a later task changes what a failing test uses, and no task before this one was to do it."""
    used, modules = used_in(ctx, case)
    document = ctx.feature.task(task.id)
    later = {other.id for other in ctx.later} | {ctx.task.id}
    earlier = [other for other in ctx.feature.tasks.tasks if other.key not in later and not only_tests(other)]
    fresh = symbols_of(document) - {symbol for other in earlier for symbol in symbols_of(other)}
    files = {path for path in task.files if path.endswith(".py")} - {path for other in earlier for path in other.files}
    return bool(fresh & used) or any(
        module == dotted(path) or dotted(path).endswith("." + module) for path in files for module in modules
    )


def used_in(ctx: GateContext, case: TestCase) -> tuple[set[str], set[str]]:
    """The names of the project that a failing test uses, and the modules those come from.

    What its fixtures and helpers use, it uses: a pipeline is mostly compiled by a fixture. What it has from elsewhere,
    such as kfp's `dsl`, is nothing that a task brings.
    """
    trees = [tree for path in [*conftests(case.file), case.file] if (tree := tree_of(ctx, path))]
    if not trees:
        return set(), set()
    names: set[str] = set()
    called = case.nodeid.rpartition("::")[2].partition("[")[0]
    new: list[ast.AST] = [node for node in functions_in(trees[-1]) if node.name == called]
    new += [node for tree in trees for node in functions_in(tree) if "autouse" in map(str, decorations(node))]
    seen: list[ast.AST] = []
    while new:
        seen += new
        found = {name for node in new for name in names_in(node)} - names
        names |= found
        new = [node for tree in trees for node in defining(tree, found) if node not in seen]
    bound: dict[str, set[str]] = {}
    for node in [node for tree in trees for node in ast.walk(tree)]:
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                bound.setdefault(alias.asname or alias.name, set()).update((node.module, f"{node.module}.{alias.name}"))
        elif isinstance(node, ast.Import):
            for alias in node.names:
                bound.setdefault(alias.asname or alias.name.partition(".")[0], set()).add(alias.name)
    roots = ctx.bench.source_roots(ctx.worktree)
    own = {name: modules for name, modules in bound.items() if name in names and of_project(modules, roots)}
    of_modules = {
        node.attr
        for piece in seen
        for node in ast.walk(piece)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in own
    }
    return {*own, *of_modules}, {module for modules in own.values() for module in modules}


def of_project(modules: Iterable[str], roots: Iterable[Path]) -> bool:
    """Whether modules belong to the project, and not to Python or to what is installed."""
    tops = {module.partition(".")[0] for module in modules}
    return any((root / top).is_dir() or (root / f"{top}.py").is_file() for root in roots for top in tops)


def conftests(path: str) -> list[str]:
    """The files whose fixtures a test file may use, from the repository's root to its folder."""
    folders = Path(path).parents
    return [(folder / "conftest.py").as_posix() for folder in reversed(folders)]


def tree_of(ctx: GateContext, path: str) -> ast.Module | None:
    """A Python file of the worktree; None where there is none that parses."""
    if not (ctx.worktree / path).is_file():
        return None
    try:
        return parse_python(ctx.read(path))
    except (SyntaxError, ValueError):
        return None


def functions_in(tree: ast.AST) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    """All functions and methods of a module."""
    return [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]


def decorations(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str | None]:
    """The names of the arguments that a function's decorators get by keyword."""
    calls = [item for item in node.decorator_list if isinstance(item, ast.Call)]
    return [word.arg for call in calls for word in call.keywords]


def names_in(node: ast.AST) -> set[str]:
    """The names that a piece of code uses: variables, attributes, and of a function what it is given."""
    found = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
    found |= {n.attr for n in ast.walk(node) if isinstance(n, ast.Attribute)}
    return found | {n.arg for n in ast.walk(node) if isinstance(n, ast.arg)}


def defining(tree: ast.Module, names: set[str]) -> list[ast.AST]:
    """What a test file or a conftest.py gives these names to: fixtures, helpers, values of the module."""
    values = [node for node in tree.body if isinstance(node, ast.Assign | ast.AnnAssign) and own_names(node) & names]
    return [*values, *(node for node in functions_in(tree) if node.name in names)]


def own_names(tree: ast.AST) -> set[str]:
    """What a test file gives names to itself: fixtures, helpers, arguments and variables."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, ast.arg):
            found.add(node.arg)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
    return found


def overdue(ctx: GateContext, run: TestRun) -> list[str]:
    """Tests written first, whose last awaited task is this one, must pass now, and be the ones that were red."""
    failures = []
    for path in due(ctx):
        cases = [case for case in run.tests if case.file == path]
        failures += [
            f"{c.nodeid} waits for this task and {c.outcome}: {c.message}" for c in cases if c.outcome not in GOOD
        ]
        if not cases:
            failures.append(f"{path}: waits for this task, and pytest collected no test from it")
    return failures


def due(ctx: GateContext) -> list[str]:
    """Test files whose last awaited task is this one."""
    return [path for path, waits in ctx.red.items() if set(waits) == {ctx.task.id}]


def greened(ctx: GateContext) -> tuple[list[TestFirst], list[str]]:
    """Evidence for the test files that this task turned green, and warnings where they are not what was red."""
    found, warnings = [], []
    for path in due(ctx):
        red = str(ctx.repo.git.log("-1", "--format=%H", ctx.base, "--", path))
        found.append(TestFirst(file=path, red=red))
        if path in ctx.changed:
            warnings.append(f"{path}: was red at {red[:10]} and was changed by the task that turned it green")
    return found, warnings


def dotted(path: str) -> str:
    """The module of a file, from the repository's root."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def symbols_of(task: Task) -> set[str]:
    """The names of code in a task's text, `double` for `double(price)`."""
    return {re.split(r"\W", symbol)[0] for symbol in task.symbols}


def only_tests(task: Task) -> bool:
    """True for a task that names files, and test files only."""
    return bool(task.files) and any(role_of_path(path) == "tests" for path in task.files)


def imported_from(source: str, module: str) -> set[str]:
    """The names that a source imports from a module."""
    try:
        nodes: Iterable[ast.AST] = ast.walk(parse_python(source))
    except (SyntaxError, ValueError):
        return set()
    return {a.name for n in nodes if isinstance(n, ast.ImportFrom) and n.module == module for a in n.names}


def defined_in(ctx: GateContext, module: str) -> set[str]:
    """The functions and classes of a module of the project."""
    for folder in ctx.bench.source_roots(ctx.worktree):
        stem = folder.joinpath(*module.split("."))
        for file in (stem.with_suffix(".py"), stem / "__init__.py"):
            if file.is_file():
                return top_names(file)
    return set()
