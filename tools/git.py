"""Git, as far as a run needs it: worktrees of our own, their content, branches nobody else has moved meanwhile.

The user's checkout and index are never written (but for `fast_forward`, which the user asks for).
Functions that write refuse any folder that `add_worktree` has not made.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import ToolFailure
from .git_command import (
    attempt,
    fields,
    git,
    line,
    own_index,
    reason,
    require_own,
    root_of,
    scratch_index,
    text,
)
from .git_history import (
    branch_head,
    commit_all,
    commits_with_trailer,
    merge_base,
    show,
    update_branch,
    worktree_holding,
)
from .git_landing import fast_forward
from .git_nested import disarm
from .git_worktrees import add_worktree, list_worktrees, remove_worktree, settle_worktrees, unlock
from .scratch import scratch_folder

if TYPE_CHECKING:
    from git import Repo

__all__ = [
    "add_worktree",
    "apply_patch",
    "branch_head",
    "changed_files",
    "clean_ignored",
    "commit_all",
    "commits_with_trailer",
    "current_branch",
    "diff",
    "fast_forward",
    "head",
    "is_dirty",
    "list_worktrees",
    "merge_base",
    "open_repo",
    "remove_worktree",
    "restore",
    "reveal",
    "root_of",
    "settle_worktrees",
    "show",
    "tree_hash",
    "update_branch",
    "worktree_holding",
]


def top_of(path: Path) -> Path:
    """The top of the checkout that a folder lies in; it may have no commit yet.

    Raises:
        ToolFailure: There is none, it is bare, or git refuses to touch it.
    """
    if not path.is_dir():
        # Its parent may be another repository, which nobody has named.
        what = "is no folder" if path.exists() else "does not exist"
        raise ToolFailure(f"{path} {what}. Give a folder inside a git repository.")
    folder = path
    if own_index(folder) is not None:
        return folder.resolve()
    where = attempt(folder, "rev-parse", "--show-toplevel")
    if where.returncode:
        raise ToolFailure(_why_not(folder, reason(where)))
    return Path(text(where.stdout).rstrip("\n"))


def open_repo(path: Path) -> Repo:
    """Open the repository that a folder lies in.

    Raises:
        ToolFailure: There is none, it is bare, has no commit yet, or git refuses to touch it.
    """
    top = top_of(path)
    if attempt(top, "rev-parse", "--verify", "--quiet", "HEAD^{commit}").returncode:
        raise ToolFailure(
            f"The repository {top} has no commit yet, so there is nothing to start from. "
            'Commit what you have first: git add -A && git commit -m "Start"'
        )
    from git import Repo  # Costs a tenth of a second, which `--help` need not pay.
    from git.exc import GitError

    try:
        repo = Repo(top, expand_vars=False)
    except (GitError, OSError, ValueError) as error:
        raise ToolFailure(f"The repository {top} cannot be opened: {error or type(error).__name__}.") from None
    # GitPython lets the caller's GIT_WORK_TREE decide; the folder we were given decides.
    repo._working_tree_dir = str(top)
    return repo


def _why_not(folder: Path, said: str) -> str:
    if "dubious ownership" in said:
        mend = f"git config --global --add safe.directory {folder}"
        return f"git does not trust {folder}: it belongs to another user. If you do, run: {mend}"
    if "must be run in a work tree" in said:
        inside = attempt(folder, "rev-parse", "--is-bare-repository").stdout.strip() == b"true"
        what = "is a bare repository: it has no files to work on" if inside else "is git's own folder"
        return f"{folder} {what}. Run kfpilot in a normal clone: git clone {folder} <folder>"
    if "not a git repository" in said:
        return f'{folder} is not in a git repository. Make it one: git init && git add -A && git commit -m "Start"'
    return f"git cannot work in {folder}: {said}"


def head(repo: Repo) -> str:
    """The commit that is checked out."""
    return line(root_of(repo), "rev-parse", "--verify", "HEAD^{commit}")


def current_branch(repo: Repo) -> str | None:
    """The name of the branch that is checked out; None when HEAD is detached."""
    done = attempt(root_of(repo), "symbolic-ref", "--quiet", "--short", "HEAD")
    return text(done.stdout).strip() or None


def is_dirty(repo: Repo) -> list[str]:
    """The paths in the user's checkout that differ from its commit, staged, changed or untracked."""
    entries = iter(fields(git(root_of(repo), "status", "--porcelain=v1", "-z", "--untracked-files=all")))
    paths = set()
    for entry in entries:
        paths.add(entry[3:])
        if set(entry[:2]) & {"R", "C"}:
            paths.add(next(entries))  # Where it was before.
    return sorted(paths)


def tree_hash(worktree: Path) -> str:
    """The id of the git tree that a commit of everything not ignored would have now."""
    disarm(worktree)
    with scratch_index(worktree) as env:
        git(worktree, "add", "--all", "--", ".", env=env)
        return line(worktree, "write-tree", env=env)


def changed_files(worktree: Path, base: str, tree: str = "") -> list[str]:
    """The files that differ from a commit: changed, new (unless ignored) and deleted ones, relative and sorted.

    Args:
        worktree: The top of a checkout.
        base: The commit, or a tree.
        tree: The tree of the checkout as it is now, where that is known.
    """
    now = tree or tree_hash(worktree)
    if now == base:
        return []
    return fields(git(worktree, "diff-tree", "-r", "-z", "--name-only", "--no-renames", base, now))


def diff(worktree: Path, base: str) -> str:
    """Everything that differs from a commit as one patch that `git apply` accepts, new and binary files included."""
    tree = tree_hash(worktree)
    try:
        return _patch(worktree, base, tree).decode()
    except UnicodeDecodeError:
        # Text in some other encoding. As a binary patch it survives being kept in a string.
        parts = []
        for path in fields(git(worktree, "diff-tree", "-r", "-z", "--name-only", "--no-renames", base, tree)):
            part = _patch(worktree, base, tree, path)
            if not _is_utf8(part):
                part = _patch(worktree, base, tree, path, binary=True)
            parts.append(part.decode("utf-8", "replace"))
        return "".join(parts)


def _patch(worktree: Path, base: str, tree: str, path: str | None = None, *, binary: bool = False) -> bytes:
    options = ["--binary", "--full-index", "--no-renames", "--no-ext-diff", "--no-textconv"]
    # Whatever the user's configuration says of prefixes, `git apply` wants these.
    options += ["--src-prefix=a/", "--dst-prefix=b/"]
    paths = [] if path is None else ["--", path]
    if not binary:
        return git(worktree, "diff-tree", "-r", "-p", *options, base, tree, *paths)
    with scratch_folder("attributes") as folder:
        attributes = folder / "attributes"
        attributes.write_text("* -diff\n")
        return git(
            worktree, "-c", f"core.attributesFile={attributes}", "diff-tree", "-r", "-p", *options, base, tree, *paths
        )


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def restore(worktree: Path, commit: str, paths: Sequence[str] | None = None) -> None:
    """Put a worktree of ours, or some paths in it, back to a commit.

    Args:
        worktree: A worktree made by `add_worktree`.
        commit: The commit to go back to.
        paths: Files or folders. New files in them are removed, ignored ones stay. Without `paths` the whole worktree
            goes back, HEAD included, and what is new goes, ignored or not.
    """
    require_own(worktree)
    disarm(worktree)
    if paths is None:
        git(worktree, "checkout", "--quiet", "--force", "--detach", commit, "--")
        git(worktree, "reset", "--quiet", "--hard", commit, "--")
        if attempt(worktree, "clean", "-ffdxq").returncode:
            unlock(worktree)
            git(worktree, "clean", "-ffdxq")
        return
    for path in paths:
        if git(worktree, "ls-tree", "-z", "--name-only", commit, "--", path.rstrip("/")):
            git(worktree, "restore", f"--source={commit}", "--staged", "--worktree", "--", path)
        else:
            git(worktree, "rm", "-r", "--quiet", "--force", "--cached", "--ignore-unmatch", "--", path)
            target = worktree / path
            if target.is_file() or target.is_symlink():
                target.unlink()
        git(worktree, "clean", "-ffdq", "--", path)


def clean_ignored(worktree: Path) -> None:
    """Remove what git ignores from a worktree of ours: a commit of it would not have these files."""
    require_own(worktree)
    if attempt(worktree, "clean", "-ffdXq").returncode:
        unlock(worktree)
        git(worktree, "clean", "-ffdXq")


def reveal(worktree: Path) -> list[str]:
    """Take the marks off files by which git overlooks their changes: assume-unchanged and skip-worktree.

    Returns:
        The files that had such a mark. A file that is not there belongs to a sparse checkout and keeps its own.
    """
    require_own(worktree)
    entries = [entry.partition(" ") for entry in fields(git(worktree, "ls-files", "-v", "-z"))]
    hidden = [path for tag, _, path in entries if (tag.islower() or tag == "S") and (worktree / path).is_file()]
    for start in range(0, len(hidden), 500):
        for option in ("--no-assume-unchanged", "--no-skip-worktree"):
            git(worktree, "update-index", option, "--", *hidden[start : start + 500])
    return hidden


def apply_patch(worktree: Path, patch: str) -> None:
    """Apply a patch, as `diff` makes them, to the files of a worktree of ours. All of it applies, or none.

    Raises:
        ToolFailure: It does not fit; the message says where.
    """
    require_own(worktree)
    if not patch.strip():
        return
    done = attempt(worktree, "apply", "--whitespace=nowarn", "-", data=os.fsencode(patch))
    if done.returncode:
        raise ToolFailure(f"The patch does not fit the files in {worktree}: {reason(done)}")
