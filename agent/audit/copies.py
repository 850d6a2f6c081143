"""A copy of the checkout as it is now, uncommitted files included, in which the project's code may run."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ...tools.git_command import attempt, text
from ...tools.git_paths import OFFLINE
from ...tools.scratch import drop_folder, make_folder
from .tree import Tree

LARGE = 50_000_000
"""Bytes above which a file is not copied."""


@contextmanager
def copy_of(tree: Tree) -> Iterator[Path]:
    """A clone that shares the objects, so that tests that ask git find a repository and nothing is written into it.

    Where git cannot make one, the files alone are copied.
    """
    scratch = make_folder("audit")
    folder = scratch / (tree.root.name or "tree")
    try:
        if tree.is_git and _clone(tree.root, folder):
            _copy(tree, folder, tree.changed | (tree.present - set(tree.contents)))
        else:
            shutil.rmtree(folder, ignore_errors=True)
            _copy(tree, folder, tree.present)
        yield folder
    finally:
        drop_folder(scratch)


def _clone(root: Path, folder: Path) -> bool:
    head = text(attempt(root, "rev-parse", "--verify", "--quiet", "HEAD^{commit}").stdout).strip()
    if not head:
        return False
    options = ("--quiet", "--shared", "--no-checkout", "--no-recurse-submodules")
    return (
        attempt(root, "clone", *options, "--", str(root), str(folder), env=OFFLINE).returncode == 0
        and attempt(folder, "checkout", "--quiet", "--detach", head, env=OFFLINE).returncode == 0
        # A test that pushes must not reach the repository it came from.
        and attempt(folder, "remote", "remove", "origin").returncode == 0
    )


def _copy(tree: Tree, folder: Path, paths: set[str]) -> None:
    """Bring files over as they are in the checkout; those that are gone there go here too."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(paths):
        source, target = tree.root / path, folder / path
        if source.is_symlink() or (source.is_file() and source.stat().st_size > LARGE):
            continue
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
        elif not source.exists():
            target.unlink(missing_ok=True)
