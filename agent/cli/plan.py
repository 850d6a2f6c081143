"""`kfpilot plan`."""

from __future__ import annotations

import json as jsonlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ...tools import git
from ..errors import EXIT_OK
from ..planner.models import ExecutionPlan, PlannedTask
from ..planner.plan_json import plan_json
from ..reports.words import bare, one_line, plural
from ..workflow.checkout import find_feature, open_checkout
from ..workflow.place import Request
from ..workflow.selecting import planned, understood
from .common import console_for, settings_for
from .words import words_of

if TYPE_CHECKING:
    from rich.console import Console


def plan_command(
    folder: Path,
    feature: str | None,
    words: list[str],
    *,
    tasks: list[str],
    stories: list[str],
    no_llm: bool = False,
    model: str | None = None,
    json: bool = False,
    no_color: bool = False,
    words_file: Path | None = None,
) -> int:
    """Print the plan; asks the planner agent only if it can help and `no_llm` is off."""
    repo = open_checkout(folder)
    root = git.root_of(repo)
    feature, words = words_of(root, feature, words, words_file)
    documents = find_feature(repo, feature)
    request = Request(feature=feature, words=" ".join(words), tasks=tasks, stories=stories)
    plan = planned(documents, request)
    if not no_llm and plan.tasks:
        from ..planner.refine import needs_refinement, refine

        settings = settings_for(root, {"model": model})
        if settings.refine == "always" or (settings.refine == "auto" and needs_refinement(plan, request.words)):
            from ..models.choose import open_model

            with open_model(settings) as handle:
                if handle.tools:
                    plan = refine(plan, documents, handle.model, request.words, lambda event: None)
    if json:
        sys.stdout.write(jsonlib.dumps(plan_json(plan), indent=2, ensure_ascii=False) + "\n")
        return EXIT_OK
    console = console_for(no_color)
    show(plan, console)
    if told := understood(request.words, documents):
        console.print(told, markup=False, highlight=False)
    return EXIT_OK


def show(plan: ExecutionPlan, console: Console) -> None:
    """The plan for a person: wave by wave, then what is left out, then warnings. Fits any width from 60 columns."""
    from rich.markup import escape

    if not plan.tasks:
        console.print(f"{escape(plan.feature)}: nothing left to do.")
    else:
        from_model = ", refined by the planner agent" if plan.source == "refined" else ""
        size = f"{plural(len(plan.tasks), 'task')} in {plural(len(plan.waves), 'wave')}"
        console.print(f"[bold]{escape(plan.feature)}[/]: {size}{from_model}")
        widths = columns(plan)
        for number, wave in enumerate(plan.waves, 1):
            console.print(f"\n[bold cyan]wave {number}[/]")
            for task in wave:
                show_task(task, widths, console)
        console.print()
        for role in dict.fromkeys(task.role for task in plan.tasks):
            gates = dict.fromkeys(gate for task in plan.tasks if task.role == role for gate in task.gates)
            console.print(f"[dim]gates of {role}: {', '.join(gates)}[/]")
    left: dict[str, list[str]] = {}
    for skip in plan.skipped:
        left.setdefault(skip.why, []).append(skip.id)
    ticked = left.pop("already ticked", [])
    if ticked:
        console.print(f"[dim]{len(ticked)} already ticked[/]")
    for why, ids in left.items():
        console.print(f"[dim]left out, {escape(why)}: {escape(', '.join(ids))}[/]")
    for warning in plan.warnings:
        place = f" (line {warning.line})" if warning.line else ""
        console.print(f"[yellow]warning[/] {warning.code}: {escape(warning.message)}{place}")


def cells(task: PlannedTask) -> list[str]:
    """What stands before the title: id, roles, story with priority."""
    return [task.id, "+".join([task.role, *task.also]), " ".join(filter(None, (task.story, task.priority)))]


def columns(plan: ExecutionPlan) -> list[int]:
    """How wide the cells before the title are, over the whole plan."""
    return [max(len(cell) for cell in column) for column in zip(*map(cells, plan.tasks), strict=True)]


def show_task(task: PlannedTask, widths: list[int], console: Console) -> None:
    """One line, cut to the width if a person reads it; below it, dim: the files, and the tasks it needs."""
    from rich.text import Text

    head = "".join(f"{cell:<{width}}  " for cell, width in zip(cells(task), widths, strict=True) if width)
    line = Text("  " + head, no_wrap=True, overflow="ellipsis")
    line.stylize("bold", 2, 2 + len(task.id))
    line.append(bare(one_line(task.title)))
    indent = " " * (widths[0] + 4)
    below = [Text(f"{indent}{file}", style="dim") for file in task.files]
    if task.depends_on:
        below.append(Text(f"{indent}needs {', '.join(task.depends_on)}", style="dim"))
    for text in (line, *below):
        if console.is_terminal:
            text.truncate(console.width, overflow="ellipsis")
        # In a pipe nothing is cut or wrapped: grep finds whole titles and paths.
        console.print(text, soft_wrap=True, highlight=False)
