"""Gates that run the project's code, always in a child process: kfp and tests."""

from __future__ import annotations

import re
from pathlib import Path

from ...tools import search
from ...tools.kfp_check import KfpModule
from ...tools.kfp_lint import problems
from ...tools.pytest_run import TestCase, TestRun, regressions
from ..documents.models import Feature
from ..planner.models import PlannedTask
from ..planner.paths import role_of_path
from .context import GateContext
from .kept import lost_settings
from .models import GateResult
from .static_gates import result

MAX_DEPENDANTS = 30
IMPORT_ERROR = re.compile(
    r"No module named '([\w.]+)'|cannot import name '(\w+)' from '([\w.]+)'|module '([\w.]+)' has no attribute '(\w+)'"
)
GOOD = ("passed",)
NO_TESTS = 5
"""pytest's exit code when it collected nothing."""


def gate_kfp(ctx: GateContext) -> GateResult:
    """Every component and pipeline in the touched modules, and in the modules that use them, compiles and validates."""
    touched = [path for path in ctx.of("*.py") if role_of_path(path) != "tests" and is_code(ctx, path)]
    if not touched:
        return result("kfp", [], "no module touched")
    paths = touched + dependants(ctx, touched)
    modules = ctx.bench.checker.check(ctx.worktree, paths, source_roots=ctx.bench.source_roots(ctx.worktree))
    failures = [failure for module in modules for failure in module_failures(module, module.path in touched)]
    failures += [f"{path}: {problem}" for path in touched for problem in problems(ctx.read(path))]
    if not failures:
        failures += lost_settings(ctx, [module for module in modules if module.path in touched])
    objects = [item for module in modules for item in module.objects]
    kinds = {kind: sum(item.kind == kind for item in objects) for kind in ("component", "container", "pipeline")}
    good = f"{kinds['component'] + kinds['container']} components, {kinds['pipeline']} pipelines compile and validate"
    unseen = sorted({f"{item.name}: the container image is not run" for item in objects if item.kind == "container"})
    return result("kfp", failures, good, counts={"modules": len(modules), **kinds}, not_verified=unseen)


def is_code(ctx: GateContext, path: str) -> bool:
    """False for scripts of tools such as setup.py and conftest.py, which are not there to be imported."""
    return Path(path).name not in ("setup.py", "conftest.py", "noxfile.py")


def dependants(ctx: GateContext, touched: list[str]) -> list[str]:
    """Code files that mention a touched module by name and use KFP: their pipelines compile from it."""
    stems = [Path(path).stem if Path(path).name != "__init__.py" else Path(path).parent.name for path in touched]
    pattern = rf"^\s*(from|import)\b.*\b({'|'.join(map(re.escape, stems))})\b"
    hits = {match.path for match in search.grep(ctx.worktree, pattern, glob="*.py", limit=200)}
    return sorted(path for path in hits - set(touched) if role_of_path(path) == "code")[:MAX_DEPENDANTS]


def module_failures(module: KfpModule, touched: bool) -> list[str]:
    """What is wrong with a module, in words for the worker."""
    if module.foreign:
        return [f"{module.path}: importing it gave {module.file}, which is not the file under work"]
    if module.error:
        what = "cannot be imported" if touched else "uses what was changed, and can no longer be imported"
        return [f"{module.path}: {what}: {module.error}"]
    return [
        f"{module.path}: {item.kind} {item.name} does not compile: {item.error}"
        for item in module.objects
        if not item.ok
    ]


def gate_tests(ctx: GateContext) -> GateResult:
    """The whole suite: what passed before passes still, the task's tests pass (or wait for a task still to come)."""
    run = ctx.bench.latest = ctx.bench.run_tests(ctx.worktree)
    failures = broken_run(run)
    if not failures:
        failures += [f"imported from elsewhere, not from the files under work: {name}" for name in run.foreign]
        if ctx.bench.baseline is not None:
            failures += [f"passed before and does not now: {line}" for line in regressions(ctx.bench.baseline, run)]
        failures += new_failures(ctx, run)
        failures += overdue(ctx, run)
    counts = dict(run.counts)
    waiting = f", {len(ctx.found_red)} files wait for their code" if ctx.found_red else ""
    good = f"{counts.get('passed', 0)} passed, {counts.get('skipped', 0)} skipped{waiting}"
    return result(
        "tests",
        failures,
        good,
        command=run.command,
        exit_code=run.exit_code,
        counts=counts,
        seconds=round(run.seconds, 2),
    )


def broken_run(run: TestRun) -> list[str]:
    """pytest itself did not get through. No test at all is no breakage: `new_failures` asks for those it needs."""
    if not run.broken or (run.exit_code == NO_TESTS and not run.timed_out):
        return []
    return [f"{run.broken}: {run.output[-1500:]}".rstrip(": \n")]


def new_failures(ctx: GateContext, run: TestRun) -> list[str]:
    """Tests of the task that do not pass, except those that wait for code which a later task will write."""
    mine = set(ctx.tests) | {path for path in ctx.task.files if role_of_path(path) == "tests"}
    if "tests" not in (ctx.task.role, *ctx.task.also):
        mine = set(ctx.tests)
    failures = []
    for path in sorted(mine):
        cases = [case for case in run.tests if case.file == path]
        if not any(case.outcome in GOOD or case.outcome in ("failed", "error") for case in cases):
            skipped = [case for case in cases if case.outcome in ("skipped", "xfailed")]
            failures.append(f"{path}: {'every test is skipped' if skipped else 'pytest collected no test from it'}")
        bad = [case for case in cases if case.outcome in ("failed", "error")]
        owners = [waits_for(case, ctx.later, ctx.feature) for case in bad]
        waits = sorted({owner for each in owners for owner in each})
        if bad and all(owners):
            ctx.found_red[path] = waits
        else:
            failures += [f"{case.nodeid} {case.outcome}: {case.message}" for case in bad]
    return failures


def waiting(run: TestRun, later: list[PlannedTask], feature: Feature) -> dict[str, list[str]]:
    """Test files that are red from the start only because of what these tasks will surely bring, with the tasks."""
    found: dict[str, list[str]] = {}
    bad = [case for case in run.tests if case.outcome in ("failed", "error")]
    for path in sorted({case.file for case in bad}):
        owners = [waits_for(case, later, feature, exact=True) for case in bad if case.file == path]
        if all(owners):
            found[path] = sorted({owner for each in owners for owner in each})
    return found


def waits_for(case: TestCase, later: list[PlannedTask], feature: Feature, *, exact: bool = False) -> list[str]:
    """The later tasks that will make what the test could not import; empty when it failed for any other reason.

    Args:
        case: A test that failed.
        later: Tasks that are still to come.
        feature: The documents.
        exact: Only tasks that name just this missing module, or this missing name.
    """
    found = IMPORT_ERROR.search(case.message)
    if not found:
        return []
    module = found.group(1) or found.group(3) or found.group(4) or ""
    name = found.group(2) or found.group(5) or ""
    owners = []
    for task in later:
        if task.role != "code":
            continue
        modules = [path.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for path in task.files]
        same_module = any(other == module or other.endswith("." + module) for other in modules)
        inside = any(other.startswith(module + ".") or f".{module}." in other for other in modules)
        symbols = feature.task(task.id).symbols
        named = bool(name) and any(re.split(r"\W", symbol)[0] == name for symbol in symbols)
        if named or (same_module and not (exact and name)) or (inside and not exact):
            owners.append(task.id)
    return owners


def overdue(ctx: GateContext, run: TestRun) -> list[str]:
    """Tests written first, whose last awaited task is this one, must pass now."""
    failures = []
    for path, waits in ctx.red.items():
        still = [task for task in waits if task != ctx.task.id]
        if ctx.task.id not in waits or still:
            continue
        cases = [case for case in run.tests if case.file == path]
        failures += [
            f"{c.nodeid} waits for this task and {c.outcome}: {c.message}" for c in cases if c.outcome not in GOOD
        ]
        if not cases:
            failures.append(f"{path}: waits for this task, and pytest collected no test from it")
    return failures
