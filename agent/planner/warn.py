"""What a person should look at before work starts."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path

from ..documents.models import Feature, Task
from ..documents.suspect import suspicions
from .cover import CriterionKind, covering, criteria
from .depend import Item
from .models import PlanWarning
from .paths import is_protected

_TAKES_AWAY = re.compile(r"^\W*(?:remove|delete|drop|rename|move|clean|retire|replace)\b", re.I)
_LONGEST_DOCUMENT = 500_000
"""Bytes of a document that is looked through for text that speaks to a model."""
_LOOKED_AT = 20_000
"""Files looked at when a ticked task gives a bare file name."""


def plan_warnings(
    feature: Feature, order: Sequence[Item], needs: Mapping[str, Iterable[str]], chosen: set[str] | None
) -> list[PlanWarning]:
    """All warnings: the documents' own first, then the planner's, each once.

    Args:
        feature: The documents.
        order: The planned tasks in order of work.
        needs: What each planned task explicitly depends on.
        chosen: Keys the user selected; None when all are wanted.
    """
    found = [PlanWarning(code=w.code, message=w.message, line=w.line or None) for w in feature.tasks.warnings]
    found += _phantom_ticks(feature)
    found += _overlaps(order)
    found += _unmet(feature, order, needs, chosen)
    found += _protected(order)
    found += _uncovered(feature)
    found += _clarifications(feature)
    found += _checklists(feature)
    found += _suspicious(feature)
    unique: dict[tuple[str, object], PlanWarning] = {}
    for warning in found:
        # The parser and the planner may both have seen it; a line can hold only one of a kind.
        same = (warning.code, warning.line) if warning.line else (warning.code, warning.message)
        unique.setdefault(same if warning.code in _ONE_A_LINE else (warning.code, warning.message), warning)
    return list(unique.values())


_ONE_A_LINE = frozenset({"phantom-tick", "open-clarification"})


class _Tree:
    """Looks for files; walks the repository only for a bare name that is not where it was expected."""

    def __init__(self, feature: Feature) -> None:
        self.root, self.directory = feature.root, feature.directory

    def has(self, path: str) -> bool:
        if any((base / path).exists() for base in (self.root, self.directory)):
            return True
        return "/" not in path.rstrip("/") and path.rstrip("/") in self.names

    @cached_property
    def names(self) -> set[str]:
        names: set[str] = set()
        for _, folders, files in os.walk(self.root):
            folders[:] = [name for name in folders if not name.startswith(".") and name not in ("node_modules", "venv")]
            names.update(folders, files)
            if len(names) > _LOOKED_AT:
                break
        return names


def _phantom_ticks(feature: Feature) -> list[PlanWarning]:
    tree = _Tree(feature)
    found = []
    for task in feature.tasks.tasks:
        paths = [path for path in task.files if not re.search(r"[*?{}<>\[\]]", path)]
        if task.state != "done" or not paths or _TAKES_AWAY.match(task.title):
            continue
        if not any(tree.has(path) for path in paths):
            which = paths[0] if len(paths) == 1 else f"none of {', '.join(paths)}"
            verb = "does not exist" if len(paths) == 1 else "exists"
            message = f"{task.key} is ticked, but {which} {verb}"
            found.append(PlanWarning(code="phantom-tick", message=message, line=task.line or None))
    return found


def _overlaps(order: Sequence[Item]) -> list[PlanWarning]:
    found = []
    first: dict[tuple[str | None, str], list[Task]] = {}
    for item in sorted(order, key=lambda item: item.index):
        if not item.task.parallel:
            continue
        for path in item.task.files:
            if not is_protected(path):
                first.setdefault((item.task.phase, path), []).append(item.task)
    for (_, path), tasks in first.items():
        if len(tasks) > 1:
            pair = len(tasks) == 2
            keys = (" and " if pair else ", ").join(task.key for task in tasks)
            name = "both" if pair else "all"
            found.append(
                PlanWarning(
                    code="overlapping-parallel",
                    message=f"{keys} are marked [P] but {name} name {path}; they run one after the other",
                    line=tasks[1].line or None,
                )
            )
    return found


def _unmet(
    feature: Feature, order: Sequence[Item], needs: Mapping[str, Iterable[str]], chosen: set[str] | None
) -> list[PlanWarning]:
    """Dependencies that this plan does not carry out although they are open."""
    planned = {item.task.key for item in order}
    by_key = {task.key: task for task in feature.tasks.tasks}
    found = []
    for item in order:
        for need in needs.get(item.task.key, ()):
            other = by_key[need]
            if need in planned or other.state == "done":
                continue
            state = "deferred" if other.state == "deferred" else "not selected"
            if chosen is None and other.optional:
                state = "optional"
            message = f"{item.task.key} depends on {need}, which is open but {state}"
            found.append(PlanWarning(code="unmet-dependency", message=message, line=item.task.line or None))
    if chosen is not None and any(item.stories for item in order):
        # By phase, as the planner itself sees it, a story rests on its foundations.
        kinds = {phase.title: phase.kind for phase in feature.tasks.phases}
        open_foundations = [
            task
            for task in feature.tasks.tasks
            if kinds.get(task.phase or "") == "foundational"
            and task.state in ("open", "in_progress")
            and task.key not in planned
            and not task.optional
        ]
        if open_foundations:
            keys = ", ".join(task.key for task in open_foundations[:5])
            more = f" and {len(open_foundations) - 5} more" if len(open_foundations) > 5 else ""
            message = f"foundational tasks are open but not selected: {keys}{more}"
            line = open_foundations[0].line or None
            found.append(PlanWarning(code="unmet-dependency", message=message, line=line))
    if chosen is not None:
        for key in sorted(chosen):
            if by_key[key].state in ("done", "deferred"):
                word = "ticked" if by_key[key].state == "done" else "deferred"
                message = f"{key} was selected but is already {word}" if word == "ticked" else f"{key} is deferred"
                found.append(PlanWarning(code="selected-not-open", message=message, line=by_key[key].line or None))
    return found


def _protected(order: Sequence[Item]) -> list[PlanWarning]:
    found = []
    for item in order:
        files = item.task.files
        if (
            files
            and all(is_protected(path) for path in files)
            and not re.match(r"\W*(?:run|verify|validate|check|review)", item.task.title, re.I)
        ):
            message = f"{item.task.key} names only {', '.join(files)}, and kfpilot never writes the feature's documents"
            found.append(PlanWarning(code="protected-file", message=message, line=item.task.line or None))
    return found


def _uncovered(feature: Feature) -> list[PlanWarning]:
    """Requirements, success criteria and scenarios that no task stands for: nothing will ever show them."""
    if feature.spec is None:
        return []
    spec, found = feature.spec.path.name, []
    for kind, code, name in _CITED:
        items = [item for item in criteria(feature) if item.kind == kind]
        left = [item for item in items if all(cover.link == "works-on" for cover in covering(item, feature))]
        if left and len(left) == len(items) and len(items) > 1:
            message = f"no task cites {name}, so the {len(items)} of {spec} cannot be traced"
            found.append(PlanWarning(code=code, message=message, line=left[0].line or None))
            continue
        for item in left:
            message = f"{spec}: no task cites {item.ref}: {_short(item.text)}"
            found.append(PlanWarning(code=code, message=message, line=item.line or None))
    scenarios = [item for item in criteria(feature) if item.kind == "scenario"]
    lost = [item for item in scenarios if not covering(item, feature)]
    for story in dict.fromkeys(item.story for item in lost):
        of_story = [item for item in lost if item.story == story]
        message = f"{spec}: no task belongs to {story} or cites {', '.join(item.ref for item in of_story)}"
        found.append(PlanWarning(code="scenario-without-task", message=message, line=of_story[0].line or None))
    return found


_CITED: tuple[tuple[CriterionKind, str, str], ...] = (
    ("requirement", "requirement-without-task", "a requirement"),
    ("criterion", "criterion-without-task", "a success criterion"),
)


def _clarifications(feature: Feature) -> list[PlanWarning]:
    return [
        PlanWarning(
            code="open-clarification",
            message=f"{feature.spec.path.name}: still to be clarified: {_short(note.text)}",
            line=note.line or None,
        )
        for note in (feature.spec.clarifications if feature.spec else [])
        if feature.spec
    ]


def _suspicious(feature: Feature) -> list[PlanWarning]:
    paths = [feature.tasks.path, *(item.path for item in (feature.spec, feature.plan) if item), feature.constitution]
    found = []
    for path in [*paths, *feature.extras.values()]:
        if path is None or not path.is_file() or path.stat().st_size > _LONGEST_DOCUMENT:
            continue
        for item in suspicions(path.read_bytes().decode("utf-8", "replace")):
            message = f"{path.name}: reads as if meant for a model ({item.what}): {item.text}"
            found.append(PlanWarning(code="suspicious-text", message=message, line=item.line))
    return found


def _checklists(feature: Feature) -> list[PlanWarning]:
    return [
        PlanWarning(
            code="unticked-checklist",
            message=f"checklists/{Path(checklist.path).name}: {len(checklist.open)} of "
            f"{checklist.done + len(checklist.open)} items are not ticked",
            line=checklist.open[0].line or None,
        )
        for checklist in feature.checklists
        if checklist.open
    ]


def _short(text: str, limit: int = 100) -> str:
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 1] + "…"
