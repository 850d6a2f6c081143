"""Whether the tests can be believed: what a change adds that patches, hides from or outwits them."""

from __future__ import annotations

import sys
from pathlib import Path, PurePosixPath

from ...tools import git, search
from ...tools.findings import Finding
from ...tools.pytest_settings import FILES
from ...tools.tampering import shadowed, tampering
from ...tools.tests_audit import audit
from ..planner.paths import role_of_path
from .context import GateContext


def is_test_file(path: str) -> bool:
    """Python files of the tests."""
    return path.endswith(".py") and role_of_path(path) == "tests"


def is_settings(path: str) -> bool:
    """Files that pytest may read its settings from."""
    return PurePosixPath(path).name in FILES


def weakened(ctx: GateContext) -> list[str]:
    """Existing tests and pytest settings that the change makes weaker.

    All of them are looked at, changed or not: only so can a test that moved be told from one that is gone.
    """
    known = {*search.files(ctx.worktree), *ctx.changed}
    watched = [path for path in known if is_test_file(path) or is_settings(path)]
    if not set(watched) & set(ctx.changed):
        return []
    after = {path: ctx.read(path) if (ctx.worktree / path).is_file() else None for path in watched}
    before = {path: ctx.before(path) if path in ctx.changed else after[path] for path in watched}
    return audit(before, after)


def tampered(ctx: GateContext) -> tuple[list[str], list[str]]:
    """What the change adds against the tests: what is certain, and what a person should look at."""
    paths = [path for path in ctx.changed if path.endswith((".py", ".pth")) or is_settings(path)]
    before = {path: ctx.before(path) for path in paths}
    after = {path: ctx.read(path) if (ctx.worktree / path).is_file() else None for path in paths}
    found = tampering(before, after, lambda path: role_of_path(path) == "tests")
    found += shadows(ctx, [path for path in paths if before[path] is None and after[path] is not None])
    failures: list[str] = []
    doubts: list[str] = []
    for item in found:
        (failures if item.severity == "error" else doubts).append(f"{item.path}:{item.line}: {item.message}")
    return failures + unseen(ctx), doubts


def shadows(ctx: GateContext, new: list[str]) -> list[Finding]:
    """New modules at the top of an import path that hide others; a folder of tests is such a path as well."""
    roots = {folder.relative_to(ctx.worktree).as_posix() for folder in ctx.bench.source_roots(ctx.worktree)}
    for path in ctx.tests:
        # pytest puts the folder of a test that is in no package first on the path.
        folder = PurePosixPath(path).parent
        while (ctx.worktree / folder / "__init__.py").is_file() and folder.parts:
            folder = folder.parent
        roots.add(folder.as_posix())
    found = []
    for path in new:
        for root in roots:
            parts = _below(path, root)
            if not parts or len(parts) > 2 or (len(parts) == 2 and parts[1] != "__init__.py"):
                continue
            top = parts[0].removesuffix(".py")
            item = shadowed(path, top, lambda name: installed(ctx.bench.python, name), sys.stdlib_module_names)
            if item and item not in found:
                found.append(item)
    return found


def _below(path: str, folder: str) -> list[str]:
    if folder == ".":
        return path.split("/")
    return path.removeprefix(f"{folder}/").split("/") if path.startswith(f"{folder}/") else []


def installed(python: Path, name: str) -> bool:
    """Whether the environment of an interpreter has a module of that name, as its folder of packages says."""
    for packages in (python.parent.parent / "lib").glob("python3*/site-packages"):
        if (packages / f"{name}.py").is_file() or (packages / name / "__init__.py").is_file():
            return True
    return False


def unseen(ctx: GateContext) -> list[str]:
    """Changed paths whose content a commit would not hold: repositories of their own, links that lead out."""
    found = []
    for path in ctx.changed:
        place = ctx.worktree / path
        if place.is_symlink():
            if not place.resolve().is_relative_to(ctx.worktree.resolve()):
                found.append(f"{path}: is a link to a place outside of the repository; write the file itself")
        elif place.is_dir() and not git_link(ctx, path):
            found.append(f"{path}: is a git repository of its own, so no commit holds its files; remove its .git")
    return found


def git_link(ctx: GateContext, path: str) -> bool:
    """Whether a path was a submodule before the change."""
    return bool(ctx.repo.git.ls_tree(ctx.base, "--", path))


def put_back_tests(ctx: GateContext) -> list[str]:
    """Give a task without the tests role the tests of its base to be judged by, whatever it did to them.

    Returns:
        The paths that were put back.
    """
    if ctx.asked or "tests" in (ctx.task.role, *ctx.task.also):
        return []
    touched = [path for path in ctx.changed if role_of_path(path) == "tests"]
    if touched:
        git.restore(ctx.worktree, ctx.base, touched)
    return touched
