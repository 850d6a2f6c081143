"""What a feature must reach, one by one, and the tasks that are to bring it."""

from __future__ import annotations

import math
import re
from collections import Counter
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from ..documents.models import Feature, Task
from ..documents.refs import find_files, find_symbols

CriterionKind = Literal["requirement", "criterion", "scenario"]
CoverLink = Literal["cites", "story", "works-on"]
"""How a task stands for a criterion: it cites its id, it belongs to the story of the scenario, or (weak) it works on a
file or name that the criterion gives."""


NEAR_BEST = 0.5
"""A task stands for a scenario of no story if its words tell this part of what those of the best one tell."""


class Criterion(BaseModel):
    """A requirement, a success criterion or an acceptance scenario of the specification."""

    model_config = ConfigDict(extra="forbid")

    id: str = Field(
        description="FR-001, SC-002, US1/AS2, Kiro's 1.2, OpenSpec's titles; FR-001#2 for an id that is given twice"
    )
    ref: str = Field(description="The id as tasks and tests cite it")
    kind: CriterionKind
    text: str
    path: str = Field(description="The specification, relative to the repository")
    line: int = 0
    story: str | None = None


class Cover(BaseModel):
    """A task that stands for a criterion."""

    model_config = ConfigDict(extra="forbid")

    task: str
    link: CoverLink


def criteria(feature: Feature) -> list[Criterion]:
    """Every requirement, success criterion and scenario of a feature, in this order."""
    spec = feature.spec
    if spec is None:
        return []
    path = _told(spec.path, feature)
    found: list[Criterion] = []
    for kind, items in (("requirement", spec.requirements), ("criterion", spec.criteria)):
        found += [
            Criterion(
                id=item.id, ref=item.id, kind=kind, text=item.text, line=item.line,  # type: ignore[arg-type]
                path=_told(item.path, feature) if item.path else path,
            )
            for item in items
            if not item.scenarios and item.kind != "REMOVED"
        ]  # fmt: skip
    # What OpenSpec's requirements demand is spelled out in their scenarios: a row each.
    for item in spec.requirements:
        where = _told(item.path, feature) if item.path else path
        for scenario in item.scenarios if item.kind != "REMOVED" else ():
            ref = f"{item.id}: {scenario.title}"
            found.append(
                Criterion(id=ref, ref=ref, kind="scenario", text=scenario.text, path=where, line=scenario.line)
            )
    # Kiro's criteria stand in the specification as scenarios, and are cited by number: one row each is enough.
    known = {item.line for item in spec.requirements if item.path is None}
    for story in spec.stories:
        for scenario in story.scenarios:
            if scenario.line not in known:
                ref = f"{story.key}/AS{scenario.number}"
                found.append(
                    Criterion(
                        id=ref, ref=ref, kind="scenario", text=scenario.text, path=path, line=scenario.line,
                        story=story.key,
                    )
                )  # fmt: skip
    seen: Counter[str] = Counter()
    for row in found:
        seen[row.ref] += 1
        if seen[row.ref] > 1:
            row.id = f"{row.ref}#{seen[row.ref]}"
    return found


def _told(path: Path, feature: Feature) -> str:
    return path.relative_to(feature.root).as_posix() if path.is_relative_to(feature.root) else path.name


def stories_of(task: Task, feature: Feature) -> list[str]:
    """The stories a task is tagged with, else the story of its phase."""
    if task.stories:
        return list(task.stories)
    for phase in feature.tasks.phases:
        if task.phase is not None and phase.title == task.phase:
            return phase.stories[:1]
    return []


def covering(criterion: Criterion, feature: Feature) -> list[Cover]:
    """The tasks that stand for a criterion, in the order of tasks.md; weak ones only when there is no other."""
    found: list[Cover] = []
    for task in feature.tasks.tasks:
        if any(cites(ref, criterion.ref) for ref in task.refs):
            found.append(Cover(task=task.key, link="cites"))
        elif criterion.story and criterion.story in stories_of(task, feature):
            found.append(Cover(task=task.key, link="story"))
    if not found and criterion.kind == "scenario" and criterion.story is None:
        return [Cover(task=task.key, link="story") for task in _speaking_of(criterion, feature)]
    if found or criterion.kind == "scenario":
        return found
    names = [name for name in find_symbols(criterion.text) if is_telling(name)]
    paths = find_files(criterion.text)
    return [Cover(task=task.key, link="works-on") for task in feature.tasks.tasks if works_on(task, names, paths)]


def _speaking_of(criterion: Criterion, feature: Feature) -> list[Task]:
    """The tasks that have most words of a scenario without a story; all of them where none has two.

    An OpenSpec change is one piece of work, and its tasks cite nothing.
    """
    words = long_words(f"{criterion.id} {criterion.text}")
    tasks = feature.tasks.tasks
    said = [long_words(" ".join([task.title, *task.details])) & words for task in tasks]
    usual = Counter(word for have in said for word in have)
    # A word of every task tells nothing, one of a single task much.
    score = [sum(math.log((1 + len(tasks)) / usual[word]) for word in sorted(have)) for have in said]
    near = [task for task, worth, have in zip(tasks, score, said, strict=True)
            if len(have) > 1 and worth >= NEAR_BEST * max(score)]  # fmt: skip
    return near or list(tasks)


def long_words(text: str) -> set[str]:
    """The words of a text that say something, in one form for singular and plural."""
    return {word.removesuffix("s") for word in re.findall(r"[a-z]{4,}", text.lower())}


def cites(ref: str, criterion: str) -> bool:
    """Whether a reference means a criterion: FR-001c is a part of FR-001."""
    name = criterion.upper()
    return ref.upper() == name or bool(re.fullmatch(re.escape(name) + r"[A-Z]", ref.upper()))


def works_on(task: Task, names: list[str], paths: list[str]) -> bool:
    """Whether a task gives one of some names of code, or names one of some files."""
    told = {re.split(r"\W", symbol)[0] for symbol in task.symbols} | set(task.symbols)
    return any(name in told for name in names) or any(path in task.files for path in paths)


def is_telling(name: str) -> bool:
    """`load_orders` and `LoadOrders` mean one thing; `status` may be anybody's."""
    return "_" in name.strip("_") or "." in name or bool(re.search(r"[a-z][A-Z]", name))
