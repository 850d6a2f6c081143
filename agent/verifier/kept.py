"""What a pipeline had and must keep: parameters, steps, limits, retries that the task does not speak of."""

from __future__ import annotations

import re

from ...tools.kfp_check import KfpModule, KfpObject
from .compiled import compiled_base
from .context import GateContext

SETTINGS = {
    "cpu_limit": r"cpu|limit|resource",
    "memory_limit": r"memory|limit|resource",
    "retries": r"retr",
    "condition": r"condition|only if|when",
    "loop": r"loop|parallel|each",
}
"""What a step of a pipeline has, and the words by which a task says that it is about that."""

CHANGES = r"\b(remove|delete|drop|replace|rename|rewrite|simplify|split|merge|move)"
"""Words of tasks that are meant to take something away."""


def lost_settings(ctx: GateContext, modules: list[KfpModule]) -> list[str]:
    """What pipelines had before and lost, though the task does not speak of it.

    A rewritten file easily drops what nobody asked to drop, and everything still compiles.

    Args:
        ctx: The task; its base commit is compiled for the comparison.
        modules: The touched modules as they are now.
    """
    if not any(item.kind == "pipeline" for module in modules for item in module.objects):
        return []
    old = compiled_base(ctx, [module.path for module in modules]).values()
    now = {(module.path, item.name): item for module in modules for item in module.objects}
    text = " ".join([ctx.task.title, *ctx.feature.task(ctx.task.id).details]).lower()
    failures = []
    for module in old:
        for before in module.objects:
            after = now.get((module.path, before.name))
            if before.kind == "pipeline" and before.ok and after is not None:
                failures += [f"{module.path}: {line}" for line in lost_of(before, after, text)]
    return failures


def lost_of(before: KfpObject, after: KfpObject, text: str) -> list[str]:
    """What one pipeline lost.

    Args:
        before: The pipeline at the base.
        after: The pipeline now.
        text: The task, in lower case.
    """
    if re.search(CHANGES, text):
        return []
    lost = [
        f"pipeline {before.name} had the parameter {name}, and the task does not ask to remove it; keep it"
        for name in before.inputs
        if name not in after.inputs
    ]
    for path, old in before.task_details.items():
        new = after.task_details.get(path)
        if new is None:
            lost.append(f"pipeline {before.name} had the step {path}, and the task does not ask to remove it; keep it")
            continue
        lost += [
            f"step {path} of pipeline {before.name} had {name} {getattr(old, name)}, and has none now; keep it"
            for name, words in SETTINGS.items()
            if getattr(old, name) and not getattr(new, name) and not re.search(words, text)
        ]
    return lost
