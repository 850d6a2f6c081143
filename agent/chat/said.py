"""What a conversation says: a draft for a reader, why a task is not verified, what was used."""

from __future__ import annotations

from pathlib import Path

from ..drafting.draft import Draft, like_it
from ..drafting.survey import Survey
from ..errors import UserError
from ..events import ModelCalled, read_journal
from ..planner.depend import id_key
from ..planner.models import ExecutionPlan
from ..reports.find import latest_run
from ..reports.models import Report, TaskReport
from ..reports.summarise import summarise
from ..reports.words import bare, count, one_line, plural

MOST_FAILURES = 6


def draft_lines(draft: Draft, found: Survey, plan: ExecutionPlan) -> list[str]:
    """A draft in a screenful or two: stories, requirements, tasks, assumptions. The documents themselves: /show."""
    outline = draft.outline
    lines = [f"{outline.title}  ({draft.directory}/)", f"  {outline.summary}", ""]
    if same := like_it(draft, found):
        lines[1:1] = [f"  A feature of this name is there already: {', '.join(same)}. This is another one."]
    for number, story in enumerate(outline.stories, 1):
        lines.append(f"US{number} {story.title}")
        for scenario in story.scenarios:
            lines.append(f"    given {scenario.given}, when {scenario.when}, then {scenario.then}")
    lines += ["", "Requirements"]
    lines += [f"  FR-{number:03d} {item.text}" for number, item in enumerate(outline.requirements, 1)]
    if outline.criteria:
        lines += [f"  SC-{number:03d} {item.text}" for number, item in enumerate(outline.criteria, 1)]
    lines += ["", f"Tasks, {plural(len(plan.tasks), 'task')} in {plural(len(plan.waves), 'wave')}"]
    lines += [f"  {task.id} {task.role:<5} {one_line(task.title, 600)}" for task in plan.tasks]
    if outline.assumptions:
        lines += ["", "Assumed", *(f"  - {text}" for text in outline.assumptions)]
    return [bare(line) for line in lines]


def documents_text(draft: Draft) -> str:
    """The documents one after another."""
    return "\n\n".join(f"{name}:\n{text}" for name, text in draft.documents.items())


def document_of(draft: Draft, what: str) -> tuple[str, str]:
    """Path and text of a document: `spec`, `plan` or `tasks`, whatever the repository calls them.

    Raises:
        UserError: There is no such document.
    """
    names = {"spec": ("spec.md", "requirements.md", "proposal.md"), "plan": ("plan.md", "design.md")}
    for name in names.get(what, (f"{what}.md",)):
        if name in draft.documents:
            return f"{draft.directory}/{name}", draft.documents[name]
    raise UserError(f"the draft has no '{what}'", mend=f"It has: {', '.join(draft.documents)}.")


def latest_report(root: Path, feature: str) -> Report:
    """What the latest run, of this feature if one is meant, has told.

    Raises:
        UserError: There is none.
    """
    return summarise(latest_run(root, feature or None).journal)


def why_lines(report: Report, target: str) -> list[str]:
    """Why a task is not verified, from what the gates saw; no model is asked. Without a target: all of them.

    Raises:
        UserError: The run has no such task.
    """
    if not target:
        left = [task for task in report.open if task.state != "pending"] or report.open
        if not left:
            return [bare(f"Every task of run {report.run} is verified.")]
        return [line for task in left for line in task_lines(task, report)]
    for task in report.tasks:
        if id_key(task.id) == id_key(target):
            return task_lines(task, report)
    ids = ", ".join(task.id for task in report.tasks[:12])
    raise UserError(f"run {report.run} has no task {target}", mend=f"Its tasks: {ids}.")


def task_lines(task: TaskReport, report: Report) -> list[str]:
    """What is known of one task."""
    words = {"unfinished": "not finished", "pending": "not reached"}.get(task.state, task.state)
    tries = f" after {plural(task.attempts, 'attempt')}" if task.attempts else ""
    lines = [f"{task.id} is {words}{tries}: {one_line(task.title, 160)}"]
    if task.why:
        lines.append(f"  {one_line(task.why, 400)}")
    if task.state != "verified":
        for gate in [gate for gate in task.gates if not gate.passed]:
            lines.append(f"  gate {gate.gate}: {one_line(gate.summary, 200)}")
            lines += [f"    {one_line(failure, 400)}" for failure in gate.failures[:MOST_FAILURES]]
            if len(gate.failures) > MOST_FAILURES:
                lines.append(f"    and {len(gate.failures) - MOST_FAILURES} more")
    if task.patch:
        lines.append(f"  work kept in .kfpilot/runs/{report.run}/{task.patch}")
    if task.commit:
        lines.append(f"  commit {task.commit[:10]}")
    return [bare(line) for line in lines]


def used_line(journal: Path) -> str:
    """What the conversation's own model calls came to."""
    calls = [event for event in read_journal(journal) if isinstance(event, ModelCalled)] if journal.exists() else []
    if not calls:
        return "This conversation has used no model call."
    tokens = sum(call.prompt_tokens + call.completion_tokens for call in calls)
    costs = [call.cost for call in calls if call.cost is not None]
    money = f", {sum(costs):.4g} of money" if costs and sum(costs) else ""
    return f"This conversation has used {plural(len(calls), 'model call')}, {count(tokens)} tokens{money}."


def budget_lines(report: Report) -> list[str]:
    """What the latest run used of its budgets."""
    usage = report.usage
    lines = [f"Run {report.run}: {plural(usage.calls, 'model call')}, {count(usage.tokens)} tokens."]
    lines += [f"  {line.whose}: {line.used:,.6g} of {line.limit:,.6g} {line.kind}" for line in report.budgets]
    return [bare(line) for line in lines]
