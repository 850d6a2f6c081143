"""Takes the sting out of repositories inside a worktree of ours.

kfpilot fills no submodule, so a `.git` below the top of a worktree was made by the project's code, in the sandbox. Git
would ask such a repository for its state, by that repository's own configuration, which may name programs to run, and
this time outside of the sandbox. It would also commit a mere pointer to content that no clone gets.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from .git_command import MARK, fields, git, require_top

POINTER = re.compile(r"160000 [0-9a-f]{40,64} \d\t")
DEPTH = 20
GLANCE = 2000
"""Folders."""


def disarm(worktree: Path) -> None:
    """Remove what makes folders of a worktree of ours repositories; their files stay, as files of the worktree.

    A checkout of the user's is left alone: its submodules are the user's.

    Raises:
        ToolFailure: It is no worktree.
    """
    if not (require_top(worktree).parent / MARK).is_file() or no_inner(worktree):
        return
    for _ in range(DEPTH):  # one may lie in another
        entries = fields(git(worktree, "ls-files", "-z", "--stage", "--others", "--exclude-standard"))
        inner = [POINTER.sub("", item) for item in entries if POINTER.match(item)]
        inner += [item.rstrip("/") for item in entries if item.endswith("/")]
        if not [name for name in inner if end(worktree / name / ".git")]:
            return


def no_inner(worktree: Path) -> bool:
    """Whether a glance shows that no folder below the top is a repository; big trees are left to git."""
    unread: list[OSError] = []
    for seen, (folder, folders, files) in enumerate(os.walk(worktree, onerror=unread.append)):
        inner = folder != str(worktree) and any(name.lower() == ".git" for name in (*folders, *files))
        if inner or seen > GLANCE:
            return False
    return not unread


def end(pointer: Path) -> bool:
    """Remove a repository, its link or its file; False if there is none."""
    if pointer.is_symlink() or pointer.is_file():
        pointer.unlink()
    elif pointer.is_dir():
        shutil.rmtree(pointer)
    else:
        return False
    return True
