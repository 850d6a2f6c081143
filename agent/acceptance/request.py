"""What the reviewer agent is asked: the specification, the table, the tasks with what the gates saw, and the diff."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from importlib import resources

from pydantic import BaseModel, ConfigDict

from ..documents.models import Feature
from ..marks import mark_for, one_line
from ..models.wire import rough_tokens
from ..planner.cover import criteria
from ..verifier.models import GateResult
from .diff import ShownDiff, shown_diff
from .models import Row

HEAD = "# Task review"
"""First line of the request: a replay finds the answers of a review by it."""

BUDGET = 24_000
"""Tokens of diff, at the most."""
ANSWER_ROOM = 3_000
SPEC_ROOM = 8_000
NOTES = 5
"""Notes of one gate, at the most."""
NOTE = 200
SAID = 240
"""Characters of a note, and of what a worker says of its work."""
UNSEEN = 12
"""Lines about what was not verified, at the most."""


class ReviewedTask(BaseModel):
    """A task as the reviewer is told of it.

    Attributes:
        said: What its worker said of the work when it ended.
        gates: What the verifier saw of it.
    """

    model_config = ConfigDict(extra="forbid")

    id: str
    title: str
    role: str
    state: str
    said: str = ""
    gates: list[GateResult] = []


def gate_lines(gates: Iterable[GateResult]) -> list[str]:
    """A line for each gate, and below it one for each of the first things that it noted."""
    lines = []
    for gate in gates:
        lines.append(f"{gate.gate}: {gate.summary}")
        lines += [f"  {cut(note, NOTE)}" for note in gate.notes[:NOTES]]
        if len(gate.notes) > NOTES:
            lines.append(f"  and {len(gate.notes) - NOTES} more")
    return lines


def unseen_lines(tasks: Sequence[ReviewedTask]) -> list[str]:
    """What the gates could not show on this machine, each once, with the tasks it is about.

    What could mend it is for the user, who is told in the report; a reader who only reads has no use for it.
    """
    found: dict[str, list[str]] = {}
    for task in tasks:
        for text in (text for gate in task.gates for text in gate.not_verified):
            keys = found.setdefault(cut(re.sub(r": write a scenario in \S+$", "", text), NOTE), [])
            keys += [] if task.id in keys else [task.id]
    lines = [f"{text} ({', '.join(keys)})" for text, keys in found.items()]
    more = len(lines) - UNSEEN
    return [*lines[:UNSEEN], f"and {more} more"] if more > 0 else lines


def cut(text: str, most: int) -> str:
    """One line, not too long."""
    line = " ".join(one_line(text).split())
    return line if len(line) <= most else line[: most - 1] + "…"


def render(
    feature: Feature, rows: Sequence[Row], tasks: Sequence[ReviewedTask], patch: str, context_tokens: int | None = None
) -> tuple[str, str, ShownDiff]:
    """The reviewer's two messages, the rules and the request, and what of the diff is in it."""
    import jinja2

    from ... import prompts

    # For a model, not for a browser: escaping would change what the documents say.
    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined)
    template = environment.from_string((resources.files(prompts) / "reviewer.md").read_text(encoding="utf-8"))
    told, used = [], 0
    every = criteria(feature)
    for item in every:
        text = " ".join(item.text.replace("**", "").split())
        used += rough_tokens(text) + 8
        if used > SPEC_ROOM:
            break
        told.append({"id": item.id, "path": item.path, "line": item.line, "text": text})
    values = {
        "head": HEAD,
        "feature": feature.name,
        "criteria": told,
        "more_criteria": len(every) - len(told),
        "rows": [{"id": row.id, "verdict": row.verdict, "reason": row.reason, "tests": row.evidence} for row in rows],
        "tasks": [
            {**task.model_dump(exclude={"gates"}), "said": cut(task.said, SAID), "gates": gate_lines(task.gates)}
            for task in tasks
        ],
        "unseen": unseen_lines(tasks),
    }
    # Whoever wrote the data cannot know the code, so nothing in it can close the marks around it.
    values |= {"code": mark_for(values, patch), "diff": "", "left_out": []}

    def said(**more: object) -> tuple[str, str]:
        context = template.new_context({**values, **more})
        system = "".join(template.blocks["system"](context))
        request = "".join(template.blocks["request"](context))
        return system.strip(), re.sub(r"\n{3,}", "\n\n", request).strip()

    room = BUDGET
    if context_tokens:
        room = min(room, context_tokens - ANSWER_ROOM - sum(rough_tokens(text) for text in said()))
    shown = shown_diff(patch, max(room, 0))
    system, request = said(diff=shown.text, left_out=shown.left_out[:40])
    return system, request, shown
