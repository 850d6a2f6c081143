"""The part of the git tool that takes commits back: by commits on top, never by rewriting history."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import ToolFailure
from .git_command import attempt, common_dir, fields, git, line, reason, require_own, root_of, text, worktree_lock

if TYPE_CHECKING:
    from git import Repo

IN_PROGRESS = (
    ("rebase-merge", "a rebase", "git rebase --continue, or git rebase --abort"),
    ("rebase-apply", "a rebase or git am", "git rebase --continue, or git rebase --abort"),
    ("MERGE_HEAD", "a merge", "git merge --continue, or git merge --abort"),
    ("CHERRY_PICK_HEAD", "a cherry-pick", "git cherry-pick --continue, or git cherry-pick --abort"),
    ("REVERT_HEAD", "a revert", "git revert --continue, or git revert --abort"),
    ("BISECT_LOG", "a bisect", "git bisect reset"),
)
"""What git keeps in its folder while it waits for the user, what that is, and how it ends."""


def in_progress(repo: Repo) -> tuple[str, str] | None:
    """What git is in the middle of in the user's checkout, with the commands that end it; None if nothing."""
    root = root_of(repo)
    names = [name for name, _, _ in IN_PROGRESS]
    options = [part for name in names for part in ("--git-path", name)]
    paths = text(git(root, "rev-parse", "--path-format=absolute", *options)).splitlines()
    for path, (_, what, end) in zip(paths, IN_PROGRESS, strict=True):
        if Path(path).exists():
            return what, end
    return None


def tracked_changes(repo: Repo) -> list[str]:
    """Paths under version control that differ in the user's checkout from its commit, staged or not."""
    done = git(root_of(repo), "status", "--porcelain=v1", "-z", "--untracked-files=no", "--no-renames")
    return sorted({entry[3:] for entry in fields(done)})


def is_ancestor(repo: Repo, commit: str, of: str) -> bool:
    """Whether a commit is in the history of another (a commit is in its own)."""
    return not attempt(root_of(repo), "merge-base", "--is-ancestor", commit, of).returncode


def files_of(repo: Repo, commit: str) -> list[str]:
    """The files that a commit changed against its first parent."""
    return fields(git(root_of(repo), "diff-tree", "-r", "--root", "-m", "--first-parent", "--no-commit-id",
                      "--name-only", "--no-renames", "-z", commit))  # fmt: skip


def last_to_touch(repo: Repo, span: str, path: str) -> str:
    """`abc1234 subject` of the latest commit of a range that changed a file; empty if none did."""
    return line(root_of(repo), "log", "-1", "--format=%h %s", span, "--", path)


def take_back(worktree: Path, commit: str, keep: Sequence[str] = ()) -> list[str]:
    """Take a commit's change out of the files of a worktree of ours; nothing is committed.

    Args:
        worktree: A clean worktree made by `add_worktree`.
        commit: A commit of its history, with one parent.
        keep: Files that stay as they are, whatever the commit did to them.

    Returns:
        The files where later changes stand in the way. If there are any, the worktree is as it was.

    Raises:
        ToolFailure: git refuses, for example a merge.
    """
    require_own(worktree)
    done = attempt(worktree, "revert", "--no-commit", commit)
    kept = set(keep)
    unmerged = {entry.split("\t", 1)[1] for entry in fields(git(worktree, "ls-files", "-u", "-z"))}
    if done.returncode and not unmerged:
        said = reason(done)
        git(worktree, "reset", "--quiet", "--hard", "HEAD", "--")
        raise ToolFailure(f"git cannot take {commit[:12]} back: {said}")
    conflicts = sorted(unmerged - kept)
    if conflicts:
        git(worktree, "reset", "--quiet", "--hard", "HEAD", "--")
        return conflicts
    for path in kept:
        if git(worktree, "ls-tree", "-z", "--name-only", "HEAD", "--", path):
            git(worktree, "checkout", "--quiet", "--force", "HEAD", "--", path)
        else:
            git(worktree, "rm", "--quiet", "--force", "--ignore-unmatch", "--", path)
    # git would take the next commit for the end of a revert, or refuse the next one.
    attempt(worktree, "revert", "--quit")
    return []


def forward_to(repo: Repo, commit: str) -> None:
    """Bring the user's branch and checkout forward to a commit on top of it. For a user who asked for it.

    Raises:
        ToolFailure: The branch has moved on, or files in the checkout are in the way.
    """
    done = attempt(root_of(repo), "merge", "--ff-only", "--quiet", commit)
    if done.returncode:
        raise ToolFailure(f"the checkout could not be brought forward: {reason(done)}")


def delete_branch(repo: Repo, branch: str, expected: str) -> None:
    """Delete a branch that still stands where it was seen and is checked out nowhere.

    Raises:
        ToolFailure: It has moved.
    """
    root = root_of(repo)
    with worktree_lock(root):
        git(root, "update-ref", "-d", f"refs/heads/{branch}", expected)


def branches(repo: Repo, prefix: str) -> dict[str, str]:
    """Short names of the branches below a prefix (`kfpilot/`), each with its commit."""
    done = git(root_of(repo), "for-each-ref", "--format=%(refname:lstrip=2) %(objectname)", f"refs/heads/{prefix}")
    return dict(entry.rsplit(" ", 1) for entry in text(done).splitlines())


def branches_with(repo: Repo, commit: str) -> list[str]:
    """Short names of all branches, remote ones too, that have a commit in their history."""
    done = git(root_of(repo), "for-each-ref", "--format=%(refname:lstrip=2)", "--contains", commit,
               "refs/heads", "refs/remotes")  # fmt: skip
    return text(done).splitlines()


def common_folder(repo: Repo) -> Path:
    """The folder that all worktrees of the repository share."""
    return common_dir(root_of(repo))


def subject_of(repo: Repo, commit: str) -> str:
    """The first line of a commit's message."""
    return line(root_of(repo), "log", "-1", "--format=%s", commit)
