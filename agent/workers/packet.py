"""Gathers what a task needs into one packet, so that a worker need not look for it.

The packet is the same for both workers; how much of it is shown differs.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path

from pydantic import BaseModel

from ...tools import search
from ...tools.pytest_run import find_source_roots
from ..documents.models import Feature, Requirement, Story
from ..planner.classify import written_files
from ..planner.cover import long_words
from ..planner.models import PlannedTask, Role
from ..planner.paths import may_write, role_of_path, roles_of, writable_for
from ..verifier.claims import path_of
from .around import awaited, cited_around, contracts
from .designed import design_of
from .job import Job
from .project import FOLDED, Project, listing, project_of
from .recipes import Recipe, nearest
from .related import prose_of, related
from .scaffold import as_step, components_of
from .wanted import wanted_functions

FULL_LINES = 220
CONTEXT_CHARS = 12_000
"""Room for files that the task does not name, some 3000 tokens: what does not fit is outlined, or left out."""
MOST_ADDED = 30
MOST_ENTITIES = 6
FEW_EDGES, MOST_EDGES = 5, 12
MOST_UNCITED, UNCITED_CHARS = 12, 2_000
"""A list of requirements is short enough to be told as a whole."""
NEAR = 0.8
"""A second recipe is shown only if it is nearly as close as the first."""
LANGUAGES = {".py": "python", ".yaml": "yaml", ".yml": "yaml", ".toml": "toml", ".md": "markdown", ".json": "json"}


def language_of(path: str) -> str:
    """The language of a file as a fence names it; empty where that is not known."""
    name = Path(path).name.partition(".")[0]
    return LANGUAGES.get(Path(path).suffix) or {"Makefile": "makefile", "Dockerfile": "dockerfile"}.get(name, "")


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
    awaited: list[str] = []
    entities: list[str] = []
    design: str = ""
    files: list[ShownFile] = []
    recipes: list[Recipe] = []
    scope: str = ""
    rest: str = ""
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
    requirements = requirements_of(feature, task, brief, set() if brief else cited_around(job, role))
    cited = requirements_of(feature, task, True)
    text = " ".join([task.title, *document.details, *task.files, *([] if brief else cited)])
    # A small model makes each of them a test, whatever is under test.
    edges, entities = (edge_cases_of(feature, role, text), entities_of(feature, role)) if role == "code" else ([], [])
    # Code that is to be mended is its own example.
    recipes = 0 if job.handed else recipes
    return Packet(
        task=task,
        role=role,
        details=[line.strip() for line in document.details],
        story=story_of(feature, task),
        requirements=requirements,
        edge_cases=edge_cases_of(feature, role, text) if not brief else near_to(text, edges, 2),
        awaited=[f"{other.key}: {other.title}" for other in awaited(job)] if role == "tests" and not brief else [],
        entities=entities_of(feature, role) if not brief else near_to(text, entities, 1),
        design="" if brief else design_of(job, role, cited),
        files=shown_files(job, role, around, brief),
        recipes=nearest(text, role, task.files, k=recipes, floor=NEAR, kind=kind_of(job, role) if brief else ""),
        scope=scope_of(job, role),
        rest=rest_of(task, role),
        words=job.words,
        project=project_of(feature) if not brief else Project(),
        tree=job.tree,
        added=added_since(job),
    )


def kind_of(job: Job, role: Role) -> str:
    """What a code task makes, where it gives signatures of one kind alone."""
    kinds = {wanted.kind for wanted in wanted_functions(job)} if role == "code" else set()
    return kinds.pop() if len(kinds) == 1 else ""


def added_since(job: Job) -> list[str]:
    """Files that the tree of the run's start does not list yet: the work of earlier tasks."""
    listed = set(job.tree.splitlines())
    if not listed or job.tree.startswith(FOLDED):
        return []
    return [path for path in listing(job.worktree) if path not in listed][:MOST_ADDED]


SCOPES: dict[Role, str] = {
    "code": "code (no tests, documentation, CI or configuration)",
    "tests": "test files with conftest.py and their data",
    "docs": "documentation (Markdown, docs/)",
    "infra": "CI, deployment and configuration files",
}


def scope_of(job: Job, role: Role) -> str:
    """In words, what the role may write: the files it is for, and what else is open to it if that must be."""
    files = ", ".join(writes_of(job, role))
    if not files:
        return f"what the task needs, of this kind alone: {SCOPES[role]}."
    return (
        f"{files}. Another file only where the task cannot be done without it, and only of this kind: {SCOPES[role]}."
    )


def rest_of(task: PlannedTask, role: Role) -> str:
    """In words, what of the task another role does; empty if it is this one's alone."""
    parts = []
    for other in roles_of(task):
        files = ", ".join(task_files_for(task, other))
        if other != role:
            parts.append(f"{other} ({files})" if files else other)
    return " and ".join(parts)


def task_files_for(task: PlannedTask, role: Role) -> list[str]:
    """The named files that this role writes; all of them when the task has a single role."""
    if not task.also:
        return list(task.files)
    return [path for path in task.files if role_of_path(path) == role]


def writes_of(job: Job, role: Role) -> list[str]:
    """The files that this role is to write: not those a task only refers to, and not those of another role."""
    task, document = job.task, job.feature.task(job.task.id)
    meant = set(written_files(document)) or set(task.files)
    meant |= {path_of(job.handed.fault)} if job.handed else set()
    paths = writable_for(task, role)
    own = [path for path in task_files_for(task, role) if path in meant and may_write(paths, path)]
    return [*own, *(path for path in handed_on(job, role) if path not in own)]


def handed_on(job: Job, role: Role) -> list[str]:
    """The `__init__.py` beside its modules, where a task says that what it makes is exported."""
    text = " ".join([job.task.title, *job.feature.task(job.task.id).details])
    if role != "code" or not re.search(r"\b(?:re-?)?export(?:s|ed)?\b", text, re.I):
        return []
    modules = [path for path in job.task.files if path.endswith(".py") and role_of_path(path) == "code"]
    beside = dict.fromkeys((Path(path).parent / "__init__.py").as_posix() for path in modules)
    there = [path for path in beside if path not in modules and (job.worktree / path).is_file()]
    # An empty one is a package that hands nothing on, unless there is no other.
    return [path for path in there if (job.worktree / path).stat().st_size] or there


def of_named_tasks(job: Job, role: Role) -> list[str]:
    """Files of this role that the tasks which a title names have made: `update the check of T006`."""
    found: dict[str, None] = {}
    needed = job.feature.task(job.task.id).depends_on
    for other in job.feature.tasks.tasks:
        if not other.id or other.id == job.task.id or other.id in needed:
            continue
        if re.search(rf"\b{re.escape(other.id)}\b", job.task.title):
            found |= dict.fromkeys(path for path in other.files if role_of_path(path) == role)
    return [path for path in found if (job.worktree / path).is_file()]


def story_of(feature: Feature, task: PlannedTask) -> Story | None:
    """The user story of the task."""
    if not feature.spec or not task.story:
        return None
    found = next((story for story in feature.spec.stories if story.key == task.story), None)
    known = {item.line for item in feature.spec.requirements}
    if found and task.refs and found.scenarios and all(scenario.line in known for scenario in found.scenarios):
        # Kiro's criteria are requirements too, and the task says which of them it is for.
        return found.model_copy(update={"scenarios": []})
    return found


def requirements_of(
    feature: Feature, task: PlannedTask, brief: bool = False, around: AbstractSet[str] = frozenset()
) -> list[str]:
    """The requirements it cites; with none cited, those that name its files or symbols, or that tasks around it cite.

    Where no task of the feature cites any, the documents do not say which belong to which task: then a short list of
    requirements is told as a whole, and of a long one those that have words of the task, unless it must be brief.
    """
    if not feature.spec:
        return []
    spec = feature.spec
    known = [*spec.requirements, *spec.criteria]
    found = [item for item in known if item.id in task.refs]
    every = [item for item in known if item in spec.requirements or item in found]
    short = len(spec.requirements) <= MOST_UNCITED and sum(map(len, told_of(spec.requirements))) <= UNCITED_CHARS
    if task.role == "docs" and not task.story and short and not brief:
        # A page of no story is about the feature, and its rules must not be taken from the code alone.
        return told_of(every)
    if not found:
        document = feature.task(task.id)
        names = [*document.symbols, *(Path(path).stem for path in task.files)]
        found = [item for item in known if any(re.search(rf"\b{re.escape(name)}\b", item.text) for name in names)]
        found = [item for item in known if item in found or item.id in around]
        ids = {item.id for item in known}
        cited = any(ids & set(other.refs) for other in feature.tasks.tasks)
        if not cited and not brief:
            if short:
                return told_of(every)
            text = " ".join([task.title, *document.details])
            found = found or [item for item in known if near_to(text, [" ".join(told_of([item]))], 2)]
    return told_of(found[:8])


def told_of(requirements: Sequence[Requirement]) -> list[str]:
    """A line for each requirement, and below it one for each scenario of its own."""
    lines: list[str] = []
    for item in requirements:
        lines.append(f"{item.id}: {item.text}")
        lines += [f"{item.id}: {scenario.title}: {scenario.text}" for scenario in item.scenarios]
    return lines


def edge_cases_of(feature: Feature, role: Role, text: str) -> list[str]:
    """The edge cases of the feature, for those who write behaviour, its tests or what users read.

    Of more than a few those that share words with the task, unless it speaks of edge cases.
    """
    notes = [note.text for note in feature.spec.edge_cases] if feature.spec and role != "infra" else []
    if len(notes) > FEW_EDGES and not re.search(r"\bedge cases?\b", text, re.I):
        notes = near_to(text, notes, 2)
    return notes[:MOST_EDGES]


def entities_of(feature: Feature, role: Role) -> list[str]:
    """The key entities of the feature: what its files and records hold."""
    return [note.text for note in feature.spec.entities[:MOST_ENTITIES]] if feature.spec and role != "infra" else []


def near_to(text: str, notes: list[str], shared: int) -> list[str]:
    """Those that share words with a task; of an entity only its name counts, which stands before a colon."""
    said = long_words(text)
    return [note for note in notes if len(said & long_words(note.partition(":")[0] if shared == 1 else note)) >= shared]


def shown_files(job: Job, role: Role, around: int, brief: bool = False) -> list[ShownFile]:
    """Named files in full, what they stand on as signatures, and for tests one test as a model."""
    named = [
        *job.task.files,
        *handed_on(job, role),
        *of_named_tasks(job, role),
        *([] if brief else contracts(job, role)),
    ]
    named = list(dict.fromkeys(named))
    shown = [show(job.worktree, path, told="first" if brief else "all") for path in named]
    have = set(named)
    told: search.Told = "all" if not brief else "steps" if role == "code" else "first"
    room = CONTEXT_CHARS
    wires = brief and role == "code" and bool(re.search(r"\bpipelines?\b", prose_of(job.task), re.I))
    for path, whole in related(job, role, brief):
        if path in have or around <= 0:
            continue
        file = (wires and show_steps(job.worktree, path)) or show(job.worktree, path, whole=whole, told=told)
        if not brief and whole and len(file.text) > room:
            file = show(job.worktree, path, whole=False, told=told)
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


def show(root: Path, path: str, *, whole: bool = True, told: search.Told = "first") -> ShownFile:
    """One file; a long one, or one that is only context, as signatures.

    Args:
        root: The repository.
        path: The file, from there.
        whole: Show all of it unless it is long.
        told: The docstrings that signatures are given with.
    """
    file = root / path
    language = language_of(path)
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
        return ShownFile(
            path=path, note=" (signatures)", text=search.signatures(file, told=told), language=language, whole=False
        )
    head = "\n".join(text.splitlines()[:60])
    return ShownFile(path=path, note=f" (first 60 of {lines} lines)", text=head, language=language, whole=False)
