"""What a feature must reach, one by one, and the tasks that are to bring it."""

from __future__ import annotations

import re
from collections import Counter
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from ..documents.models import Feature, Task
from ..documents.refs import find_files, find_symbols

CriterionKind = Literal["requirement", "criterion", "scenario"]
CoverLink = Literal["cites", "story", "works-on"]
"""How a task stands for a criterion: it cites its id, it belongs to the story of the scenario, or (weak) it works on a
file or name that the criterion gives."""


class Criterion(BaseModel):
    """A requirement, a success criterion or an acceptance scenario of the specification."""

    model_config = ConfigDict(extra="forbid")

    id: str = Field(description="FR-001, SC-002, US1/AS2, Kiro's 1.2; FR-001#2 for an id that is given twice")
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
    path = spec.path.relative_to(feature.root).as_posix() if spec.path.is_relative_to(feature.root) else spec.path.name
    found: list[Criterion] = []
    for kind, items in (("requirement", spec.requirements), ("criterion", spec.criteria)):
        found += [
            Criterion(id=item.id, ref=item.id, kind=kind, text=item.text, path=path, line=item.line)  # type: ignore[arg-type]
            for item in items
        ]
    # Kiro's criteria stand in the specification as scenarios, and are cited by number: one row each is enough.
    known = {item.line for item in spec.requirements}
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
    for item in found:
        seen[item.ref] += 1
        if seen[item.ref] > 1:
            item.id = f"{item.ref}#{seen[item.ref]}"
    return found


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
    if found or criterion.kind == "scenario":
        return found
    names = [name for name in find_symbols(criterion.text) if is_telling(name)]
    paths = find_files(criterion.text)
    return [Cover(task=task.key, link="works-on") for task in feature.tasks.tasks if works_on(task, names, paths)]


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
