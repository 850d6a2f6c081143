"""Paths that a task gives in short, spelled out: `components/__init__.py` for the one below `src/shop/`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from ...tools import search
from ...tools.errors import ToolFailure
from ...tools.git_paths import ignored
from ...tools.python_project import find_projects, project_of
from .models import Task

AT_THE_ROOT = frozenset(
    """
    README.md CHANGELOG.md CONTRIBUTING.md LICENSE NOTICE AGENTS.md SECURITY.md pyproject.toml setup.py setup.cfg
    Makefile Dockerfile tox.ini pytest.ini noxfile.py requirements.txt .gitignore .dockerignore .env
    """.split()  # noqa: SIM905 - a list of words reads best as words
)
"""Names that mean the file in the repository's root, whatever else has them."""


def spell_out(tasks: Iterable[Task], named: Iterable[str], root: Path) -> None:
    """Put the path that is meant in the place of one that is short for it, and drop what is no file of the repository.

    A path is short when the root has no such file, nor the folder it begins with, and exactly one other path ends with
    it: of those that the documents give, else of the files there are. A bare name that several end with
    (`__init__.py`) means none of them. Where a repository holds several projects, the one that the documents speak of
    decides between several files, and says where a new one is made. What git ignores can be in no commit, so no task
    makes it.

    Args:
        tasks: Their `files` are changed.
        named: Further paths that the documents give.
        root: The repository.
    """
    tasks = list(tasks)
    missing = {path for task in tasks for path in task.files if not (root / path).exists()}
    if not missing:
        return
    unkept = ignored(root, sorted(missing))
    short = {path for path in missing - unkept if _may_be_short(path, root)}
    given = ({path for task in tasks for path in task.files} | set(named)) - unkept - short
    there: list[str] | None = None
    meant: dict[str, str] = {}
    projects = find_projects(root) if short else []
    homes = {home for path in given if (home := project_of(projects, path))}
    for path in sorted(short):
        longer = {other for other in given if other.endswith(f"/{path}")}
        if not longer:
            there = _files(root) if there is None else there
            longer = {other for other in there if other.endswith(f"/{path}")}
        at_home = {other for other in longer if project_of(projects, other) in homes} if len(homes) == 1 else set()
        if len(longer) == 1 or len(at_home) == 1:
            meant[path] = (at_home or longer).pop()
        elif longer and "/" not in path:
            meant[path] = ""
        elif not longer and "/" in path:
            meant[path] = _new_in_project(path, root, projects, homes)
    for task in tasks:
        paths = (meant.get(path, path) for path in task.files if path not in unkept)
        task.files = list(dict.fromkeys(path for path in paths if path))


def _may_be_short(path: str, root: Path) -> bool:
    first = PurePosixPath(path).parts[0]
    if path.endswith("/"):
        return False
    return path not in AT_THE_ROOT if first == path else not (root / first).is_dir()


def _new_in_project(path: str, root: Path, projects: list[str], homes: set[str]) -> str:
    """A file that is to be made, in the project that has the folder its path begins with."""
    first = PurePosixPath(path).parts[0]
    fitting = [project for project in projects if (root / project / first).is_dir()]
    if len(fitting) > 1:
        fitting = [project for project in fitting if homes == {project}]
    return f"{fitting[0]}/{path}" if len(fitting) == 1 else path


def _files(root: Path) -> list[str]:
    try:
        return search.files(root)
    except ToolFailure:
        return []
