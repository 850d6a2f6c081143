"""Carries a change over to a commit it was not made on, in a worktree of ours."""

from __future__ import annotations

from pathlib import Path

from .errors import ToolFailure
from .git import restore
from .git_command import attempt, common_dir, fields, git, reason, require_own
from .git_history import _identity


def paths_between(where: Path, old: str, new: str) -> dict[str, str]:
    """Path -> status letter (A, M, D, T) of what differs between two commits or trees."""
    words = fields(git(where, "diff-tree", "-r", "-z", "--name-status", "--no-renames", old, new))
    return dict(zip(words[1::2], words[::2], strict=True))


def carry_over(worktree: Path, base: str, tree: str, onto: str) -> list[str]:
    """Put a worktree at a commit with a change on top that was made on another one. Nothing is committed.

    Args:
        worktree: A worktree made by `add_worktree`; what is in it is lost.
        base: The commit the change was made on.
        tree: The tree with the change.
        onto: The commit to carry it to.

    Returns:
        The paths that both have changed in ways that do not go together. If there are any, the worktree is at `onto`.

    Raises:
        ToolFailure: git refuses.
    """
    require_own(worktree)
    done = attempt(worktree, "commit-tree", "-p", base, "-m", "kfpilot", tree, env=_identity(worktree, None))
    if done.returncode:
        raise ToolFailure(f"git could not keep the change in {worktree}: {reason(done)}")
    change = done.stdout.decode().strip()
    restore(worktree, onto)
    picked = attempt(
        worktree, "-c", "rerere.enabled=false", "-c", "merge.conflictStyle=merge",
        "cherry-pick", "--no-commit", "--allow-empty", change, env=_identity(worktree, None),
    )  # fmt: skip
    if not picked.returncode:
        return []
    clashes = fields(git(worktree, "diff", "--name-only", "--diff-filter=U", "-z"))
    restore(worktree, onto)
    if not clashes:
        raise ToolFailure(f"The change cannot be carried over to {onto[:12]}: {reason(picked)}")
    return clashes


def drop_stale_locks(where: Path, branch: str) -> list[str]:
    """Remove the lock file of a branch that only we write, left by a git that was killed.

    Call it only while nobody else can be at work on the branch.

    Returns:
        What was removed.
    """
    common = common_dir(where)
    lock = common / "refs" / "heads" / f"{branch}.lock"
    if not lock.is_file():
        return []
    lock.unlink(missing_ok=True)
    return [str(lock)]
