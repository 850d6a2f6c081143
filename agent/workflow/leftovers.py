"""What a killed run leaves behind: worktrees, processes that work in them, lock files of git."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ...tools import git
from ...tools.git_merge import drop_stale_locks
from ...tools.leftovers import remove_forsaken
from ...tools.processes import JOB_VARIABLE

if TYPE_CHECKING:
    from git import Repo


def clear_leftovers(repo: Repo, home: Path, branch: str) -> None:
    """Remove what earlier runs on a repository have left. Whoever calls it holds the repository's lock.

    Args:
        repo: The user's repository.
        home: The folder of the repository's worktrees; nobody else works in it.
        branch: The run branch that is about to be written.
    """
    home = home.resolve()
    kill_inside(home)
    git.settle_worktrees(repo)
    for path in git.list_worktrees(repo):
        # Scratch worktrees of gates lie in the folder for temporary files; another command of ours may be using one.
        if path.parent == home or not path.exists():
            git.remove_worktree(repo, path)
    drop_stale_locks(git.root_of(repo), branch)
    remove_forsaken()
    with suppress(OSError):  # there is another worktree in it
        home.rmdir()


def kill_inside(folder: Path) -> list[int]:
    """Kill what a run has started in a folder of ours and was killed before it could end (Linux only).

    Processes that carry no mark of ours, such as a shell of a user who looks around there, are left alone.

    Returns:
        Their numbers.
    """
    killed = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            place = (entry / "cwd").readlink()
            pid = int(entry.name)
            ours = f"{JOB_VARIABLE}=".encode() in (entry / "environ").read_bytes()
            if ours and pid != os.getpid() and place.is_relative_to(folder):
                os.kill(pid, signal.SIGKILL)
                killed.append(pid)
    return killed
