"""From what a user calls tasks (ids, ranges, stories, priorities, phases) to the tasks."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable
from functools import partial

from ..documents.models import Feature, Task
from ..errors import UserError
from .depend import by_id, id_key, near_ids

_ANY_NUMBER = re.compile(r"\d+(?:\.\d+)*")
_REQUIREMENT = re.compile(r"\b(?:the\s+)?requirements?\s+#?(\d+(?:\.\d+)*)(?![\w/`]|['’]s?\b|-\w|\.\w)", re.I)
_AND_NUMBER = re.compile(r"\s*(?:,|and|&|\+)\s*(\d+(?:\.\d+)*)(?![\w'’/-]|\.\w)", re.I)


def separate(names: Iterable[str]) -> list[str]:
    """The names in what an option was given, several times or as a list: `T010,T011`."""
    return [part for name in names for part in re.split(r"\s*,\s*", name.strip()) if part]


def tasks_by_id(name: str, feature: Feature) -> list[Task]:
    """The tasks of an id (T3 means T003; a bare number means the task of that number).

    Raises:
        UserError: There is none.
    """
    names = by_id(feature.tasks.tasks)
    found = names.get(id_key(name)) or (names.get("t" + id_key(name)) if name[:1].isdigit() else None)
    if not found:
        raise UserError(
            f"there is no task {name}",
            where=feature.tasks.path,
            mend=f"Near: {near_ids(name, feature)}." if feature.tasks.tasks else "",
        )
    return found


def _parts(name: str) -> tuple[tuple[int, ...], str]:
    """T022.5 -> ((22, 5), ""), T004a -> ((4,), "a")."""
    name = name.split("#")[0]
    letter = re.search(r"\d([a-z])$", name, re.I)
    return tuple(int(number) for number in re.findall(r"\d+", name)), letter[1].lower() if letter else ""


def tasks_in_range(first: str | None, last: str | None, feature: Feature) -> list[Task]:
    """The tasks from one id to another, both included; None leaves that end open.

    Raises:
        UserError: There is no task in it.
    """
    low = _parts(first) if first else ((), "")
    high = _parts(last) if last else ((10**9,), "")
    if first and last and high < low:
        low, high = high, low
    found = []
    for task in feature.tasks.tasks:
        number = _parts(task.id or task.key) if task.id or not task.key.startswith("L") else ((), "")
        if not number[0]:
            continue
        # The end takes in what hangs on it: T006a belongs to T003-T006.
        below = number <= high or (number[0][: len(high[0])] == high[0] and not high[1])
        if low <= number and below:
            found.append(task)
    if not found:
        raise UserError(
            f"there is no task in {first or ''}-{last or ''}",
            where=feature.tasks.path,
            mend=f"Near: {near_ids(first or last or '', feature)}.",
        )
    return found


def _story_of(task: Task, feature: Feature) -> list[str]:
    """The stories of a task: its tags, else its phase's."""
    if task.stories:
        return task.stories
    return next((phase.stories for phase in feature.tasks.phases if phase.title == task.phase), [])


def story_keys(feature: Feature) -> list[str]:
    """Every story that a task or the spec names."""
    keys = [key for task in feature.tasks.tasks for key in _story_of(task, feature)]
    keys += [story.key for story in feature.spec.stories] if feature.spec else []
    return sorted(set(keys), key=_parts)


def tasks_of_requirement(name: str, feature: Feature) -> list[Task]:
    """The tasks that cite one of Kiro's requirements (`3`) or one of its criteria (`3.2`); optional ones are left out.

    Raises:
        UserError: No task cites it.
    """
    tasks = [task for task in feature.tasks.tasks if any(f"{ref}.".startswith(f"{name}.") for ref in task.refs)]
    if not tasks:
        known = {ref.partition(".")[0] for task in feature.tasks.tasks for ref in task.refs}
        near = ", ".join(sorted((ref for ref in known if ref.isdigit()), key=int))
        raise UserError(
            f"no task is for requirement {name}",
            where=feature.tasks.path,
            mend=f"Tasks cite requirements {near}." if near else "No task of this file cites a requirement.",
        )
    return [task for task in tasks if not task.optional]


def requirements_in(clause: str, feature: Feature) -> list[tuple[int, int, Callable[[], list[Task]]]]:
    """`requirement 3`, `requirements 1 and 3.2`, where tasks are written for the numbered ones of Kiro."""
    found: list[tuple[int, int, Callable[[], list[Task]]]] = []
    for match in _REQUIREMENT.finditer(clause) if feature.dialect == "kiro" else ():
        found.append((match.start(), match.end(), partial(tasks_of_requirement, match[1], feature)))
        end = match.end()
        while more := _AND_NUMBER.match(clause, end):
            end = more.end()
            found.append((more.start(1), end, partial(tasks_of_requirement, more[1], feature)))
    return found


def tasks_of_story(name: str, feature: Feature, last: str | None = None) -> list[Task]:
    """The tasks of a story (`1`, `US1`, `us1`), or of a range of them.

    Raises:
        UserError: Neither a task nor the spec names that story.
    """
    low = _parts(name)[0]
    high = _parts(last)[0] if last else low
    known = story_keys(feature)
    wanted = {key for key in known if low <= _parts(key)[0] <= high}
    tasks = [task for task in feature.tasks.tasks if wanted & set(_story_of(task, feature))]
    if not tasks:
        near = difflib.get_close_matches(f"US{name.upper().removeprefix('US')}", known, n=3, cutoff=0.3) or known[:3]
        near = [key for key in known if key in near]
        number = re.search(_ANY_NUMBER, name)
        label = f"US{number[0]}" if number else name
        raise UserError(
            f"there is no story {label}" if not wanted else f"story {label} has no task",
            where=feature.tasks.path,
            mend=f"Known stories: {', '.join(near)}." if near else "No task of this file names a story.",
        )
    return tasks


def story_priorities(feature: Feature) -> dict[str, str]:
    """Priority by story, from the spec, else from the phase headings of tasks.md."""
    found = {story.key: story.priority for story in (feature.spec.stories if feature.spec else []) if story.priority}
    for phase in feature.tasks.phases:
        match = re.search(r"\bPriority:?\s*(P\d+)", phase.title, re.I)
        for story in phase.stories if match else ():
            found.setdefault(story, match[1].upper() if match else "")
    return found


def tasks_of_priority(name: str, feature: Feature) -> list[Task]:
    """The tasks of all stories of a priority (`P1`, `1`).

    Raises:
        UserError: No story has it.
    """
    wanted = f"P{name.upper().removeprefix('P')}"
    priorities = story_priorities(feature)
    stories = {story for story, priority in priorities.items() if priority.upper() == wanted}
    tasks = [task for task in feature.tasks.tasks if stories & set(_story_of(task, feature))]
    if not tasks:
        known = ", ".join(sorted(set(priorities.values()))) or "none"
        raise UserError(f"no story has priority {wanted}", where=feature.tasks.path, mend=f"Known priorities: {known}.")
    return tasks


def tasks_of_phase(first: str, feature: Feature, last: str | None = None) -> list[Task]:
    """The tasks of the phases from one number to another.

    Raises:
        UserError: There is no such phase.
    """
    low, high = float(first), float(last or first)
    # Phase 4.5 belongs to a range that goes on after it, and to no single number.
    numbers = {
        phase.number for phase in feature.tasks.phases if phase.number is not None and low <= phase.number <= high
    }
    titles = {phase.title for phase in feature.tasks.phases if phase.number in numbers}
    tasks = [
        t
        for t in feature.tasks.tasks
        if t.phase in titles or (t.phase_number is not None and low <= t.phase_number <= high)
    ]
    if not tasks:
        known = ", ".join(f"{phase.number:g}" for phase in feature.tasks.phases if phase.number is not None) or "none"
        raise UserError(f"there is no phase {first}", where=feature.tasks.path, mend=f"Known phases: {known}.")
    return tasks


def tasks_of_group(first: str, feature: Feature, last: str | None = None) -> list[Task]:
    """The tasks below numbered headings (`## 1. Component`); where headings have no numbers, task 1 with its sub-tasks.

    Raises:
        UserError: There is no such group.
    """
    if any(phase.number is not None for phase in feature.tasks.phases):
        return tasks_of_phase(first, feature, last)
    return tasks_in_range(first, last, feature) if last else tasks_by_id(first, feature)


def tasks_of_nth(place: int, many: int, feature: Feature) -> list[Task]:
    """The tasks of the headings at a place, in the order of the file; without headings, of the uppermost tasks.

    Args:
        place: 0 for the first, -1 for the last.
        many: How many from there on; of the last, so many up to it.
        feature: The documents.

    Raises:
        UserError: There are not so many.
    """
    tasks = feature.tasks.tasks
    groups = [[task for task in tasks if task.phase == phase.title] for phase in feature.tasks.phases]
    below = {key for task in tasks for key in task.children}
    groups = [group for group in groups if group] or [[task] for task in tasks if task.key not in below]
    chosen = groups[-many:] if place < 0 else groups[place : place + many]
    if len(chosen) < many:
        titles = ", ".join(phase.title for phase in feature.tasks.phases) or "none"
        raise UserError("there are not so many groups of tasks", where=feature.tasks.path, mend=f"They are: {titles}.")
    return [task for group in chosen for task in group]


def tasks_of_kind(name: str, feature: Feature) -> list[Task]:
    """The tasks of the setup, foundational, polish or convergence phase.

    Raises:
        UserError: There is no such phase.
    """
    kind = {"foundation": "foundational"}.get(name.lower(), name.lower())
    titles = {phase.title for phase in feature.tasks.phases if phase.kind == kind}
    tasks = [task for task in feature.tasks.tasks if task.phase in titles]
    if not tasks:
        known = ", ".join(phase.title for phase in feature.tasks.phases) or "none"
        raise UserError(f"there is no {kind} phase", where=feature.tasks.path, mend=f"Known phases: {known}.")
    return tasks


def tasks_of_mvp(feature: Feature) -> list[Task]:
    """What the file marks as MVP, else the P1 stories, else the first story; with what they rest on.

    Raises:
        UserError: The feature has no stories.
    """
    marked = {phase.title for phase in feature.tasks.phases if re.search(r"\bMVP\b", phase.title)}
    stories = {key for phase in feature.tasks.phases if phase.title in marked for key in phase.stories}
    if not marked:
        stories = {story for story, priority in story_priorities(feature).items() if priority.upper() == "P1"}
        stories = stories or set(story_keys(feature)[:1])
    base = {phase.title for phase in feature.tasks.phases if phase.kind in ("setup", "foundational")}
    core = [t for t in feature.tasks.tasks if t.phase in marked or stories & set(_story_of(t, feature))]
    if not core:
        raise UserError(
            "nothing here is marked as MVP, and there are no stories",
            where=feature.tasks.path,
            mend="Name tasks instead: T001-T004.",
        )
    keys = {task.key for task in core}
    return [task for task in feature.tasks.tasks if task.key in keys or task.phase in base]


def open_tasks(feature: Feature) -> list[Task]:
    """What is left to do, in the order of the file."""
    return [task for task in feature.tasks.tasks if task.state in ("open", "in_progress")]


def whole_stories(keys: set[str], feature: Feature) -> list[str]:
    """The stories all of whose tasks are among these."""
    return [
        story
        for story in story_keys(feature)
        if (members := {task.key for task in feature.tasks.tasks if story in _story_of(task, feature)})
        and members <= keys
    ]
