"""The planner agent: a model looks over the deterministic plan; its answer is checked before it counts."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Sequence
from importlib import resources
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from ..documents.models import Feature
from ..events import ModelCalled
from .build import dependencies
from .check import RefinedPlan, apply_refined, check_refined, rejected
from .classify import role_is_clear
from .models import ExecutionPlan
from .selection import free_words, names_order

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import BaseMessage

Emit = Callable[[Any], None]

ANSWERS = 2
"""The first answer, and one more after its faults were shown."""
FILES_SHOWN = 120
_NOT_OFFERED = frozenset({400, 404, 405, 415, 422, 501})
"""HTTP statuses by which an endpoint says that it does not know the structured-output request."""


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
    ask = _Asker(model, emit)
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


class _Asker:
    """Asks for a RefinedPlan in the best way the model offers, and remembers which that is."""

    def __init__(self, model: BaseChatModel, emit: Emit | None) -> None:
        self.model, self.emit = model, emit
        self.structured: Any = None
        try:
            self.structured = model.with_structured_output(RefinedPlan, include_raw=True)
        except (NotImplementedError, AttributeError, TypeError, ValueError):
            self.structured = None

    def __call__(self, messages: Sequence[BaseMessage]) -> tuple[str, RefinedPlan | None, str]:
        """The answer's text, the plan in it or None, and what is wrong when there is none."""
        started = time.monotonic()
        raw, parsed = self._ask(messages)
        self._tell(raw, time.monotonic() - started)
        text = raw if isinstance(raw, str) else str(getattr(raw, "text", "") or getattr(raw, "content", "") or "")
        if isinstance(parsed, RefinedPlan):
            return text or parsed.model_dump_json(), parsed, ""
        calls = getattr(raw, "tool_calls", None) or []
        source = json.dumps(calls[0]["args"]) if calls else text
        answer, fault = read_answer(source)
        return text or source, answer, fault

    def _ask(self, messages: Sequence[BaseMessage]) -> tuple[Any, Any]:
        if self.structured is not None:
            try:
                found = self.structured.invoke(messages)
            except NotImplementedError:
                self.structured = None
            except Exception as error:
                # A dead endpoint raises again in the plain call below; one that is merely less able does not.
                if getattr(error, "status_code", None) not in _NOT_OFFERED:
                    raise
                self.structured = None
            else:
                if isinstance(found, dict) and "raw" in found:
                    return found["raw"], found.get("parsed")
                return found, found
        return self.model.invoke(messages), None

    def _tell(self, raw: Any, seconds: float) -> None:
        if self.emit is None:
            return
        usage = getattr(raw, "usage_metadata", None) or {}
        self.emit(
            ModelCalled(
                purpose="plan",
                prompt_tokens=usage.get("input_tokens", 0),
                cached_tokens=(usage.get("input_token_details") or {}).get("cache_read", 0) or 0,
                completion_tokens=usage.get("output_tokens", 0),
                seconds=round(seconds, 3),
            )
        )


def read_answer(text: str) -> tuple[RefinedPlan | None, str]:
    """The plan in an answer's text: JSON, alone, fenced or among prose.

    Returns:
        The plan, or None and what is wrong.
    """
    fenced = re.findall(r"```(?:json)?\s*\n(.*?)```", text, re.S)
    outer = text[text.find("{") : text.rfind("}") + 1]
    fault = "The answer holds no JSON object."
    for candidate in [*reversed(fenced), outer]:
        if "{" not in candidate:
            continue
        try:
            data = json.loads(candidate)
        except json.JSONDecodeError as error:
            fault = f"The answer is not valid JSON: {error}."
            continue
        if isinstance(data, dict):
            # What does not differ from the draft may be left out.
            data = {"roles": [], "depends_on": [], **data}
        try:
            return RefinedPlan.model_validate(data), ""
        except ValidationError as error:
            first = error.errors()[0]
            fault = f"{'.'.join(str(part) for part in first['loc']) or 'answer'}: {first['msg']}."
    return None, fault


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
    context = template.new_context(values)
    system = "".join(template.blocks["system"](context))
    request = "".join(template.blocks["request"](context))
    return system.strip(), re.sub(r"\n{3,}", "\n\n", request).strip()


def _unclear(plan: ExecutionPlan) -> list[str]:
    lines = [f"{task.id}: its role is a guess" for task in plan.tasks if not role_is_clear(task.title, task.files)]
    return lines + [warning.message for warning in plan.warnings if warning.code == "overlapping-parallel"]


def _repository(feature: Feature) -> list[str]:
    """The repository's files, without the feature documents."""
    from ...tools.search import files

    if not feature.root.is_dir():
        return []
    return [path for path in files(feature.root) if not path.startswith((".", "specs/"))]
