"""The user's repository and the feature in it: what forbids a run, and what a run should be told of."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ...tools import git, git_revert
from ...tools.git_command import attempt, fields, has_lfs, text
from ..documents import load_feature, resolve_feature
from ..documents.models import Feature
from ..errors import ToolFailure, UserError
from ..events import Notice

if TYPE_CHECKING:
    from git import Repo

COMMIT_HOOKS = ("pre-commit", "prepare-commit-msg", "commit-msg", "post-commit", "reference-transaction")
LFS_HEAD = b"version https://git-lfs.github.com/spec/"
LFS_LOOKED_AT = 2_000


def open_checkout(path: Path) -> Repo:
    """The user's repository.

    Raises:
        UserError: There is none, or it cannot be worked on; says how to mend.
    """
    try:
        return git.open_repo(path)
    except ToolFailure as error:
        raise UserError(str(error)) from None


def find_feature(repo: Repo, hint: str | None) -> Feature:
    """The feature the user means, as it stands in the checkout."""
    root = git.root_of(repo)
    return load_feature(resolve_feature(root, hint, os.environ, git.current_branch(repo)), root)


def require_quiet(repo: Repo) -> None:
    """Refuse to start while git waits for the user: HEAD is then a commit that may be gone a minute later.

    Raises:
        UserError: A rebase, a merge, a cherry-pick, a revert or a bisect is in progress.
    """
    busy = git_revert.in_progress(repo)
    if busy:
        raise UserError(f"{busy[0]} is in progress", where=git.root_of(repo), mend=f"End it first: {busy[1]}.")


def peculiarities(repo: Repo, worktree: Path) -> Iterator[Notice]:
    """What is special about the repository, as far as the run does not do what the user may be used to."""
    root = git.root_of(repo)
    if text(attempt(root, "config", "--type=bool", "--get", "commit.gpgSign").stdout).strip() == "true":
        message = (
            "commits are to be signed here (commit.gpgSign), and those of a run are not: a key may ask for a password. "
            "Sign when you take them over: git rebase --gpg-sign, or git merge -S"
        )
        yield Notice(level="warning", code="not-signed", message=message)
    hooks = commit_hooks(root)
    if hooks:
        message = f"hooks do not run in a run: {', '.join(hooks)}; run them when you take the commits over"
        yield Notice(code="hooks", message=message)
    listed = fields(attempt(worktree, "ls-files", "--stage", "-z").stdout)
    modules = [entry.partition("\t")[2] for entry in listed if entry.startswith("160000 ")]
    if modules:
        message = f"submodules are empty in a run, and tests that need them fail: {some(modules)}"
        yield Notice(level="warning", code="submodules", message=message)
    pointers = [path for path in lfs_files(worktree) if is_pointer(worktree / path)]
    if pointers:
        why = "their content is not here" if has_lfs() else "git-lfs is not installed"
        message = f"files of Git LFS are pointers in the run, for {why}: {some(pointers)}"
        yield Notice(level="warning", code="lfs-pointers", message=message)


def commit_hooks(root: Path) -> list[str]:
    """The names of hooks that the user's own commits run."""
    # The last value is our own, which switches hooks off.
    said = text(attempt(root, "config", "--get-all", "--path", "core.hooksPath").stdout).splitlines()[:-1]
    folder = root / said[-1] if said else git_revert.common_folder(git.open_repo(root)) / "hooks"
    return [name for name in COMMIT_HOOKS if (folder / name).is_file() and (folder / name).stat().st_mode & 0o100]


def lfs_files(worktree: Path) -> list[str]:
    """Files that the attributes give to Git LFS."""
    names = attempt(worktree, "ls-files", "-z").stdout
    if b".gitattributes" not in names:
        return []
    said = fields(attempt(worktree, "check-attr", "--stdin", "-z", "filter", data=names).stdout)
    return [path for path, value in zip(said[::3], said[2::3], strict=False) if value == "lfs"][:LFS_LOOKED_AT]


def is_pointer(file: Path) -> bool:
    """Whether a file is a pointer to a content that is kept elsewhere."""
    try:
        with file.open("rb") as opened:
            return opened.read(len(LFS_HEAD)) == LFS_HEAD
    except OSError:
        return False


def some(names: list[str], limit: int = 5) -> str:
    """Some names, and how many more there are."""
    return ", ".join(names[:limit]) + (f" and {len(names) - limit} more" if len(names) > limit else "")
