"""The planner agent: a model looks over the deterministic plan; its answer is checked before it counts."""

from __future__ import annotations

import re
from importlib import resources
from typing import TYPE_CHECKING, Any

from ..documents.models import Feature
from ..marks import mark_for
from ..models.ask import Asker, Emit
from ..models.ask import read_answer as read_json
from .build import dependencies
from .check import RefinedPlan, apply_refined, check_refined, rejected
from .classify import role_is_clear
from .models import ExecutionPlan
from .selection import free_words, names_order

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import BaseMessage

ANSWERS = 2
"""The first answer, and one more after its faults were shown."""
FILES_SHOWN = 120
_MAY_BE_MISSING: dict[str, Any] = {"roles": [], "depends_on": []}


def needs_refinement(plan: ExecutionPlan, words: str) -> bool:
    """Whether a model has anything to decide here; if not, the plan costs no call.

    Only when the user said more than which tasks to do, and the words ask for an order, or a task's role is a guess,
    or tasks marked [P] collide.

    Args:
        plan: The deterministic plan.
        words: The user's words (a selection's `words` or the whole sentence).
    """
    if len(plan.tasks) < 1 or not free_words(words):
        return False
    if len(plan.tasks) > 1 and (names_order(words) or any(w.code == "overlapping-parallel" for w in plan.warnings)):
        return True
    return any(not role_is_clear(task.title, task.files) for task in plan.tasks)


def refine(
    plan: ExecutionPlan, feature: Feature, model: BaseChatModel, words: str = "", emit: Emit | None = None
) -> ExecutionPlan:
    """The plan as the planner agent improves it, or as it is with a warning when the answers cannot be used.

    Args:
        plan: The deterministic plan.
        feature: The documents it was made from.
        model: A chat model; structured output is used when it has it, else JSON in its text.
        words: What the user said.
        emit: Takes the events of the model calls.

    Raises:
        Exception: Whatever the model raises; a dead endpoint is not an answer.
    """
    from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

    if not plan.tasks:
        return plan
    system, request = render(plan, feature, words)
    messages: list[BaseMessage] = [SystemMessage(system), HumanMessage(request)]
    ask = Asker(model, RefinedPlan, purpose="plan", emit=emit, missing=_MAY_BE_MISSING)
    problems: list[str] = []
    for _ in range(ANSWERS):
        text, answer, fault = ask(messages)
        problems = [fault] if answer is None else check_refined(answer, plan, feature)
        if answer is not None and not problems:
            return apply_refined(answer, plan)
        listed = "\n".join(f"- {problem}" for problem in problems[:20])
        messages += [
            AIMessage(text or "(no text)"),
            HumanMessage(f"This cannot be used:\n{listed}\nAnswer again with the whole JSON."),
        ]
    return rejected(plan, problems)


def read_answer(text: str) -> tuple[RefinedPlan | None, str]:
    """The plan in an answer's text, or None and what is wrong. What does not differ from the draft may be left out."""
    return read_json(text, RefinedPlan, _MAY_BE_MISSING)


def render(plan: ExecutionPlan, feature: Feature, words: str) -> tuple[str, str]:
    """The planner agent's two messages: the rules, which never change, and the request."""
    import jinja2

    from ... import prompts

    # Markdown for a model, not HTML for a browser: escaping would change what the documents say.
    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined)
    template = environment.from_string((resources.files(prompts) / "planner.md").read_text(encoding="utf-8"))
    edges = dependencies(plan, feature)
    kept = {
        task.id: {need for need, why in edges.hard.get(task.id, {}).items() if why in ("explicit", "same-file")}
        for task in plan.tasks
    }
    files = _repository(feature)
    values = {
        "feature": feature,
        "waves": [
            {
                "number": number,
                "tasks": [
                    {
                        **task.model_dump(include={"id", "role", "story", "title", "files"}),
                        "needs": [f"{need}!" if need in kept[task.id] else need for need in task.depends_on],
                    }
                    for task in wave
                ],
            }
            for number, wave in enumerate(plan.waves, 1)
        ],
        "repository": files[:FILES_SHOWN],
        "more_files": max(0, len(files) - FILES_SHOWN),
        "unclear": _unclear(plan),
        "words": words.strip(),
    }

    def said(code: str) -> tuple[str, str]:
        context = template.new_context({**values, "code": code})
        system = "".join(template.blocks["system"](context))
        request = "".join(template.blocks["request"](context))
        return system.strip(), re.sub(r"\n{3,}", "\n\n", request).strip()

    return said(mark_for(*said("")))


def _unclear(plan: ExecutionPlan) -> list[str]:
    lines = [f"{task.id}: its role is a guess" for task in plan.tasks if not role_is_clear(task.title, task.files)]
    return lines + [warning.message for warning in plan.warnings if warning.code == "overlapping-parallel"]


def _repository(feature: Feature) -> list[str]:
    """The repository's files, without the feature documents."""
    from ...tools.search import files

    if not feature.root.is_dir():
        return []
    return [path for path in files(feature.root) if not path.startswith((".", "specs/"))]
