"""`kfpilot plan`."""

from __future__ import annotations

import json as jsonlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ...tools import git
from ..errors import EXIT_OK
from ..planner.build import build_plan
from ..planner.models import ExecutionPlan
from ..planner.plan_json import plan_json
from ..workflow.driver import find_feature, open_checkout, selection_of
from ..workflow.place import Request
from .common import console_for, settings_for

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
) -> int:
    """Print the plan; asks the planner agent only if it can help and `no_llm` is off."""
    repo = open_checkout(folder)
    root = git.root_of(repo)
    documents = find_feature(repo, feature)
    request = Request(feature=feature, words=" ".join(words), tasks=tasks, stories=stories)
    plan = build_plan(documents, selection_of(request, documents))
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
    show(plan, console_for(no_color))
    return EXIT_OK


def show(plan: ExecutionPlan, console: Console) -> None:
    """The plan for a person: a table a wave, then what is left out, then warnings."""
    from rich.markup import escape
    from rich.table import Table

    if not plan.tasks:
        console.print(f"{escape(plan.feature)}: nothing left to do.")
    else:
        from_model = ", refined by the planner agent" if plan.source == "refined" else ""
        console.print(
            f"[bold]{escape(plan.feature)}[/]: {len(plan.tasks)} tasks in {len(plan.waves)} waves{from_model}"
        )
        table = Table(box=None, pad_edge=False, header_style="dim")
        for name in ("wave", "task", "role", "story", "title", "files", "needs"):
            table.add_column(
                name,
                overflow="fold" if name in ("title", "files") else "ellipsis",
                no_wrap=name not in ("title", "files"),
            )
        for number, wave in enumerate(plan.waves, 1):
            for task in wave:
                story = " ".join(filter(None, (task.story, task.priority)))
                roles = "+".join([task.role, *task.also])
                row = [
                    str(number),
                    task.id,
                    roles,
                    story,
                    task.title,
                    "\n".join(task.files),
                    ", ".join(task.depends_on),
                ]
                table.add_row(*map(escape, row))
        console.print(table)
        gates = {task.role: task.gates for task in plan.tasks}
        for role, names in gates.items():
            console.print(f"[dim]gates of {role}: {', '.join(names)}[/]")
    left = [skip for skip in plan.skipped if skip.why != "already ticked"]
    ticked = len(plan.skipped) - len(left)
    if ticked:
        console.print(f"[dim]{ticked} already ticked[/]")
    for skip in left:
        console.print(f"[dim]left out {escape(skip.id)}: {escape(skip.why)}[/]")
    for warning in plan.warnings:
        place = f" (line {warning.line})" if warning.line else ""
        console.print(f"[yellow]warning[/] {warning.code}: {escape(warning.message)}{place}")
