"""A task whose work stands on the branch already: tasks before it did it as well, and nothing is left to change.

A worker that says so would otherwise have to make up a change. It is believed no more than in anything else: the gates
judge the files as they are, and the files must have come to what the task asks for by verified commits.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from ...tools import git
from ...tools.git_merge import paths_between
from ..documents.models import Task
from ..planner.classify import written_files
from ..planner.models import PlannedTask
from ..planner.paths import own_files
from ..verifier.asked_values import without_docstrings
from ..verifier.red_green import symbols_of
from .place import task_commits

if TYPE_CHECKING:
    from git import Repo

NAME = re.compile(r"[A-Za-z_]\w+")


def done_before(repo: Repo, feature: str, task: PlannedTask, document: Task, base: str) -> dict[str, str]:
    """The verified tasks that have done the work of a task, with their commits; empty where that is not sure.

    It is where they changed every file that the task is to write, these files now use every name that the task gives,
    and before those commits they did not.

    Args:
        repo: The repository.
        feature: The feature's name.
        task: The task.
        document: The same as the documents have it.
        base: The commit on which it is worked.
    """
    files = [path for path in written_files(document) if path in own_files(task)]
    names = {name for name in symbols_of(document) if NAME.fullmatch(name)} - {Path(path).stem for path in files}
    root = Path(str(repo.working_tree_dir))
    commits = [(sha, key) for sha, key in task_commits(repo, base, feature) if key != task.id]
    by = {key: (sha, {*paths_between(root, f"{sha}~1", sha)} & {*files}) for sha, key in commits}
    by = {key: (sha, changed) for key, (sha, changed) in by.items() if changed}
    if not files or not names or {path for _, changed in by.values() for path in changed} != {*files}:
        return {}
    now = words_at(repo, base, files)
    first = next(sha for sha, _ in commits if sha in {sha for sha, _ in by.values()})
    before = words_at(repo, f"{first}~1", files)
    return {key: sha for key, (sha, _) in by.items()} if names <= now and not names <= before else {}


def words_at(repo: Repo, commit: str, files: list[str]) -> set[str]:
    """The words in files as they are in a commit; of Python without comments and docstrings."""
    words: set[str] = set()
    for path in files:
        text = (git.show(repo, commit, path) or b"").decode("utf-8", "replace")
        words |= set(NAME.findall(without_docstrings(text) if path.endswith(".py") else text))
    return words
