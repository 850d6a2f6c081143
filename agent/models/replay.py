"""A model that gives the answers of a record again, for tests that need no endpoint."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.messages.ai import InputTokenDetails, UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from pydantic import PrivateAttr

from ..errors import ModelError, UserError
from .wire import message_from, request_body, rough_tokens

TASK_HEAD = "# Task "
DRAFT_HEAD = "Task: "
"""How a request of the draft worker names its task, below the files that it shows."""


def task_key(messages: Sequence[dict[str, Any]]) -> str | None:
    """Whose request this is: the line that names the task in what the user side said, None if there is none."""
    draft = None
    for message in messages:
        if message.get("role") != "user":
            continue
        content = message.get("content") or ""
        if isinstance(content, list):
            content = "\n".join(part.get("text", "") for part in content if isinstance(part, dict))
        for line in str(content).splitlines():
            if line.startswith(TASK_HEAD):
                return line.rstrip()
            if line.startswith(DRAFT_HEAD):
                draft = line.rstrip()
    return draft


def read_record(path: Path) -> list[dict[str, Any]]:
    """The answered exchanges of a record, in the order in which they were asked.

    Raises:
        UserError: There is no such file, or a line of it is not an exchange.
    """
    if not path.is_file():
        raise UserError(
            "there is no such record", where=path, mend="Give the path of a file that KFPILOT_RECORD wrote."
        )
    rows = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            answered = isinstance(row["request"]["messages"], list) and isinstance(row.get("message"), dict)
        except (ValueError, KeyError, TypeError):
            raise UserError(
                "not a recorded exchange (expected JSON with request.messages and message)",
                where=path,
                line=number,
                mend="Record again with KFPILOT_RECORD=FILE, or take the line out.",
            ) from None
        if answered:
            rows.append(row)
    # Parallel exchanges are written in the order of their answers.
    return sorted(rows, key=lambda row: row.get("asked") or row.get("number") or 0)


class ReplayModel(BaseChatModel):
    """Answers from a record.

    The n-th request for a task gets the n-th answer that was recorded for this task, whatever order the tasks come
    in. Requests that name no task get the answers of such requests in order. Nothing is ever made up: a record
    that has no (further) answer is a ModelError.
    """

    path: Path
    _queues: dict[str | None, list[dict[str, Any]]] = PrivateAttr(default_factory=dict)
    _used: dict[str | None, int] = PrivateAttr(default_factory=dict)
    _lock: threading.Lock = PrivateAttr(default_factory=threading.Lock)

    def __init__(self, path: Path | str, **kwargs: Any) -> None:
        super().__init__(**{"path": Path(path), **kwargs})
        for row in read_record(self.path):
            self._queues.setdefault(task_key(row["request"]["messages"]), []).append(row)

    @property
    def _llm_type(self) -> str:
        return "kfpilot-replay"

    @property
    def recorded_tools(self) -> bool:
        """Whether any recorded request offered tools."""
        return any(row["request"].get("tools") for rows in self._queues.values() for row in rows)

    def answers(self, key: str | None) -> bool:
        """Whether there are answers for this first line (`# Task …`) that nobody has asked for yet."""
        return self._used.get(key, 0) < len(self._queues.get(key, []))

    @property
    def left(self) -> int:
        """How many answers nobody has asked for yet."""
        return sum(len(rows) - self._used.get(key, 0) for key, rows in self._queues.items())

    def bind_tools(
        self, tools: Sequence[dict[str, Any] | type | Callable | BaseTool], **kwargs: Any
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Tools change nothing about a recorded answer; they are kept so that a recording of a replay has them."""
        from langchain_core.utils.function_calling import convert_to_openai_tool

        return self.bind(tools=[convert_to_openai_tool(tool) for tool in tools], **kwargs)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        body = request_body(messages, kwargs)
        row = self._next(task_key(body["messages"]))
        message = message_from(row["message"])
        message.usage_metadata = _usage(row, body)
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _next(self, key: str | None) -> dict[str, Any]:
        with self._lock:
            # A record in which no request names a task is replayed in plain order.
            if key not in self._queues and set(self._queues) <= {None}:
                key = None
            rows, used = self._queues.get(key, []), self._used.get(key, 0)
            if used >= len(rows):
                asked = f"'{key}'" if key else "a request that names no task"
                raise ModelError(
                    f"the record {self.path} has {len(rows)} answers for {asked}, and request {used + 1} came",
                    mend="The work has changed since it was recorded: record it again (KFPILOT_RECORD=FILE).",
                )
            self._used[key] = used + 1
            return rows[used]


def _usage(row: dict[str, Any], body: dict[str, Any]) -> UsageMetadata:
    """What was counted when it was recorded; else a rough count, so that reports of replays can be compared."""
    counted = row.get("usage") or {}
    sent = counted.get("prompt") or rough_tokens(body["messages"]) + (
        rough_tokens(body["tools"]) if body.get("tools") else 0
    )
    said = counted.get("completion") or rough_tokens(row["message"])
    return UsageMetadata(
        input_tokens=sent,
        output_tokens=said,
        total_tokens=sent + said,
        input_token_details=InputTokenDetails(cache_read=counted.get("cached") or 0),
    )
