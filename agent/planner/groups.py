"""Tasks that only stand above others: nobody works them, and they are done when their sub-tasks are."""

from __future__ import annotations

import re

from ..documents import retarget, tick, tickable, untick
from ..documents.models import Feature, Task
from .classify import classify, intent

_NO_WORK = re.compile(r"^[\W_]*(?:requirements?|refs?|references?|depends(?:\s+on)?|dependencies|status)\b", re.I)
"""A line below a task that says where it comes from, and nothing that is to be done."""


WHY_GROUP = "a group"
"""How the reason begins for which a group is no task of a plan."""


def is_group(task: Task, feature: Feature) -> bool:
    """Whether a task has sub-tasks and no work of its own.

    It has some where it names files, says more than its title, names what no sub-task names, or asks for code that no
    sub-task writes; and where all sub-tasks are optional, for then nothing else would do it.
    """
    below = needed(task, feature)
    own = [detail for detail in task.details if not _NO_WORK.match(detail)]
    if not below or task.files or own:
        return False
    told = "\n".join("\n".join([child.title, *child.details]) for child in below)
    if any(symbol not in told for symbol in task.symbols):
        return False
    return intent(task.title) != "code" or any("code" in classify(child, feature) for child in below)


def sub_tasks(task: Task, feature: Feature) -> list[Task]:
    """The tasks right below a task, in the order of the file."""
    return [other for other in feature.tasks.tasks if other.key in task.children]


def needed(task: Task, feature: Feature) -> list[Task]:
    """The sub-tasks that have to be done for a task to be: all but the optional ones."""
    return [child for child in sub_tasks(task, feature) if not child.optional]


def members(task: Task, feature: Feature) -> list[Task]:
    """What a group means where it is named: the tasks below it that are worked; any other task means itself."""
    if not is_group(task, feature):
        return [task]
    return [member for child in needed(task, feature) for member in members(child, feature)]


def groups_above(key: str, feature: Feature) -> list[Task]:
    """The groups that a task belongs to, the innermost first."""
    found: list[Task] = []
    while above := next((task for task in feature.tasks.tasks if key in task.children), None):
        if is_group(above, feature):
            found.append(above)
        key = above.key
    return found


def why_group(task: Task, feature: Feature) -> str:
    """Why a group is no task of a plan."""
    below = needed(task, feature)
    names = ", ".join(child.key for child in below)
    if all(child.state == "done" for child in below):
        return f"{WHY_GROUP} whose sub-tasks are all ticked ({names}): its box is yours to tick"
    return f"{WHY_GROUP}, ticked with the last of {names}"


def tick_groups(feature: Feature, key: str) -> list[str]:
    """Tick the groups above a task whose sub-tasks are all ticked in the file by now.

    Args:
        feature: The documents; the file of tasks is read again, as the task has just been ticked in it.
        key: The task that was ticked.

    Returns:
        The keys of the groups that were ticked.
    """
    path = feature.tasks.path
    ticked = []
    for group in groups_above(key, feature):
        data = path.read_bytes()
        now = {child.key: retarget(data, child).state for child in needed(group, feature)}
        box = retarget(data, group)
        if box.state == "done":
            continue
        if box.state == "deferred" or not tickable(box) or set(now.values()) != {"done"}:
            break
        path.write_bytes(tick(data, box))
        ticked.append(group.key)
    return ticked


def untick_groups(data: bytes, feature: Feature, key: str) -> bytes:
    """The file of tasks with the boxes of the groups above a task empty: what they stand for is not all done."""
    for group in groups_above(key, feature):
        box = retarget(data, group)
        if box.state == "done" and tickable(box):
            data = untick(data, box)
    return data
