"""The files of a task that names none: where the design puts what the task is to make."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from ..documents.models import Feature, Task
from .depend import NOT_CREATING
from .models import Role
from .paths import role_of_path

EXPORTS = re.compile(r"\b(?:re-?)?export(?:s|ed)?\b", re.I)


def designed_files(task: Task, roles: Sequence[Role], feature: Feature) -> list[str]:
    """The module in which the design defines the one name that a task is to make, with the package that exports it.

    Empty where the task changes what there is, makes more than one thing, or the design does not say where.
    """
    places = feature.plan.places if feature.plan else {}
    if list(roles) != ["code"] or NOT_CREATING.match(task.title) or not places:
        return []
    titled = [name for name in task.symbols if f"`{name}" in task.title and name in places]
    made = list(dict.fromkeys(places[name] for name in titled or task.symbols if name in places))
    if len(made) != 1 or role_of_path(made[0]) != "code":
        return []
    package = (PurePosixPath(made[0]).parent / "__init__.py").as_posix()
    told = " ".join([task.title, *task.details])
    exported = EXPORTS.search(told) and (feature.root / package).is_file()
    return [made[0], package] if exported else made
