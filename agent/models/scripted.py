"""A fake model for tests: says what a script says, remembers what it was sent, complains when it runs dry."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from pydantic import PrivateAttr

Turn = AIMessage | str | BaseException | Callable[[list[BaseMessage]], "AIMessage | str"]
"""One answer: a message, a text, an exception to raise, or a function of the messages it was sent."""

_ids = itertools.count(1)


def calls(*wanted: tuple[str, dict[str, Any]], content: str = "") -> AIMessage:
    """An answer that calls tools: `calls(("write_file", {"path": "a.py", "content": ""}), ("finish", {}))`."""
    made = [{"name": name, "args": args, "id": f"call_{next(_ids)}", "type": "tool_call"} for name, args in wanted]
    return AIMessage(content=content, tool_calls=made)


class ScriptedModel(BaseChatModel):
    """Gives the answers of a queue one after another.

    `with_structured_output(Schema)` works through tool calls: queue `calls(("Schema", {...}))`.

    Attributes:
        sent: The messages of every request, in order.
        bound: What was bound with each request (`tools`, `tool_choice`, …).
    """

    _queue: list[Turn] = PrivateAttr(default_factory=list)
    _sent: list[list[BaseMessage]] = PrivateAttr(default_factory=list)
    _bound: list[dict[str, Any]] = PrivateAttr(default_factory=list)
    _lock: threading.Lock = PrivateAttr(default_factory=threading.Lock)

    def __init__(self, queue: Iterable[Turn] = (), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._queue = list(queue)

    @property
    def _llm_type(self) -> str:
        return "kfpilot-scripted"

    @property
    def sent(self) -> list[list[BaseMessage]]:
        """The messages of every request, in order."""
        return self._sent

    @property
    def bound(self) -> list[dict[str, Any]]:
        """What was bound with each request."""
        return self._bound

    @property
    def left(self) -> int:
        """How many answers are still in the queue."""
        return len(self._queue)

    def add(self, *turns: Turn) -> None:
        """Put more answers at the end of the queue."""
        self._queue.extend(turns)

    def bind_tools(
        self, tools: Sequence[dict[str, Any] | type | Callable | BaseTool], **kwargs: Any
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Keeps the tools' schemas; `bound` shows them."""
        from langchain_core.utils.function_calling import convert_to_openai_tool

        return self.bind(tools=[convert_to_openai_tool(tool) for tool in tools], **kwargs)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        with self._lock:
            self._sent.append(list(messages))
            self._bound.append(kwargs)
            if not self._queue:
                raise AssertionError(f"the script has run dry: request {len(self._sent)} has no answer")
            turn = self._queue.pop(0)
        if isinstance(turn, BaseException):
            raise turn
        if callable(turn):
            turn = turn(list(messages))
        message = AIMessage(content=turn) if isinstance(turn, str) else turn
        return ChatResult(generations=[ChatGeneration(message=message)])
