"""Takes the sting out of repositories inside a worktree of ours.

kfpilot fills no submodule, so a `.git` below the top of a worktree was made by the project's code, in the sandbox. Git
would ask such a repository for its state, by that repository's own configuration, which may name programs to run, and
this time outside of the sandbox. It would also commit a mere pointer to content that no clone gets.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from .git_command import MARK, fields, git, require_top

POINTER = re.compile(r"160000 [0-9a-f]{40,64} \d\t")
DEPTH = 20


def disarm(worktree: Path) -> None:
    """Remove what makes folders of a worktree of ours repositories; their files stay, as files of the worktree.

    A checkout of the user's is left alone: its submodules are the user's.

    Raises:
        ToolFailure: It is no worktree.
    """
    if not (require_top(worktree).parent / MARK).is_file():
        return
    for _ in range(DEPTH):  # one may lie in another
        entries = fields(git(worktree, "ls-files", "-z", "--stage", "--others", "--exclude-standard"))
        inner = [POINTER.sub("", item) for item in entries if POINTER.match(item)]
        inner += [item.rstrip("/") for item in entries if item.endswith("/")]
        if not [name for name in inner if end(worktree / name / ".git")]:
            return


def end(pointer: Path) -> bool:
    """Remove a repository, its link or its file; False if there is none."""
    if pointer.is_symlink() or pointer.is_file():
        pointer.unlink()
    elif pointer.is_dir():
        shutil.rmtree(pointer)
    else:
        return False
    return True
