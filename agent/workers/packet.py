"""Gathers what a task needs into one packet, so that a worker need not look for it.

The packet is the same for both workers; how much of it is shown differs.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

from pydantic import BaseModel

from ...tools import search
from ...tools.pytest_run import find_source_roots
from ..documents.models import Feature, Story
from ..planner.models import PlannedTask, Role
from ..planner.paths import role_of_path
from .job import Job
from .project import FOLDED, Project, listing, project_of
from .recipes import Recipe, nearest
from .scaffold import as_step, components_of

FULL_LINES = 220
SIBLING_LINES = 80
CONTEXT_CHARS = 12_000
"""Room for files that the task does not name, some 3000 tokens: what does not fit is outlined, or left out."""
MOST_ADDED = 30
NEAR = 0.8
"""A second recipe is shown only if it is nearly as close as the first."""
LANGUAGES = {".py": "python", ".yaml": "yaml", ".yml": "yaml", ".toml": "toml", ".md": "markdown", ".json": "json"}


class ShownFile(BaseModel):
    """A file as a prompt shows it."""

    path: str
    note: str = ""
    text: str = ""
    language: str = ""
    whole: bool = True


class Packet(BaseModel):
    """What a task needs."""

    task: PlannedTask
    role: Role
    details: list[str] = []
    story: Story | None = None
    requirements: list[str] = []
    edge_cases: list[str] = []
    files: list[ShownFile] = []
    recipes: list[Recipe] = []
    scope: str = ""
    words: str = ""
    project: Project = Project()
    tree: str = ""
    added: list[str] = []


def gather(job: Job, role: Role, *, recipes: int = 2, around: int = 6, brief: bool = False) -> Packet:
    """The packet of a job.

    Args:
        job: The task and its worktree.
        role: The role that works now (a task may need several).
        recipes: How many cookbook recipes to add.
        around: How many neighbouring files to add as signatures.
        brief: For small models: one example is enough, and what the task does not cite is left out.
    """
    task, feature = job.task, job.feature
    document = feature.task(task.id)
    requirements = requirements_of(feature, task)
    text = " ".join([task.title, *document.details, *task.files, *([] if brief else requirements)])
    return Packet(
        task=task,
        role=role,
        details=[line.strip() for line in document.details],
        story=story_of(feature, task),
        requirements=requirements,
        edge_cases=edge_cases_of(feature, role) if not brief else [],
        files=shown_files(job, role, around, brief),
        recipes=nearest(text, role, task.files, k=recipes, floor=NEAR),
        scope=scope_of(task, role),
        words=job.words,
        project=project_of(feature) if not brief else Project(),
        tree=job.tree,
        added=added_since(job),
    )


def added_since(job: Job) -> list[str]:
    """Files that the tree of the run's start does not list yet: the work of earlier tasks."""
    listed = set(job.tree.splitlines())
    if not listed or job.tree.startswith(FOLDED):
        return []
    return [path for path in listing(job.worktree) if path not in listed][:MOST_ADDED]


SCOPES: dict[Role, str] = {
    "code": "code that the task needs, not tests, documentation, CI or configuration",
    "tests": "test files and conftest.py, nothing else",
    "docs": "documentation (Markdown, docs/), nothing else",
    "infra": "CI, deployment and configuration files, nothing else",
}


def scope_of(task: PlannedTask, role: Role) -> str:
    """In words, what the role may write."""
    files = ", ".join(task_files_for(task, role))
    return f"{files} ({SCOPES[role]})" if files else SCOPES[role]


def task_files_for(task: PlannedTask, role: Role) -> list[str]:
    """The named files that this role writes; all of them when the task has a single role."""
    if not task.also:
        return list(task.files)
    return [path for path in task.files if role_of_path(path) == role]


def story_of(feature: Feature, task: PlannedTask) -> Story | None:
    """The user story of the task."""
    if not feature.spec or not task.story:
        return None
    return next((story for story in feature.spec.stories if story.key == task.story), None)


def requirements_of(feature: Feature, task: PlannedTask) -> list[str]:
    """The requirements it cites; with none cited, those that name its files or symbols."""
    if not feature.spec:
        return []
    spec = feature.spec
    known = [*spec.requirements, *spec.criteria]
    found = [item for item in known if item.id in task.refs]
    if not found:
        names = [*feature.task(task.id).symbols, *(Path(path).stem for path in task.files)]
        found = [item for item in known if any(re.search(rf"\b{re.escape(name)}\b", item.text) for name in names)]
    return [f"{item.id}: {item.text}" for item in found[:8]]


def edge_cases_of(feature: Feature, role: Role) -> list[str]:
    """The edge cases of the feature, for those who write behaviour or its tests."""
    return [note.text for note in feature.spec.edge_cases[:5]] if feature.spec and role in ("code", "tests") else []


def shown_files(job: Job, role: Role, around: int, brief: bool = False) -> list[ShownFile]:
    """Named files in full, what they stand on as signatures, and for tests one test as a model."""
    named = list(dict.fromkeys(job.task.files))
    shown = [show(job.worktree, path) for path in named]
    have = set(named)
    room = CONTEXT_CHARS
    wires = brief and role == "code" and bool(re.search(r"\bpipelines?\b", job.task.title, re.I))
    for path, whole in related(job, role, brief):
        if path in have or around <= 0:
            continue
        file = (wires and show_steps(job.worktree, path)) or show(job.worktree, path, whole=whole)
        if not brief and whole and len(file.text) > room:
            file = show(job.worktree, path, whole=False)
        if not brief and len(file.text) > room:
            continue
        have.add(path)
        around, room = around - 1, room - len(file.text)
        shown.append(file)
    return shown


def show_steps(root: Path, path: str) -> ShownFile | None:
    """A module of components as a pipeline uses them; None if it has none."""
    found = components_of((root / path).read_bytes().decode("utf-8", "replace"))
    if not found:
        return None
    text = "\n".join(as_step(signature, module_of(root, path)) for signature in found)
    return ShownFile(path=path, note=" (how a pipeline uses it)", text=text, language="python", whole=False)


def module_of(root: Path, path: str) -> str:
    """The dotted name a module is imported by: from the source root that holds it."""
    file = root / path
    roots = [folder for folder in find_source_roots(root) if file.is_relative_to(folder)]
    base = max(roots, key=lambda folder: len(folder.parts), default=root)
    relative = file.relative_to(base).with_suffix("")
    return ".".join(relative.parts[:-1] if relative.name == "__init__" else relative.parts)


def show(root: Path, path: str, *, whole: bool = True) -> ShownFile:
    """One file; a long one, or one that is only context, as signatures."""
    file = root / path
    language = LANGUAGES.get(file.suffix, "")
    if not file.exists():
        return ShownFile(path=path, note=" (does not exist yet)")
    if file.is_dir():
        return ShownFile(
            path=path, note=" (a folder)", text="\n".join(search.files(root, glob=f"{path.rstrip('/')}/**"))
        )
    text = file.read_bytes().decode("utf-8", "replace").rstrip()
    lines = text.count("\n") + 1
    if not text:
        return ShownFile(path=path, note=" (empty)")
    if whole and lines <= FULL_LINES:
        return ShownFile(path=path, text=text, language=language)
    if file.suffix == ".py":
        return ShownFile(path=path, note=" (signatures)", text=search.signatures(file), language=language, whole=False)
    head = "\n".join(text.splitlines()[:60])
    return ShownFile(path=path, note=f" (first 60 of {lines} lines)", text=head, language=language, whole=False)


def related(job: Job, role: Role, brief: bool = False) -> list[tuple[str, bool]]:
    """Files near to the task, most useful first, each with whether to show it whole.

    A tests task gets the smallest test file there is: how this project tests, and with which data.
    """
    root, task = job.worktree, job.task
    files = listing(root)
    code = [
        path
        for path in files
        if path.endswith(".py") and role_of_path(path) == "code" and Path(path).name != "__init__.py"
    ]
    words = speaks_of(job)
    siblings = {str(Path(path).parent) for path in task.files}
    named = [path for path in code if names_of(root / path) & words or Path(path).stem in words]
    imports = [path for name in [*task.files, *named] for path in imported(root, name, code)]
    near = [path for path in code if str(Path(path).parent) in siblings]
    whole = role in ("tests", "docs")
    result = [(path, whole) for path in named]
    # A page is about what its subject is made of, and the columns of an artifact stand in a docstring at best.
    told = role == "docs" and not brief
    result += [
        (path, told and path in imports and length(root / path) <= SIBLING_LINES)
        for path in [*imports, *([] if brief else near)]
        if path not in named
    ]
    if role == "code" and not brief:
        result = with_model(root, task, near, result)
    if role == "tests":
        tests = [path for path in files if role_of_path(path) == "tests" and Path(path).name.startswith("test_")]
        tests.sort(key=lambda path: (root / path).stat().st_size)
        result[2:2] = [(path, True) for path in tests[:1]]
    if role in ("docs", "infra"):
        context = ("README.md",) if told else ("README.md", "pyproject.toml")
        result += [(path, True) for path in files if path in context]
    return list(dict.fromkeys(result))


def with_model(root: Path, task: PlannedTask, near: list[str], shown: list[tuple[str, bool]]) -> list[tuple[str, bool]]:
    """Add one short neighbour in full where a module is to be made: how this project writes such a module."""
    if all((root / path).exists() for path in task.files):
        return shown
    wanted = next((kind for kind in ("component", "pipeline") if re.search(rf"\b{kind}s?\b", task.title, re.I)), "")
    ranks = {}
    for path in near:
        text = (root / path).read_bytes().decode("utf-8", "replace")
        same = bool(re.search(rf"^@(\w+\.)*(container_)?{wanted}\b", text, re.M)) if wanted else True
        if 0 < text.count("\n") <= SIBLING_LINES:
            ranks[path] = (not same, text.count("\n"))
    model = min(ranks, key=lambda path: ranks[path], default=None)
    return shown if model is None else [(model, True), *(item for item in shown if item[0] != model)]


def length(file: Path) -> int:
    """Lines of a file."""
    return file.read_bytes().count(b"\n")


def speaks_of(job: Job) -> set[str]:
    """The words of a task that may be names of modules and functions; test_x.py speaks of x."""
    document = job.feature.task(job.task.id)
    words = set(re.findall(r"\w+", " ".join([job.task.title, *document.details, *job.task.files, *document.symbols])))
    stems = {Path(path).stem for path in job.task.files}
    return words | stems | {stem.removeprefix("test_").removesuffix("_test") for stem in stems}


def names_of(file: Path) -> set[str]:
    """Names a module defines at its top."""
    try:
        body = ast.parse(file.read_bytes()).body
    except (SyntaxError, ValueError):
        return set()
    return {node.name for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef)}


def imported(root: Path, path: str, code: list[str]) -> list[str]:
    """Modules of the project that an existing file imports."""
    file = root / path
    if file.suffix != ".py" or not file.is_file():
        return []
    try:
        nodes = list(ast.walk(ast.parse(file.read_bytes())))
    except (SyntaxError, ValueError):
        return []
    modules = {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
    modules |= {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    tails = tuple(module.replace(".", "/") + ".py" for module in modules)
    return [other for other in code if other.endswith(tails)] if tails else []
