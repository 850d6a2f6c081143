"""A feature's documents, read together."""

from __future__ import annotations

import os
import re
from pathlib import Path

from ..errors import UserError
from .deltas import read_deltas
from .lines import read_bytes, scan
from .models import Checklist, Feature, Note, Spec, Task, Warn
from .plan import parse_plan
from .resolve import layout_of, list_features
from .spec import parse_spec
from .spelled import spell_out
from .steering import steering_of
from .tasks import parse_tasks

_BOX = re.compile(r"^[ \t]*(?:[-*+]|\d+[.)])[ \t]+\[([ xX~/-])\][ \t]+(.*)$")
_CONSTITUTIONS = (".specify/memory/constitution.md", "memory/constitution.md", "openspec/project.md")
SETTINGS = "openspec/config.yaml"
_MISSING = {
    "spec": "its tasks are worked without acceptance scenarios and requirements",
    "plan": "its tasks are worked without the technical context",
}


def load_feature(directory: Path, root: Path) -> Feature:
    """Reads all documents of a feature.

    A missing spec or plan is a warning in `tasks.warnings` (`missing-spec`, `missing-plan`).

    Args:
        directory: The feature's folder.
        root: The repository.

    Raises:
        UserError: No such folder, no document in it, no tasks.md, or a document that cannot be worked.
    """
    root, directory = root.resolve(), directory.resolve()
    if not directory.is_dir():
        others = ", ".join(feature.name for feature in list_features(root)[:20])
        raise UserError(
            "The feature's folder does not exist.",
            where=directory,
            mend=f"Features here: {others}." if others else "There is no feature in this repository.",
        )
    dialect, (spec_name, plan_name, tasks_name) = layout_of(directory)
    spec_path, plan_path, tasks_path = directory / spec_name, directory / plan_name, directory / tasks_name
    if not tasks_path.is_file():
        present = [path.name for path in (spec_path, plan_path) if path.is_file()]
        what = f"The feature has no {tasks_name}" + (
            f" (only {' and '.join(present)})." if present else " and no spec."
        )
        hints = {"spec-kit": "Create it, for example with /speckit.tasks.", "kiro": "Let Kiro write it, or create it."}
        raise UserError(what, where=directory, mend=hints.get(dialect, "Create it, or name another feature."))
    tasks = parse_tasks(tasks_path, root)
    spec = parse_spec(spec_path) if spec_path.is_file() else None
    if dialect == "openspec":
        spec = _with_deltas(spec, directory, spec_path)
    plan = parse_plan(plan_path) if plan_path.is_file() else None
    for name, path, found in (("spec", spec_path, spec), ("plan", plan_path, plan)):
        if found is None:
            message = f"There is no {path.name}: {_MISSING[name]}."
            tasks.warnings.append(Warn(code=f"missing-{name}", message=message, path=path))
    for task in tasks.tasks:
        _drop_own_documents(task, directory, root)
    spell_out(tasks.tasks, plan.paths if plan else (), root)
    if spec:
        _give_stories(tasks.tasks, spec)
    return Feature(
        name=directory.name,
        root=root,
        directory=directory,
        dialect=tasks.dialect if dialect == "spec-kit" else dialect,
        spec=spec,
        plan=plan,
        tasks=tasks,
        constitution=next((root / name for name in _CONSTITUTIONS if (root / name).is_file()), None),
        steering=steering_of(root) if dialect == "kiro" else [],
        extras=_extras(directory, root),
        checklists=[_read_checklist(path) for path in _markdown_below(directory / "checklists")],
    )


def _with_deltas(spec: Spec | None, directory: Path, path: Path) -> Spec | None:
    """The proposal with the requirements of the deltas.

    One that the proposal has itself, by its id or as a user story, is not doubled.
    """
    found = read_deltas([file for file in _files_below(directory / "specs") if file.name == "spec.md"])
    if not found:
        return spec
    spec = spec or Spec(path=path)
    known = {item.id for item in spec.requirements}
    told = {story.title for story in spec.stories}
    spec.requirements += [item for item in found if item.id not in told and item.id.split(" ", 1)[0] not in known]
    return spec


def _drop_own_documents(task: Task, directory: Path, root: Path) -> None:
    """`contracts/orders.yaml` beside the spec is what a task reads, not a file of the repository that it writes."""
    task.files = [name for name in task.files if (root / name).exists() or not (directory / name).exists()]


def _give_stories(tasks: list[Task], spec: Spec) -> None:
    """Kiro's tasks say which criteria they are for (`1.2`), and by that which requirement: its user story."""
    known = {story.key for story in spec.stories}
    for task in tasks:
        keys = [f"US{ref.partition('.')[0]}" for ref in task.refs if re.fullmatch(r"\d+(?:\.\d+)*", ref)]
        if not task.stories:
            task.stories = [key for key in dict.fromkeys(keys) if key in known]


def _extras(directory: Path, root: Path) -> dict[str, Path]:
    extras: dict[str, Path] = {}
    for name in ("research", "data-model", "quickstart"):
        path = directory / f"{name}.md"
        if path.is_file():
            extras[name] = path
    # OpenSpec keeps the requirements of a change in specs/<capability>/spec.md.
    for folder in ("contracts", "specs"):
        for path in _files_below(directory / folder):
            extras[path.relative_to(directory).as_posix()] = path
    if "openspec" in directory.relative_to(root).parts[:1] and (root / SETTINGS).is_file():
        extras[SETTINGS] = root / SETTINGS
    steering = root / ".kiro" / "steering"
    if ".kiro" in directory.parts and steering.is_dir():
        for path in _markdown_below(steering):
            extras[f"steering/{path.name}"] = path
    return extras


def _files_below(folder: Path) -> list[Path]:
    found: list[Path] = []
    for current, folders, files in os.walk(folder):
        folders.sort()
        found += [Path(current) / name for name in sorted(files) if not name.startswith(".")]
    return found


def _markdown_below(folder: Path) -> list[Path]:
    return [path for path in _files_below(folder) if path.suffix == ".md"]


def _read_checklist(path: Path) -> Checklist:
    checklist = Checklist(path=path)
    for line in scan(read_bytes(path), path).lines:
        match = None if line.hidden else _BOX.match(line.text)
        if match is None:
            continue
        if match[1] in "xX":
            checklist.done += 1
        else:
            checklist.open.append(Note(line=line.number, text=match[2].strip()))
    return checklist
