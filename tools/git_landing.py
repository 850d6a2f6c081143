"""The part of the git tool that brings the user's own checkout forward: the only one that writes it."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from .errors import ToolFailure
from .git_command import attempt, fields, git, reason, root_of, text
from .git_history import branch_head

if TYPE_CHECKING:
    from pathlib import Path

    from git import Repo


def fast_forward(repo: Repo, branch_from: str) -> str:
    """Bring the user's current branch, and the checkout, forward to another branch.

    It is for the user who asked for it. git itself refuses to overwrite a file the user has changed. One whose content
    the other branch has had, as it has the documents that a run took along uncommitted, is no such file: nothing of it
    can be lost.

    Returns:
        The commit that is checked out afterwards.

    Raises:
        ToolFailure: HEAD is detached, the branches have diverged, or local changes are in the way.
    """
    root = root_of(repo)
    here = text(attempt(root, "symbolic-ref", "--quiet", "--short", "HEAD").stdout).strip()
    if not here:
        raise ToolFailure(f"No branch is checked out in {root}. Run git switch <branch>, then git merge {branch_from}.")
    target = branch_head(repo, branch_from)
    if target is None:
        raise ToolFailure(f"There is no branch {branch_from} to land.")
    if attempt(root, "merge-base", "--is-ancestor", "HEAD", target).returncode:
        raise ToolFailure(
            f"{here} has commits that {branch_from} does not have, so it cannot be fast-forwarded. "
            f"Run git merge {branch_from} (or git rebase) yourself."
        )
    aside = {path: (root / path).read_bytes() for path in in_the_way(root, target)}
    try:
        for path in aside:
            take_away(root, path)
        done = attempt(root, "merge", "--ff-only", "--quiet", target)
        if done.returncode:
            raise ToolFailure(
                f"{here} could not be brought forward to {branch_from}. {said(reason(done))} "
                f"Commit, stash or move your changes, then run: git merge --ff-only {branch_from}"
            )
    except BaseException:
        for path, data in aside.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(data)
        raise
    return target


def said(text: str) -> str:
    """git's words as sentences of their own, without those that say how to go on, and that it gave up."""
    kept = re.sub(r" Please \w.*? before you merge\.?", ".", text.removesuffix("Aborting")).rstrip()
    return kept if kept.endswith((".", "!")) else f"{kept}."


def in_the_way(root: Path, target: str) -> list[str]:
    """The uncommitted files that differ from a commit and have stood in its history since HEAD, byte for byte.

    Nothing if any other uncommitted change is in the way: then git shall refuse, with all as it is.
    """
    status = git(root, "status", "--porcelain=v1", "-z", "--no-renames", "--untracked-files=all")
    uncommitted = {entry[3:]: entry[:2] for entry in fields(status)}
    differs = fields(git(root, "diff-tree", "-r", "-z", "--name-only", "--no-renames", "HEAD", target))
    found = [path for path in differs if path in uncommitted]
    return found if all(known(root, path, uncommitted[path], target) for path in found) else []


def known(root: Path, path: str, state: str, target: str) -> bool:
    """Whether some commit since HEAD has a file as it stands in the checkout, and as it is staged."""
    if "D" in state or "U" in state or os.path.islink(root / path) or not os.path.isfile(root / path):  # noqa: PTH113, PTH114
        return False
    if state[0] not in " ?" and state[1] != " ":
        return False  # staged in one form and changed again: two contents
    mine = text(git(root, "hash-object", "--", path)).strip()
    commits = text(git(root, "rev-list", f"HEAD..{target}", "--", path)).split()
    return any(text(attempt(root, "rev-parse", f"{commit}:{path}").stdout).strip() == mine for commit in commits)


def take_away(root: Path, path: str) -> None:
    """Put a file of the checkout, and what is staged of it, back to HEAD: as it was there, or gone."""
    if attempt(root, "cat-file", "-e", f"HEAD:{path}").returncode == 0:
        git(root, "restore", "--source=HEAD", "--staged", "--worktree", "--", path)
        return
    git(root, "rm", "--cached", "--quiet", "--ignore-unmatch", "--", path)
    (root / path).unlink()
