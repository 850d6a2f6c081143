"""Makes a conversation shorter that is longer than the model's context: first what can be read again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from langchain.agents.middleware import AgentMiddleware, ModelRequest, ModelResponse
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage

from ..errors import ToolFailure
from ..models.failures import model_error
from ..models.wire import rough_tokens

KEPT_RESULTS = 2
LONG = 400
CUT_RESULT = 2_000
LEFT_OUT = "[left out to save room; read the file again if you need it]"
ROOM = 0.85
"""Of the context, for the request: the answer needs room too."""


class Shrink(AgentMiddleware):
    """Asks again with less when the request is too long, or is known to be before it is sent.

    Args:
        context: The model's context in tokens, None if nobody said.
        shorter: Makes the first request anew without what the task can do without.
    """

    def __init__(self, context: int | None, shorter: Callable[[], str]) -> None:
        super().__init__()
        self.context, self.shorter = context, shorter

    def wrap_model_call(self, request: ModelRequest, handler: Callable[[ModelRequest], ModelResponse]) -> ModelResponse:
        steps: list[Callable[[list[Any]], list[Any]]] = [old_left_out, results_cut, self.first_shorter]
        messages: list[Any] = list(request.messages)
        while self.context and steps and size(messages) > ROOM * self.context:
            messages = steps.pop(0)(messages)
        while True:
            try:
                return handler(request.override(messages=messages))
            except Exception as error:
                if isinstance(error, ToolFailure) or not model_error(error).overflow:
                    raise
                before = size(messages)
                while steps and size(messages) >= before:
                    messages = steps.pop(0)(messages)
                if size(messages) >= before:
                    raise ToolFailure(
                        "the request is longer than the model's context, even without all that could be left out; the "
                        "task needs a model with a longer context, or fewer or smaller files"
                    ) from error

    def first_shorter(self, messages: list[Any]) -> list[Any]:
        """The first request with less around the task."""
        at = next((i for i, message in enumerate(messages) if isinstance(message, HumanMessage)), None)
        if at is None:
            return messages
        return [*messages[:at], HumanMessage(self.shorter()), *messages[at + 1 :]]


def size(messages: list[BaseMessage]) -> int:
    """Roughly the tokens of a conversation."""
    return sum(
        rough_tokens(message.content) + sum(rough_tokens(call["args"]) for call in getattr(message, "tool_calls", []))
        for message in messages
    )


def old_left_out(messages: list[Any]) -> list[Any]:
    """Without the results of tools but the last, and without the texts that were written long ago."""
    results = [i for i, message in enumerate(messages) if isinstance(message, ToolMessage)]
    old = set(results[:-KEPT_RESULTS])
    border = results[-KEPT_RESULTS] if len(results) > KEPT_RESULTS else 0
    shorter: list[Any] = []
    for at, message in enumerate(messages):
        if at in old and len(str(message.content)) > LONG:
            shorter.append(message.model_copy(update={"content": LEFT_OUT}))
        elif isinstance(message, AIMessage) and at < border and message.tool_calls:
            calls = [{**call, "args": {name: brief(value) for name, value in call["args"].items()}}
                     for call in message.tool_calls]  # fmt: skip
            shorter.append(message.model_copy(update={"tool_calls": calls}))
        else:
            shorter.append(message)
    return shorter


def results_cut(messages: list[Any]) -> list[Any]:
    """With the beginning of each result only."""
    return [
        message.model_copy(update={"content": f"{str(message.content)[:CUT_RESULT]}\n{LEFT_OUT}"})
        if isinstance(message, ToolMessage) and len(str(message.content)) > CUT_RESULT
        else message
        for message in messages
    ]


def brief(value: Any) -> Any:
    """An argument of a call, cut where it is long."""
    return f"{value[:LONG]} {LEFT_OUT}" if isinstance(value, str) and len(value) > LONG else value
