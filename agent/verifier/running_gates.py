"""The gate that imports and compiles KFP code, always in a child process."""

from __future__ import annotations

import re
from pathlib import Path

from ...tools import search
from ...tools.kfp_check import KfpModule
from ..planner.paths import role_of_path
from .compiled import compiled, compiled_base
from .context import GateContext
from .kept import lost_settings
from .lint_judge import lint_changes
from .models import GateResult
from .static_gates import result

MAX_DEPENDANTS = 30


def gate_kfp(ctx: GateContext) -> GateResult:
    """Every component and pipeline in the touched modules, and in the modules that use them, compiles and validates."""
    touched = touched_modules(ctx)
    if not touched:
        return result("kfp", [], "no module touched")
    paths = touched + dependants(ctx, touched)
    modules = compiled(ctx, paths)
    failures = [failure for module in modules[: len(touched)] for failure in module_failures(module, True)]
    lost, notes = broken_users(ctx, modules[len(touched) :])
    failures += lost
    wrong, doubts = lint_changes(ctx, [module for module in modules if module.path in touched])
    failures += wrong
    if not failures:
        failures += lost_settings(ctx, [module for module in modules if module.path in touched])
    objects = [item for module in modules for item in module.objects]
    kinds = {kind: sum(item.kind == kind for item in objects) for kind in ("component", "container", "pipeline")}
    made = {"component": kinds["component"] + kinds["container"], "pipeline": kinds["pipeline"]}
    components, pipelines = (f"{count} {name}{'' if count == 1 else 's'}" for name, count in made.items())
    good = f"{components}, {pipelines} compile and validate"
    unseen = sorted({f"{item.name}: the container image is not run" for item in objects if item.kind == "container"})
    counts = {"modules": len(modules), **kinds}
    return result("kfp", failures, good, counts=counts, not_verified=unseen, warnings=[*notes, *doubts])


def touched_modules(ctx: GateContext) -> list[str]:
    """Changed, existing Python files that are code of the project."""
    return [path for path in ctx.of("*.py") if role_of_path(path) != "tests" and is_code(ctx, path)]


def is_code(ctx: GateContext, path: str) -> bool:
    """False for scripts of tools such as setup.py and conftest.py, which are not there to be imported."""
    return Path(path).name not in ("setup.py", "conftest.py", "noxfile.py")


def dependants(ctx: GateContext, touched: list[str]) -> list[str]:
    """Code files that mention a touched module by name and use KFP: their pipelines compile from it."""
    stems = [Path(path).stem if Path(path).name != "__init__.py" else Path(path).parent.name for path in touched]
    pattern = rf"^\s*(from|import)\b.*\b({'|'.join(map(re.escape, stems))})\b"
    hits = {match.path for match in search.grep(ctx.worktree, pattern, glob="*.py", limit=200)}
    return sorted(path for path in hits - set(touched) if role_of_path(path) == "code")[:MAX_DEPENDANTS]


def broken_users(ctx: GateContext, users: list[KfpModule]) -> tuple[list[str], list[str]]:
    """What no longer works in modules that use what was changed, and what did not work before either.

    A module that was broken before, such as one that is left over from KFP v1, says nothing about the task.
    """
    found = {module.path: wrong for module in users if (wrong := module_failures(module, False))}
    base = compiled_base(ctx, found) if found else {}
    failures: list[str] = []
    notes: list[str] = []
    for path, said in found.items():
        before = base.get(path)
        if before is not None and before.error:
            notes.append(f"{path}: uses what was changed, and could not be imported before either")
            continue
        known = {item.name for item in before.objects if not item.ok} if before else set()
        module = next(module for module in users if module.path == path)
        whole = bool(module.error or module.foreign)
        names = [item.name for item in module.objects if not item.ok]
        new = said if whole else [text for text, name in zip(said, names, strict=True) if name not in known]
        failures += new
        notes += [f"{path}: {name} did not compile before either" for name in names if name in known and not whole]
    return failures, notes


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
