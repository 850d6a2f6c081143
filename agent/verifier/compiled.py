"""Compiled modules of the worktree and of the commit it started from, each compiled once however many gates ask."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ...tools import git
from ...tools.kfp_check import KfpModule
from .bench import Bench
from .context import GateContext

if TYPE_CHECKING:
    from git import Repo

KEPT = 500
"""Modules of earlier commits that are remembered; a run of many tasks would otherwise keep all of them."""


def compiled(ctx: GateContext, paths: Iterable[str]) -> list[KfpModule]:
    """The modules as they are in the worktree, in the order asked for, with their compiled documents."""
    wanted = list(dict.fromkeys(paths))
    missing = [path for path in wanted if path not in ctx.compiled]
    for module in compile_in(ctx.bench, ctx.worktree, missing):
        ctx.compiled[module.path] = module
    return [ctx.compiled[path] for path in wanted]


def compiled_base(ctx: GateContext, paths: Iterable[str]) -> dict[str, KfpModule]:
    """Path -> module as it was at the task's base; paths that were not there are left out."""
    return compiled_at(ctx.bench, ctx.repo, ctx.base, paths)


def compiled_at(bench: Bench, repo: Repo, commit: str, paths: Iterable[str]) -> dict[str, KfpModule]:
    """Path -> module as it was at a commit, which is checked out into a scratch worktree for that.

    Args:
        bench: Remembers what was compiled.
        repo: The repository.
        commit: A revision that does not move.
        paths: Python files; those that the commit does not have are left out.
    """
    wanted = [path for path in dict.fromkeys(paths) if git.show(repo, commit, path) is not None]
    missing = [path for path in wanted if (commit, path) not in bench.base_modules]
    if missing:
        if len(bench.base_modules) > KEPT:
            bench.base_modules.clear()
            missing = wanted
        with checked_out(repo, commit, bench.checker.territory.shown) as tree:
            for module in compile_in(bench, tree, missing):
                bench.base_modules[commit, module.path] = module
    return {path: bench.base_modules[commit, path] for path in wanted}


def compile_in(bench: Bench, tree: Path, paths: list[str]) -> list[KfpModule]:
    """The modules of a tree with their compiled documents."""
    return bench.checker.check(tree, paths, source_roots=bench.source_roots(tree), ir=True) if paths else []


@contextmanager
def checked_out(repo: Repo, commit: str, folder_of_checker: Path) -> Iterator[Path]:
    """A scratch worktree of a commit, where the checker can read it, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="kfpilot-base-", dir=folder_of_checker) as folder:
        tree = Path(folder) / "tree"
        git.add_worktree(repo, tree, commit)
        try:
            yield tree
        finally:
            git.remove_worktree(repo, tree)
