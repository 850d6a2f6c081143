"""What stands between langchain's agent loop and the model: metering, endings, malformed calls."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from langchain.agents.middleware import (
    AgentMiddleware,
    AgentState,
    ModelRequest,
    ModelResponse,
    ModelRetryMiddleware,
    ToolCallRequest,
    hook_config,
)
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage

from ..errors import KfpilotError, ToolFailure
from ..events import ModelCalled, ToolCalled
from ..models.failures import model_error, retryable
from ..models.usage import finish_of, refusal_of, usage_of

MAX_NUDGES = 2
MAX_CUTS = 4
CUT_OFF = (
    "Your answer was cut off by its length limit: only the calls above were made, what came after them is lost. "
    "Go on, with less in each answer; call `finish` when all is written."
)
RETRIES = 4


def retrying() -> ModelRetryMiddleware:
    """Transport retries with growing waits; a dead endpoint ends as an error, never as an answer."""
    return ModelRetryMiddleware(max_retries=RETRIES, retry_on=retryable, on_failure="error", max_delay=30.0)


def turn(messages: list[Any]) -> tuple[AIMessage | None, list[ToolMessage]]:
    """The last answer of the model and the tool results that came after it; none if somebody spoke to it since.

    After a refusal the conversation ends with the verifier's findings: the `finish` before them is no ending.
    """
    results: list[ToolMessage] = []
    for message in reversed(messages):
        if isinstance(message, HumanMessage):
            break
        if isinstance(message, AIMessage):
            return message, results
        if isinstance(message, ToolMessage):
            results.append(message)
    return None, results


def cut(answer: AIMessage) -> bool:
    """Whether an answer ended at its length limit."""
    return finish_of(answer) in ("length", "max_tokens", "MAX_TOKENS")


class Meter(AgentMiddleware):
    """Emits an event for every model call and tool call."""

    def __init__(self, emit: Callable[[Any], None], task: str) -> None:
        super().__init__()
        self.emit, self.task = emit, task
        self.since: float | None = time.monotonic()

    def wrap_model_call(self, request: ModelRequest, handler: Callable[[ModelRequest], ModelResponse]) -> ModelResponse:
        start = time.monotonic()
        # Since the answer before: tools, messages. After a failed call it would be the wait before the next try.
        overhead = start - self.since if self.since is not None else 0.0
        self.since = None
        try:
            response = handler(request)
        except (KfpilotError, ToolFailure):
            raise
        except Exception as error:
            raise model_error(error) from error
        message = next((m for m in reversed(response.result) if isinstance(m, AIMessage)), None)
        usage = usage_of(message) if message else None
        self.emit(
            ModelCalled(
                task=self.task,
                prompt_tokens=usage.prompt if usage else 0,
                cached_tokens=usage.cached if usage else 0,
                completion_tokens=usage.completion if usage else 0,
                seconds=round(time.monotonic() - start, 3),
                overhead_seconds=round(overhead, 3),
            )
        )
        self.since = time.monotonic()
        return response

    def wrap_tool_call(self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Any]) -> Any:
        call = request.tool_call
        target = str(call["args"].get("path") or call["args"].get("pattern") or "")[:200]
        try:
            done = handler(request)
        except ToolFailure as error:
            self.emit(ToolCalled(task=self.task, tool=call["name"], target=target, ok=False, message=str(error)[:300]))
            return ToolMessage(content=f"Error: {error}", tool_call_id=call["id"], name=call["name"], status="error")
        failed = isinstance(done, ToolMessage) and done.status == "error"
        message = str(done.content)[:300] if failed else ""
        self.emit(ToolCalled(task=self.task, tool=call["name"], target=target, ok=not failed, message=message))
        return done


class Endings(AgentMiddleware):
    """Decides when an attempt is over, and answers what would otherwise end it silently.

    - `finish` ends it, unless another call of the same answer failed: then the model sees the error first.
    - A call whose arguments are not JSON gets an error as its result (langchain drops such calls without a word).
    - An answer without any call is reminded of the tools, twice at most; then the attempt fails.
    - An answer that was cut off by its length limit ends nothing: what came after its last call is not known.
    - A refusal ends the attempt as a failure, with the model's reason.
    """

    def __init__(self) -> None:
        super().__init__()
        self.nudges = 0
        self.cuts = 0

    @hook_config(can_jump_to=["end"])
    def before_model(self, state: AgentState, runtime: Any) -> dict[str, Any] | None:
        answer, results = turn(state["messages"])
        if answer and answer.tool_calls and not answer.invalid_tool_calls and cut(answer):
            self.count_cut()
            return {"messages": [HumanMessage(CUT_OFF)]}
        finished = any(result.name == "finish" and result.status != "error" for result in results)
        if finished and answer and not answer.invalid_tool_calls and all(r.status != "error" for r in results):
            return {"jump_to": "end"}
        return None

    @hook_config(can_jump_to=["model"])
    def after_model(self, state: AgentState, runtime: Any) -> dict[str, Any] | None:
        answer, _ = turn(state["messages"])
        if answer is None:
            return None
        if why := refusal_of(answer):
            raise ToolFailure(f"the model refuses to answer: {why}")
        if answer.tool_calls and not answer.invalid_tool_calls:
            return None
        cut_off = cut(answer)
        if answer.invalid_tool_calls:
            self.count(answer.tool_calls)
            errors = [
                ToolMessage(
                    content=f"Error: the arguments of this call are not valid JSON ({call.get('error') or 'cut off'}). "
                    + ("Your answer was cut off by its length limit: write less at once. " if cut_off else "")
                    + "Call it again.",
                    tool_call_id=call.get("id") or "unknown",
                    name=call.get("name") or "unknown",
                    status="error",
                )
                for call in answer.invalid_tool_calls
            ]
            return {"messages": errors, "jump_to": "model"} if not answer.tool_calls else {"messages": errors}
        self.count([])
        text = "Your answer was cut off by its length limit." if cut_off else "Your answer called no tool."
        reminder = HumanMessage(f"{text} Work happens only through tools: write the files, then call `finish`.")
        return {"messages": [reminder], "jump_to": "model"}

    def count_cut(self) -> None:
        """One more answer that was cut off; too many end the attempt."""
        self.cuts += 1
        if self.cuts > MAX_CUTS:
            raise ToolFailure(
                f"{self.cuts} answers of the model were cut off by their length limit; write less at once"
            )

    def count(self, calls: list[Any]) -> None:
        """One more useless answer; too many end the attempt."""
        if calls:
            return
        self.nudges += 1
        if self.nudges > MAX_NUDGES:
            raise ToolFailure(f"the model gave {self.nudges} answers without a usable tool call")
