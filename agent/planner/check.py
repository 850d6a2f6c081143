"""What a planner agent's answer must keep, and the plan it makes when it does."""

from __future__ import annotations

from collections import Counter

from pydantic import BaseModel, Field

from ..documents.models import Feature
from .build import dependencies
from .classify import gates_for
from .models import ROLES, ExecutionPlan, PlannedTask, PlanWarning
from .paths import own_files, role_of_path, roles_of

# No defaults in the answer's models: strict structured output wants every field to be required.


class RoleChoice(BaseModel):
    """Another role for one task."""

    id: str = Field(description="Task id")
    role: str = Field(description="code, tests, docs or infra")


class DependencyChoice(BaseModel):
    """What one task depends on, in place of what the draft says."""

    id: str = Field(description="Task id")
    depends_on: list[str] = Field(description="All task ids it cannot be done without")


class RefinedPlan(BaseModel):
    """The order of work: every task once, and only what differs from the draft otherwise."""

    waves: list[list[str]] = Field(description="Task ids in waves; every task of the draft exactly once")
    roles: list[RoleChoice] = Field(description="Only tasks whose role differs from the draft")
    depends_on: list[DependencyChoice] = Field(description="Only tasks whose dependencies differ from the draft")


def check_refined(answer: RefinedPlan, plan: ExecutionPlan, feature: Feature) -> list[str]:
    """What is wrong with an answer, as sentences for whoever gave it; empty when it can be used.

    It holds every planned task exactly once and no other, known roles that may write the files their task names,
    and keeps the dependencies that the documents state and those of tasks that write the same file.
    """
    tasks = {task.id: task for task in plan.tasks}
    problems = _check_ids(answer, tasks)
    problems += _check_roles(answer, tasks)
    if not problems:
        problems += _check_order(answer, plan, feature)
    return problems


def _check_ids(answer: RefinedPlan, tasks: dict[str, PlannedTask]) -> list[str]:
    counts = Counter(key for wave in answer.waves for key in wave)
    problems = []
    if missing := [key for key in tasks if key not in counts]:
        problems.append(f"These tasks are missing from waves: {', '.join(missing)}.")
    if twice := [key for key, count in counts.items() if count > 1]:
        problems.append(f"These tasks stand in waves more than once: {', '.join(twice)}.")
    named = [*counts, *(c.id for c in answer.roles), *(c.id for c in answer.depends_on)]
    named += [key for choice in answer.depends_on for key in choice.depends_on]
    if new := [key for key in dict.fromkeys(named) if key not in tasks]:
        problems.append(f"These are no tasks of this plan: {', '.join(new)}.")
    for part, ids in (("roles", [c.id for c in answer.roles]), ("depends_on", [c.id for c in answer.depends_on])):
        if double := [key for key, count in Counter(ids).items() if count > 1]:
            problems.append(f"{part} names these tasks more than once: {', '.join(double)}.")
    return problems


def _check_roles(answer: RefinedPlan, tasks: dict[str, PlannedTask]) -> list[str]:
    problems = []
    for choice in answer.roles:
        task = tasks.get(choice.id)
        if choice.role not in ROLES:
            problems.append(f"{choice.id}: there is no role {choice.role!r}; use {', '.join(ROLES)}.")
        elif task and choice.role != task.role and (own := own_files(task)):
            owners = {role_of_path(path) for path in own} & set(roles_of(task))
            if owners and choice.role not in owners:
                problems.append(f"{choice.id} writes {own[0]}, so its role stays {task.role}.")
    return problems


def _check_order(answer: RefinedPlan, plan: ExecutionPlan, feature: Feature) -> list[str]:
    wave_of = {key: number for number, wave in enumerate(answer.waves) for key in wave}
    chosen = _dependencies(answer, plan)
    edges = dependencies(plan, feature)
    problems = []
    for task in plan.tasks:
        for need in chosen[task.id]:
            # A dependency in the same or a later wave covers circles too: no order of waves can hold one.
            if wave_of[need] >= wave_of[task.id]:
                problems.append(f"{task.id} depends on {need}, so {need} must stand in an earlier wave than {task.id}.")
        for need, reason in edges.hard[task.id].items():
            if reason in ("explicit", "same-file") and not _reaches(task.id, need, chosen):
                why = "tasks.md says so" if reason == "explicit" else "both work on the same file"
                problems.append(f"{task.id} must keep its dependency on {need}: {why}.")
    for wave in answer.waves:
        seen: dict[str, str] = {}
        for key in wave:
            for path in next(task for task in plan.tasks if task.id == key).files:
                if path in seen and seen[path] != key:
                    problems.append(f"{seen[path]} and {key} both name {path}: put them in different waves.")
                seen.setdefault(path, key)
    return list(dict.fromkeys(problems))


def _dependencies(answer: RefinedPlan, plan: ExecutionPlan) -> dict[str, list[str]]:
    changed = {choice.id: list(dict.fromkeys(choice.depends_on)) for choice in answer.depends_on}
    return {task.id: changed.get(task.id, task.depends_on) for task in plan.tasks}


def _reaches(start: str, goal: str, graph: dict[str, list[str]]) -> bool:
    stack, seen = [start], {start}
    while stack:
        for other in graph.get(stack.pop(), []):
            if other == goal:
                return True
            if other not in seen:
                seen.add(other)
                stack.append(other)
    return False


def apply_refined(answer: RefinedPlan, plan: ExecutionPlan) -> ExecutionPlan:
    """The plan with a checked answer's order, roles and dependencies."""
    roles = {choice.id: choice.role for choice in answer.roles}
    needs = _dependencies(answer, plan)
    tasks: dict[str, PlannedTask] = {}
    for task in plan.tasks:
        changed = task.model_copy(update={"depends_on": needs[task.id]})
        role = next((known for known in ROLES if known == roles.get(task.id)), task.role)
        if role != task.role:
            # A task that had both roles keeps both, led by the one chosen.
            also = [other for other in roles_of(task) if other != role] if role in task.also else []
            changed = changed.model_copy(update={"role": role, "also": also})
            changed.gates = gates_for(roles_of(changed), own_files(changed))
        tasks[task.id] = changed
    waves = [[tasks[key] for key in wave] for wave in answer.waves if wave]
    return plan.model_copy(update={"waves": waves, "source": "refined"})


def rejected(plan: ExecutionPlan, problems: list[str]) -> ExecutionPlan:
    """The deterministic plan, saying why the planner agent's answer was not taken."""
    shown = " ".join(problems[:3]) + (f" (and {len(problems) - 3} more)" if len(problems) > 3 else "")
    warning = PlanWarning(code="refinement-rejected", message=f"the planner agent's answer was not usable: {shown}")
    return plan.model_copy(update={"warnings": [*plan.warnings, warning]})
