"""The deterministic plan: the same documents and selection give the same waves, always."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..documents.models import Feature, Phase, Task
from .checkpoints import GATES as CHECKPOINT_GATES
from .checkpoints import is_checkpoint
from .classify import classify, gates_for, written_files
from .depend import Edges, Item, code_first, explicit, find_edges, ordered, reduce
from .designed import designed_files
from .groups import is_group, members, why_group
from .models import ROLES, ExecutionPlan, PlannedTask, Skipped
from .names import story_priorities
from .selection import Selection, choose
from .warn import plan_warnings

NO_PRIORITY = 99.0


def build_plan(feature: Feature, selection: Selection | None = None, *, tests_last: bool = False) -> ExecutionPlan:
    """Waves of open tasks, what is left out, and what a person should look at before work starts.

    Args:
        feature: The documents.
        selection: Tasks and stories the user wants; None or an empty one wants all.
        tests_last: Tests that stand before the code they name come behind it, unless a task says that it needs them.

    Raises:
        UserError: A selected or needed task does not exist, or dependencies go round in a circle.
    """
    chosen = choose(feature, selection)
    items, skipped = [], []
    phases = _Phases(feature)
    for index, task in enumerate(feature.tasks.tasks):
        why = _why_skipped(task, feature, chosen, selection)
        if why:
            skipped.append(Skipped(id=task.key, why=why))
            continue
        items.append(_item(task, index, feature, phases))
    needs = explicit(items, feature)
    order = ordered(items, needs, feature)
    if tests_last:
        order = code_first(order, needs, feature)
    edges = find_edges(order, needs, feature)
    depends_on = reduce(edges, order)
    scenarios = scenario_refs(feature)
    planned = {
        item.task.key: PlannedTask(
            id=item.task.key,
            title=item.task.title,
            role=item.roles[0],
            also=list(item.roles[1:]),
            story=item.stories[0] if item.stories else None,
            priority=_priority_text(item.stories, phases),
            files=list(item.task.files) or designed_files(item.task, item.roles, feature),
            depends_on=depends_on[item.task.key],
            gates=[*CHECKPOINT_GATES] if is_checkpoint(item.task) else gates_for(item.roles, item.written),
            refs=list(item.task.refs) or [ref for story in item.stories for ref in scenarios.get(story, ())],
            line=item.task.line,
        )
        for item in order
    }
    waves = [[planned[item.task.key] for item in wave] for wave in make_waves(order, edges)]
    warnings = plan_warnings(feature, order, needs, chosen)
    return ExecutionPlan(feature=feature.name, waves=waves, skipped=skipped, warnings=warnings)


def dependencies(plan: ExecutionPlan, feature: Feature) -> Edges:
    """The dependencies of a plan's tasks with their reasons."""
    phases = _Phases(feature)
    wanted = {task.id for task in plan.tasks}
    items = [_item(task, i, feature, phases) for i, task in enumerate(feature.tasks.tasks) if task.key in wanted]
    needs = explicit(items, feature)
    return find_edges(ordered(items, needs, feature), needs, feature)


def _item(task: Task, index: int, feature: Feature, phases: _Phases) -> Item:
    phase = phases.of(task)
    stories = tuple(task.stories or (phase.stories[:1] if phase else ()))
    return Item(
        task=task,
        index=index,
        roles=("tests",) if is_checkpoint(task) else tuple(classify(task, feature)),
        written=tuple(written_files(task)),
        phase=phase,
        stories=stories,
        rank=phases.rank(task, index, phase, stories),
    )


def _why_skipped(task: Task, feature: Feature, chosen: set[str] | None, selection: Selection | None) -> str | None:
    if task.state == "done":
        return "already ticked"
    if task.state == "deferred":
        return "deferred"
    if selection and any(task in [other, *members(other, feature)] for other in _excluded(feature, selection)):
        return "left out on request"
    if chosen is not None and task.key not in chosen:
        return "not selected"
    if is_group(task, feature):
        return why_group(task, feature)
    return "optional" if chosen is None and task.optional else None


def _excluded(feature: Feature, selection: Selection) -> list[Task]:
    return [task for task in feature.tasks.tasks if task.key in selection.exclude]


def scenario_refs(feature: Feature) -> dict[str, list[str]]:
    """Acceptance references by story: US1 -> US1/AS1, US1/AS2."""
    stories = feature.spec.stories if feature.spec else []
    return {story.key: [f"{story.key}/AS{scenario.number}" for scenario in story.scenarios] for story in stories}


def _number(priority: str | None) -> float:
    digits = re.search(r"\d+", priority or "")
    return float(digits[0]) if digits else NO_PRIORITY


def _priority_text(stories: Sequence[str], phases: _Phases) -> str | None:
    known = [phases.priorities[story] for story in stories if story in phases.priorities]
    return min(known, key=_number) if known else None


class _Phases:
    """Where a task stands in the order of work, by its phase and story."""

    def __init__(self, feature: Feature) -> None:
        self.phases = feature.tasks.phases
        self.priorities = story_priorities(feature)
        self.places = {id(phase): place for place, phase in enumerate(self.phases)}
        story = [place for place, phase in enumerate(self.phases) if self._is_story(phase)]
        self.first_story: int | None = story[0] if story else None
        self.last_story: int | None = story[-1] if story else None
        self.dialect = feature.dialect

    @staticmethod
    def _is_story(phase: Phase) -> bool:
        return phase.kind == "story" or (phase.kind == "other" and bool(phase.stories))

    def of(self, task: Task) -> Phase | None:
        """The phase of a task: by heading, else by number, else the last one above it."""
        for phase in self.phases:
            if task.phase is not None and phase.title == task.phase:
                return phase
        for phase in self.phases:
            if task.phase_number is not None and phase.number == task.phase_number:
                return phase
        above = [phase for phase in self.phases if 0 < phase.line <= task.line]
        return above[-1] if above else None

    def rank(self, task: Task, index: int, phase: Phase | None, stories: Sequence[str]) -> tuple[float, ...]:
        """Sorts setup, foundational, stories by priority, polish; phases of other kinds stay where they stand."""
        priority = min((_number(self.priorities.get(story)) for story in stories), default=NO_PRIORITY)
        if phase is None:
            # Without phases and stories the file's order is all that is said about the order of work.
            number = re.match(r"\d+", task.id or "")
            if self.dialect == "kiro" and number:
                return (2.0, priority, float(number[0]))
            return (2.0, priority, float(index) if self.dialect == "headings" and not task.parallel else 0.0)
        fixed = {"setup": 0.0, "foundational": 1.0, "polish": 3.0, "convergence": 4.0}.get(phase.kind)
        if fixed is not None:
            return (fixed, 0.0, 0.0)
        place = self.places[id(phase)]
        if self._is_story(phase) or (stories and self.first_story is not None):
            return (2.0, priority, 0.0)
        if self.first_story is None or self.last_story is None:
            return (2.0, float(place), priority)
        if place < self.first_story:
            return (1.5, float(place), priority)
        return (2.5 if place > self.last_story else 2.0, float(place) if place > self.last_story else priority, 0.0)


def make_waves(order: Sequence[Item], edges: Edges) -> list[list[Item]]:
    """Waves in which no task needs, or shares a file with, another of its wave.

    Ranks keep phases and priorities apart. A task that one of better rank needs is drawn forward with it.
    """
    before: dict[str, set[str]] = {key: edges.soft[key] | set(edges.hard[key]) for key in edges.hard}
    rank = {item.task.key: item.rank for item in order}
    for item in reversed(order):
        for other in edges.hard[item.task.key]:
            rank[other] = min(rank[other], rank[item.task.key])
    wave_of: dict[str, int] = {}
    waves: list[list[Item]] = []
    left = list(order)
    while left:
        ready = [item for item in left if all(other in wave_of for other in before[item.task.key])]
        best = min(rank[item.task.key] for item in ready)
        wave = sorted((item for item in ready if rank[item.task.key] == best), key=_in_wave)
        for item in wave:
            wave_of[item.task.key] = len(waves)
        waves.append(wave)
        left = [item for item in left if item.task.key not in wave_of]
    return waves


def _in_wave(item: Item) -> tuple[object, ...]:
    return (item.rank, ROLES.index(item.roles[0]), item.task.line, item.index)
