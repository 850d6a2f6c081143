"""The tasks around a task: those that it needs, those that will write what its tests are about, and what they cite."""

from __future__ import annotations

import re
from pathlib import Path

from ...tools.project_names import top_names
from ..documents.models import Task
from ..planner.classify import written_files
from ..planner.models import Role
from ..planner.paths import role_of_path
from .job import Job
from .project import listing

MOST_AWAITED = 3
NAME = re.compile(r"[A-Za-z_]\w{3,}")
CONTRACT_LINES = 120
MODULE = re.compile(r"\bpython3? -m ([A-Za-z_][\w.]*)")


def needed(job: Job) -> list[Task]:
    """The tasks that a task depends on, by what the documents say and by what the plan has found."""
    ids = {*job.task.depends_on, *job.feature.task(job.task.id).depends_on}
    return [task for task in job.feature.tasks.tasks if task.key in ids or task.id in ids]


def awaited(job: Job) -> list[Task]:
    """The open tasks after a tests task that will write or change the code which its tests are about, in their order.

    Of those that give a name which is defined nowhere yet the first will define it; later ones only use it.
    """
    tasks = job.feature.tasks.tasks
    own = job.feature.task(job.task.id)
    modules = {stem.removeprefix("test_").removesuffix("_test") for stem in stems_of(own.files)}
    names = (names_of(own) | modules) - defined(job)
    found = []
    for task in tasks[tasks.index(own) + 1 :]:
        code = [path for path in written_files(task) if role_of_path(path) == "code"]
        if task.state != "open" or not code:
            continue
        shared = names & (names_of(task) | stems_of(code))
        if shared or modules & stems_of(code):
            found.append(task)
            names -= shared
    return found[:MOST_AWAITED]


def defined(job: Job) -> set[str]:
    """The functions and classes that the code of the repository has at the top of its modules."""
    code = [path for path in listing(job.worktree) if path.endswith(".py") and role_of_path(path) == "code"]
    return {name for path in code for name in top_names(job.worktree / path)}


def names_of(task: Task) -> set[str]:
    """The names of code that a task gives: `double` of `double(price)`."""
    return {name for symbol in task.symbols if NAME.fullmatch(name := re.split(r"\W", symbol)[0])}


def stems_of(files: list[str]) -> set[str]:
    """What Python files are called."""
    return {Path(path).stem for path in files if path.endswith(".py")} - {"__init__", "conftest"}


def subjects(job: Job, role: Role) -> list[str]:
    """The code that the tasks have written which a tests or docs task depends on: what it is about."""
    if role not in ("tests", "docs"):
        return []
    files = [path for task in needed(job) for path in written_files(task) if role_of_path(path) == "code"]
    return [
        path for path in dict.fromkeys(files) if (job.worktree / path).is_file() and Path(path).name != "__init__.py"
    ]


def cited_around(job: Job, role: Role) -> set[str]:
    """What the tasks cite whose code a tests or docs task is about, where it cites nothing itself."""
    if role not in ("tests", "docs"):
        return set()
    about = [*needed(job), *(awaited(job) if role == "tests" else [])]
    return {ref for task in about for ref in task.refs}


def contracts(job: Job, role: Role) -> list[str]:
    """Short documents of the feature that a task refers to by name: `as in data-model.md`.

    For tests before their code those of the code as well. The decisions of an OpenSpec change are told nowhere else.
    """
    feature, tasks = job.feature, [job.feature.task(job.task.id), *(awaited(job) if role == "tests" else [])]
    text = " ".join(part for task in tasks for part in [task.title, *task.details])
    main = {"spec.md", "plan.md", "tasks.md"}
    folder = job.worktree / feature.directory.relative_to(feature.root)
    found = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name not in main]
    always = "design.md" if feature.dialect == "openspec" and role != "infra" else ""
    named = [
        path for path in found if path.name == always or re.search(rf"(?<![\w-]){re.escape(path.name)}(?![\w-])", text)
    ]
    short = [path for path in named if path.read_bytes().count(b"\n") <= CONTRACT_LINES]
    return [path.relative_to(job.worktree).as_posix() for path in short]


def started(job: Job, files: list[str]) -> list[str]:
    """The modules that a task wants started: `python -m shop.submit`."""
    text = " ".join([job.task.title, *job.feature.task(job.task.id).details])
    ends = [f"{name.replace('.', '/')}{end}" for name in MODULE.findall(text) for end in (".py", "/__main__.py")]
    return [path for path in files if any(path == end or path.endswith(f"/{end}") for end in ends)]
