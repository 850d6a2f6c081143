"""Which task needs which: what the documents say, and what the files and names in them show."""

from __future__ import annotations

import difflib
import heapq
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Literal

from ..documents.models import Feature, Phase, Task
from ..errors import UserError
from .checkpoints import wait_at_checkpoints
from .groups import members
from .models import Role
from .paths import is_protected, role_of_path

Reason = Literal["explicit", "same-file", "foundational", "creates", "checkpoint"]

NOT_CREATING = re.compile(
    r"^\W*(?:update|modify|extend|fix|refactor|wire|use|call|document|describe|change|rename|remove|delete|verify|check|run|test|"
    r"validate|register|connect|integrate|replace|move|bump|pin|review|optimi[sz]e|improve|clean|pass|expose|enhance|adapt)\b",
    re.I,
)
# Names that many tasks give without meaning one thing that a task creates.
COMMON = frozenset(
    """
    int str float bool list dict none true false dsl kfp component pipeline components pipelines pandas
    numpy pytest main input output dataset model metrics artifact markdown html classificationmetrics
    namedtuple inputpath outputpath optional any path import self args kwargs __init__ __main__ utils
    config settings types conftest python pip src tests docs dataframe container_component
    python_component base_image packages_to_install parallelfor exithandler collected readme makefile
    dockerfile pyproject requirements json yaml csv
    """.split()  # noqa: SIM905 - a list of words reads best as words
)


@dataclass(frozen=True)
class Item:
    """An open task with what the planner has found out about it."""

    task: Task
    index: int
    roles: tuple[Role, ...]
    written: tuple[str, ...]
    phase: Phase | None
    stories: tuple[str, ...]
    rank: tuple[float, ...] = ()


@dataclass
class Edges:
    """`hard[a][b]` says why a cannot be done without b; `soft[a]` only come before a."""

    hard: dict[str, dict[str, Reason]] = field(default_factory=dict)
    soft: dict[str, set[str]] = field(default_factory=dict)

    def need(self, task: str, other: str, reason: Reason) -> None:
        """A hard dependency; the first reason stays, explicit ones come first."""
        self.hard[task].setdefault(other, reason)


def id_key(key: str) -> str:
    """Ids that mean the same get the same text: T3, t003 and T003; 1.2 stays 1.2."""
    return re.sub(r"0*(\d+)", r"\1", key.strip().lower())


def by_id(tasks: Iterable[Task]) -> dict[str, list[Task]]:
    """Tasks by every way to name them."""
    names: dict[str, list[Task]] = {}
    for task in tasks:
        for name in {id_key(task.key), id_key(task.id or task.key)}:
            names.setdefault(name, []).append(task)
    return names


def near_ids(name: str, feature: Feature, count: int = 3) -> str:
    """The ids a user may have meant, as text."""
    keys = [task.key for task in feature.tasks.tasks]
    near = difflib.get_close_matches(name.upper(), keys, n=count, cutoff=0.5) or keys[:count]
    return ", ".join(near)


def explicit(items: Sequence[Item], feature: Feature) -> dict[str, list[str]]:
    """What each open task says it depends on, as keys of tasks in any state.

    A story (US1) or a phase (Phase 2) stands for its tasks that come before.

    Raises:
        UserError: An id that no task has.
    """
    names = by_id(feature.tasks.tasks)
    place = {task.key: number for number, task in enumerate(feature.tasks.tasks)}
    planned = {item.task.key for item in items}
    found: dict[str, list[str]] = {}
    for item in items:
        keys: list[str] = []
        for name in item.task.depends_on:
            targets = names.get(id_key(name)) or _group(name, item.task, feature)
            if targets is None:
                raise UserError(
                    f"{item.task.key} depends on {name}, but no task has that id",
                    where=feature.tasks.path,
                    line=item.task.line or None,
                    mend=f"Name one that exists (near: {near_ids(name, feature)}) or take the dependency out.",
                )
            # Of several tasks with one id, those above are meant; a later one only where none is above.
            above = [target for target in targets if place[target.key] < place[item.task.key]]
            # A group is done when its sub-tasks are; one of them cannot wait for itself.
            for target in above or targets[:1]:
                if target.optional and target.key in item.task.children and target.key not in planned:
                    # What may be left out is nothing to wait for.
                    continue
                meant = [member.key for member in members(target, feature)]
                keys += [] if item.task.key in meant else meant
        found[item.task.key] = list(dict.fromkeys(keys))
    return found


def _group(name: str, task: Task, feature: Feature) -> list[Task] | None:
    """The tasks of a story or phase that stand before a task; None when the name is neither."""
    before = feature.tasks.tasks[: next(i for i, t in enumerate(feature.tasks.tasks) if t.key == task.key)]
    if re.fullmatch(r"US\d+(\.\d+)?", name, re.I):
        known = any(name.upper() in (s.upper() for s in t.stories) for t in feature.tasks.tasks)
        return [t for t in before if name.upper() in (s.upper() for s in t.stories)] if known else None
    phase = re.fullmatch(r"phase\s*(\d+(?:\.\d+)?)", name, re.I)
    if phase:
        return [t for t in before if t.phase_number == float(phase[1]) and t.phase_number != task.phase_number]
    return None


def ordered(items: Sequence[Item], needs: Mapping[str, Iterable[str]], feature: Feature) -> list[Item]:
    """Setup and foundational tasks first, else as in the file, but a task after those it explicitly depends on.

    Raises:
        UserError: The dependencies go round in a circle.
    """
    known = {item.task.key: item for item in items}
    blocks: dict[str, list[str]] = {key: [] for key in known}
    missing = dict.fromkeys(known, 0)
    for key in known:
        for need in needs.get(key, ()):
            if need in known:
                blocks[need].append(key)
                missing[key] += 1

    def place(key: str) -> tuple[int, int, str]:
        phase = known[key].phase
        return (0 if phase and phase.kind in ("setup", "foundational") else 1, known[key].index, key)

    heap = [place(key) for key in known if not missing[key]]
    heapq.heapify(heap)
    order: list[Item] = []
    while heap:
        key = heapq.heappop(heap)[2]
        order.append(known[key])
        for other in blocks[key]:
            missing[other] -= 1
            if not missing[other]:
                heapq.heappush(heap, place(other))
    if len(order) < len(known):
        circle = _circle({key: [n for n in needs.get(key, ()) if missing.get(n)] for key in known if missing[key]})
        raise UserError(
            f"the dependencies go round in a circle: {' -> '.join(circle)}",
            where=feature.tasks.path,
            line=known[circle[0]].task.line or None,
            mend="Take one of these dependencies out.",
        )
    return order


def _circle(graph: Mapping[str, Sequence[str]]) -> list[str]:
    """A circle of a graph in which every node leads on: a -> b means a depends on b."""
    seen: list[str] = []
    node = next(iter(graph))
    while node not in seen:
        seen.append(node)
        node = graph[node][0]
    return [*seen[seen.index(node) :], node]


def find_edges(order: Sequence[Item], needs: Mapping[str, Iterable[str]], feature: Feature) -> Edges:
    """All dependencies among the planned tasks. They only point backwards in `order`, so they form no circle."""
    edges = Edges({item.task.key: {} for item in order}, {item.task.key: set() for item in order})
    position = {item.task.key: place for place, item in enumerate(order)}
    for item in order:
        for need in needs.get(item.task.key, ()):
            if need in position:
                edges.need(item.task.key, need, "explicit")
    _same_file(order, edges)
    _creators(order, feature, edges)
    _tests_of_a_group(order, feature, edges)
    _foundations(order, edges)
    _unlinked(order, edges)
    _wiring(order, edges)
    wait_at_checkpoints(order, edges)
    return edges


def _same_file(order: Sequence[Item], edges: Edges) -> None:
    """A file that an earlier task writes is needed; one that it only refers to just keeps the two apart."""
    seen: dict[str, list[Item]] = {}
    for item in order:
        for path in item.task.files:
            if is_protected(path):
                continue
            for other in seen.get(path, ()):
                if path in other.written:
                    edges.need(item.task.key, other.task.key, "same-file")
                else:
                    edges.soft[item.task.key].add(other.task.key)
            seen.setdefault(path, []).append(item)


def _bare(symbol: str) -> str:
    """`pkg.late_orders(days: int)` -> late_orders."""
    match = re.match(r"[\w.]+", symbol.strip().lstrip("@"))
    return match[0].rstrip(".").rsplit(".", 1)[-1] if match else ""


def _distinct(name: str) -> bool:
    """Whether a name is a code name even where it stands without backticks: snake_case or CamelCase."""
    return "_" in name.strip("_") or bool(re.search(r"[a-z][A-Z]", name))


_PIPELINE = re.compile(r"(?:^|[\W_])(?:pipelines?|flows?|workflows?)(?:[\W_]|$)", re.I)
_NOUN = (
    r"(?:components?|functions?|class(?:es)?|pipelines?|methods?|helpers?|modules?|models?|constants?|parameters?|arguments?"
    r"|options?|flags?|schemas?|types?|steps?|endpoints?|services?|interfaces?|protocols?|enums?|artifacts?|commands?)"
)
_NAMED = re.compile(rf"\b{_NOUN}\s+`([\w.]+)|`([\w.]+)\(|`([\w.]+)(?:\([^`]*\))?`\s+(?:\w+\s+)?{_NOUN}\b", re.I)


def _provides(task: Task, written: Iterable[str]) -> set[str]:
    """The names that a task brings into being, if its words do not say that they exist already.

    Those are its modules and what it calls a component, function, parameter … Other names in backticks are mostly
    inputs and columns, which many tasks share; they count only when there is nothing better.
    """
    if NOT_CREATING.match(task.title):
        return set()
    names = {PurePosixPath(path).stem for path in written if role_of_path(path) == "code" and path.endswith(".py")}
    names |= {_bare(next(filter(None, match.groups()))) for match in _NAMED.finditer(task.title)}
    names = {name for name in names if len(name) > 2 and name.lower() not in COMMON}
    if names:
        return names
    return {bare for bare in map(_bare, task.symbols) if _distinct(bare) and bare.lower() not in COMMON}


def _mentions(task: Task) -> set[str]:
    """The code names that a task gives: in backticks, or plain when they can be nothing else, or by a test's name."""
    words = re.findall(r"[A-Za-z_]\w*", " ".join([task.title, *task.details]))
    names = {word for word in words if _distinct(word)} | {_bare(symbol) for symbol in task.symbols}
    for path in task.files:
        # Two code files of one name in different folders have nothing to do with each other.
        if role_of_path(path) != "code":
            names.add(re.sub(r"^test_|_tests?$", "", PurePosixPath(path).stem))
    return names


def _makers(order: Sequence[Item], feature: Feature) -> dict[str, list[str]]:
    """The planned tasks, besides itself, that create what a task names."""
    creator: dict[str, str] = {}
    open_items = {item.task.key: item for item in order}
    for task in feature.tasks.tasks:
        item = open_items.get(task.key)
        if item and item.roles[0] in ("tests", "docs"):
            continue
        # Who is not planned (done, deferred) still counts as the creator, so that nobody else does.
        for name in _provides(task, item.written if item else task.files):
            creator.setdefault(name, task.key)
    return {
        key: [
            maker
            for name in sorted(_mentions(item.task))
            if (maker := creator.get(name)) is not None and maker in open_items and maker != key
        ]
        for key, item in open_items.items()
    }


def code_first(order: Sequence[Item], needs: Mapping[str, Iterable[str]], feature: Feature) -> list[Item]:
    """The same order with tests that were written first behind the code they name, unless a task says it needs them."""
    makers = _makers(order, feature)
    needed = {need for item in order for need in needs.get(item.task.key, ())}
    found = list(order)
    for item in order:
        key = item.task.key
        if item.roles[0] == "tests" and key not in needed:
            last = max((found.index(other) for other in order if other.task.key in makers[key]), default=-1)
            if last > found.index(item):
                found.insert(last, found.pop(found.index(item)))
    return found


def _creators(order: Sequence[Item], feature: Feature, edges: Edges) -> None:
    """A task that names what an earlier one creates needs it; tests written first stay before their code."""
    position = {item.task.key: place for place, item in enumerate(order)}
    makers = _makers(order, feature)
    for item in order:
        for maker in makers[item.task.key]:
            if position[maker] < position[item.task.key]:
                edges.need(item.task.key, maker, "creates")
            elif item.roles[0] == "tests":
                edges.soft[maker].add(item.task.key)


def _foundations(order: Sequence[Item], edges: Edges) -> None:
    """No story starts before its foundations stand; a page of documentation is none."""
    earlier: list[str] = []
    for item in order:
        kind = item.phase.kind if item.phase else None
        if kind == "foundational":
            if item.roles[0] != "docs":
                earlier.append(item.task.key)
        elif item.stories and kind != "setup":
            for other in earlier:
                edges.need(item.task.key, other, "foundational")


def _tests_of_a_group(order: Sequence[Item], feature: Feature, edges: Edges) -> None:
    """Tests that name nothing which another task makes are for the code above them in their group."""
    groups = [set(task.children) for task in feature.tasks.tasks if task.children]
    for place, item in enumerate(order):
        if item.roles[0] != "tests" or edges.hard[item.task.key]:
            continue
        inside = next((group for group in groups if item.task.key in group), set())
        for other in order[:place]:
            if other.task.key in inside and other.roles[0] == "code":
                edges.need(item.task.key, other.task.key, "creates")


def _unlinked(order: Sequence[Item], edges: Edges) -> None:
    """Tests and docs that name nothing of their story's code keep their place in the file relative to it."""
    linked = {key for key, needs in edges.hard.items() for need in needs.items() if need[1] in ("creates", "same-file")}
    linked |= {other for others in edges.soft.values() for other in others}
    seen: dict[str, list[Item]] = {}
    for item in order:
        for story in item.stories:
            for other in seen.get(story, ()):
                apart = (item.roles[0] == "code") != (other.roles[0] == "code")
                loose = item if item.roles[0] != "code" else other
                if apart and loose.task.key not in linked and loose.roles[0] != "infra":
                    edges.soft[item.task.key].add(other.task.key)
            seen.setdefault(story, []).append(item)


def _wiring(order: Sequence[Item], edges: Edges) -> None:
    """A pipeline comes after the code that its group brings before it, named or not: `run the check first`."""
    for place, item in enumerate(order):
        if item.task.parallel or item.roles[0] != "code" or not _has_pipeline(item):
            continue
        for other in order[:place]:
            same = item.phase is not None and other.phase is item.phase
            if same and other.roles[0] == "code" and not _has_pipeline(other):
                edges.soft[item.task.key].add(other.task.key)


def _has_pipeline(item: Item) -> bool:
    """Whether one of a task's files is one of pipelines, by its name or its folder's."""
    places = [PurePosixPath(path) for path in item.written]
    return any(_PIPELINE.search(f"{place.parent.name}/{place.stem}") for place in places)


def reduce(edges: Edges, order: Sequence[Item]) -> dict[str, list[str]]:
    """`depends_on` per task, in order of work: explicit ones all, of the others those that no other one implies."""
    position = {item.task.key: place for place, item in enumerate(order)}
    # Sets of tasks as bits of an integer: a large file has tens of thousands of pairs.
    above: dict[str, int] = {}
    result: dict[str, list[str]] = {}
    for item in order:
        key = item.task.key
        needs = sorted(edges.hard[key], key=position.__getitem__, reverse=True)
        kept: list[str] = []
        covered = 0
        for need in needs:
            if edges.hard[key][need] == "explicit" or not covered >> position[need] & 1:
                kept.append(need)
            covered |= above[need] | 1 << position[need]
        above[key] = covered
        result[key] = kept[::-1]
    return result
