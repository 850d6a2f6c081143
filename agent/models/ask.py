"""Asks a model for data of one shape, in the best way it offers, and counts what that costs."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from ..events import ModelCalled

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import BaseMessage

Emit = Callable[[Any], None]
Answer = TypeVar("Answer", bound=BaseModel)

_NOT_OFFERED = frozenset({400, 404, 405, 415, 422, 501})
"""HTTP statuses by which an endpoint says that it does not know the structured-output request."""


class Asker(Generic[Answer]):
    """Asks for an answer of a schema: structured output when the model has it, else JSON in its text.

    Args:
        model: A chat model.
        schema: What the answer must be.
        purpose: What the calls are counted as.
        emit: Takes the events of the calls.
        missing: What stands for fields that an answer leaves out.
    """

    def __init__(
        self,
        model: BaseChatModel,
        schema: type[Answer],
        *,
        purpose: str,
        emit: Emit | None = None,
        missing: Mapping[str, Any] | None = None,
    ) -> None:
        self.model, self.schema, self.purpose, self.emit = model, schema, purpose, emit
        self.missing = dict(missing or {})
        self.structured: Any = None
        try:
            # Not `include_raw`: that asks in a thread of a pool, which Ctrl-C would wait for.
            self.structured = model.with_structured_output(schema)
        except (NotImplementedError, AttributeError, TypeError, ValueError):
            self.structured = None

    def __call__(self, messages: Sequence[BaseMessage]) -> tuple[str, Answer | None, str]:
        """The answer's text, the data in it or None, and what is wrong when there is none."""
        started = time.monotonic()
        raw, parsed = self._ask(messages)
        self._tell(raw, time.monotonic() - started)
        text = raw if isinstance(raw, str) else str(getattr(raw, "text", "") or getattr(raw, "content", "") or "")
        if isinstance(parsed, self.schema):
            return text or parsed.model_dump_json(), parsed, ""
        calls = getattr(raw, "tool_calls", None) or []
        source = json.dumps(calls[0]["args"]) if calls else text
        answer, fault = read_answer(source, self.schema, self.missing)
        return text or source, answer, fault

    def _ask(self, messages: Sequence[BaseMessage]) -> tuple[Any, Any]:
        if self.structured is not None:
            try:
                return asked(self.structured, messages)
            except NotImplementedError:
                self.structured = None
            except Exception as error:
                # A dead endpoint raises again in the plain call below; one that is merely less able does not.
                if status_of(error) not in _NOT_OFFERED:
                    raise
                self.structured = None
        return self.model.invoke(messages), None

    def _tell(self, raw: Any, seconds: float) -> None:
        if self.emit is None:
            return
        usage = getattr(raw, "usage_metadata", None) or {}
        self.emit(
            ModelCalled(
                purpose=self.purpose,
                prompt_tokens=usage.get("input_tokens", 0),
                cached_tokens=(usage.get("input_token_details") or {}).get("cache_read", 0) or 0,
                completion_tokens=usage.get("output_tokens", 0),
                seconds=round(seconds, 3),
            )
        )


def asked(structured: Any, messages: Sequence[BaseMessage]) -> tuple[Any, Any]:
    """The model's message, and the data its own parser finds in it; None where it finds none."""
    from langchain_core.runnables import RunnableSequence

    if not isinstance(structured, RunnableSequence):
        found = structured.invoke(messages)
        return found, found
    raw = structured.first.invoke(messages)
    parsed: Any = raw
    try:
        for step in structured.steps[1:]:
            parsed = step.invoke(parsed)
    except Exception:
        # The caller reads the message itself, and says what is wrong with it.
        return raw, None
    return raw, parsed


def status_of(error: BaseException) -> int | None:
    """The HTTP status behind a failure; our own clients hand it on as the cause of a ModelError."""
    return getattr(error, "status_code", None) or getattr(error.__cause__, "status_code", None)


def read_answer(text: str, schema: type[Answer], missing: Mapping[str, Any]) -> tuple[Answer | None, str]:
    """The data in an answer's text: JSON, alone, fenced or among prose.

    Returns:
        The data, or None and what is wrong.
    """
    fenced = re.findall(r"```(?:json)?\s*\n(.*?)```", text, re.S)
    outer = text[text.find("{") : text.rfind("}") + 1]
    fault = "The answer holds no JSON object."
    for candidate in [*reversed(fenced), outer]:
        if "{" not in candidate:
            continue
        try:
            data = json.loads(candidate)
        except (json.JSONDecodeError, RecursionError) as error:
            fault = f"The answer is not valid JSON: {error}."
            continue
        if isinstance(data, dict):
            data = {**missing, **data}
        try:
            return schema.model_validate(data), ""
        except ValidationError as error:
            first = error.errors()[0]
            fault = f"{'.'.join(str(part) for part in first['loc']) or 'answer'}: {first['msg']}."
    return None, fault
