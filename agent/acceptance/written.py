"""Tests tasks that cite no requirement and are written for the code of a task that does."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence

from ...tools.mutants import functions_in
from ...tools.syntax import parse_python
from ..documents.models import Feature, Task
from ..planner.cover import Cover, Criterion, cites, is_telling
from ..planner.paths import role_of_path
from .code import Code, names_of
from .models import TaskEvidence


def written_for(
    criterion: Criterion, covers: Sequence[Cover], feature: Feature, tasks: Mapping[str, TaskEvidence], code: Code
) -> dict[str, list[Cover]]:
    """The tests tasks that are written for a requirement without citing it, each with the tasks whose code it tests.

    A tests task is written for what it says it depends on. If it says nothing of that kind, it is written for the code
    that it names. One that cites a requirement has said what it is for.
    """
    if criterion.kind != "requirement" or feature.spec is None:
        return {}
    citing = [cover for cover in covers if cover.link == "cites"]
    if any("tests" in tasks[cover.task].roles for cover in citing):
        return {}
    known = [item.id for item in feature.spec.requirements]
    found = {}
    for task in feature.tasks.tasks:
        if tasks[task.key].roles != ["tests"] or any(cites(ref, name) for ref in task.refs for name in known):
            continue
        tested = tested_by(task, feature, tasks, code)
        made = [cover for cover in citing if cover.task in tested]
        if made:
            found[task.key] = made
    return found


def tested_by(tester: Task, feature: Feature, tasks: Mapping[str, TaskEvidence], code: Code) -> list[str]:
    """The tasks whose code a tests task is for."""
    order = [task.key for task in feature.tasks.tasks]
    makers = [task for task in feature.tasks.tasks if "code" in tasks[task.key].roles]
    named = [task.key for task in makers if names_code(tester, task, tasks[task.key], code)]
    told = [task.key for task in makers if {task.key, task.id} & set(tester.depends_on)]
    if told:
        # Of several, those that it names: the others may only be needed for them.
        return [key for key in told if key in named] or told
    before = [key for key in named if order.index(key) < order.index(tester.key)]
    # Tests that stand before their code are for the next task that makes it.
    return before or named[:1]


def names_code(tester: Task, maker: Task, evidence: TaskEvidence, code: Code) -> bool:
    """Whether a tests task gives a name or a file that a task of code makes."""
    files = {path for path in evidence.files if role_of_path(path) == "code"}
    made = code.defined(maker, evidence) or {name for name in names_of(maker) if is_telling(name)}
    return bool(files & set(tester.files)) or bool(made & names_of(tester))


def unchanged_tests(path: str, before: str, after: str) -> list[str]:
    """The node ids of a file's functions that a change of the file left as they were."""
    old, new = functions_of(before), functions_of(after)
    same = [name for name, text in new.items() if old.get(name) == text]
    return [f"{path}::{name.replace('.', '::')}" for name in same]


def functions_of(source: str) -> dict[str, str]:
    """The functions of a module, dotted, and what they are, whatever their layout; none if it cannot be read."""
    try:
        return {name: ast.dump(node) for name, node in functions_in(parse_python(source))}
    except (SyntaxError, ValueError, RecursionError):
        return {}
