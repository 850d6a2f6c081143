"""What stands between kfpilot and every model: budgets, secrets, waiting for an endpoint, answers that are none.

Whoever asks a model (workers, planner, reviewer) has its own wishes for the answer; these rules are the same for all.
"""

from __future__ import annotations

import dataclasses
import time
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ...tools.redact import redact, redact_data
from ..errors import KfpilotError, ModelError, ToolFailure
from ..events import ModelCalled, Notice
from .failures import model_error
from .handle import Handle
from .usage import finish_of, refusal_of, usage_of
from .wire import message_dict, request_body, rough_tokens

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import BaseMessage
    from langchain_core.outputs import ChatResult
    from tenacity import RetryCallState

LONGEST_WAIT = 60.0
"""Seconds between two tries, if the endpoint does not ask for more."""
FIRST_WAIT = 60.0
"""Seconds in all for an address at which nobody has ever answered: it is rather wrong than down."""
TRIES_EMPTY = 3
LONGEST_ANSWER = 2_000_000
"""Characters; a longer one is a loop, and would fill every prompt after it."""
AWAY = 60.0
"""An outage of more seconds than this stands in the report."""

Ask = Callable[["list[BaseMessage]"], "ChatResult"]


class Guard:
    """Rules for every call of a model.

    Args:
        wait: Seconds that one call may wait in all for an endpoint.
        check: Raises when a budget does not allow a request of so many tokens.
        emit: Takes events.
        time_left: Seconds that the budgets leave; None for no limit.
        sleep: Waits.
        now: The clock.
    """

    def __init__(
        self,
        wait: float,
        *,
        check: Callable[[int], None] = lambda tokens: None,
        emit: Callable[[Any], None] = lambda event: None,
        time_left: Callable[[], float | None] = lambda: None,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.wait, self.check, self.emit, self.time_left = wait, check, emit, time_left
        self.sleep, self.now = sleep, now
        self.answered = False

    def call(self, ask: Ask, messages: list[BaseMessage], params: dict[str, Any], name: str = "") -> ChatResult:
        """Ask, and ask again while that may help.

        Args:
            ask: Sends the messages.
            messages: The request; it is sent without secrets.
            params: What was bound to it (tools, format): counted only.
            name: The model, for messages.

        Raises:
            BudgetExceeded: Before a request that a budget does not allow.
            ModelError: The endpoint failed for good; waiting longer is not worth it.
        """
        import tenacity

        clean = [without_secrets(message) for message in messages]
        size = rough_tokens(request_body(clean, {"tools": params.get("tools")}))
        started = self.now()
        empty: list[ChatResult] = []

        def once() -> ChatResult:
            self.check(size)
            try:
                result = ask(clean)
            except (KfpilotError, ToolFailure, AssertionError, NotImplementedError) as error:
                self.answered |= isinstance(error, ModelError) and not error.unreachable
                raise
            except Exception as error:
                told = model_error(error, name=name)
                self.answered |= not told.unreachable
                raise told from error
            self.answered = True
            return self.looked_at(result, size, empty)

        retrying = tenacity.Retrying(
            sleep=self.sleep,
            retry=tenacity.retry_if_exception(lambda error: isinstance(error, ModelError) and error.transient),
            wait=self._pause,
            stop=lambda state: self._enough(state, self.now() - started),
            before_sleep=lambda state: self._tell(state, self.now() - started),
            reraise=True,
        )
        try:
            result = retrying(once)
        except ModelError as error:
            if empty:
                # The request is answered with nothing each time: whoever asked must ask for something else.
                return empty[-1]
            if not error.transient:
                raise
            raise self._final(error, retrying.statistics, self.now() - started) from error.__cause__ or error
        away = self.now() - started
        if retrying.statistics.get("attempt_number", 1) > 1 and retrying.statistics.get("idle_for", 0.0) > AWAY:
            message = f"the model's endpoint gave no answer for {away:,.0f} s, then the run went on"
            self.emit(Notice(level="warning", code="endpoint-away", message=message))
        return result

    def looked_at(self, result: ChatResult, size: int, empty: list[ChatResult]) -> ChatResult:
        """The answer with its tokens, unless there is nothing in it or far too much.

        Raises:
            ModelError: It is worth asking again.
        """
        from langchain_core.messages import AIMessage

        answer = result.generations[0]
        message = answer.message
        # Why it stopped comes beside the message, and is put into it only later.
        message.response_metadata = {**(answer.generation_info or {}), **message.response_metadata}
        if isinstance(message, AIMessage) and not usage_of(message).total:
            # Without a count no budget of tokens could hold.
            said = rough_tokens(message_dict(message))
            message.usage_metadata = {"input_tokens": size, "output_tokens": said, "total_tokens": size + said}
        calls = [*getattr(message, "tool_calls", []), *getattr(message, "invalid_tool_calls", [])]
        name_calls(calls)
        length = len(str(message.content)) + sum(len(str(call.get("args"))) for call in calls)
        if length > LONGEST_ANSWER:
            self._wasted(message)
            raise ModelError(
                f"the model gave an answer of {length:,} characters, which no task needs",
                mend="It loops: use another model, or limit its answers at the endpoint.",
                transient=True,
                tries=2,
            )
        blank = not calls and not str(message.text).strip()
        if blank and not refusal_of(message) and finish_of(message) not in ("length", "content_filter", "max_tokens"):
            empty.append(result)
            if len(empty) < TRIES_EMPTY:
                # The last one is counted by whoever gets it.
                self._wasted(message)
            raise ModelError("the model gave an empty answer", transient=True, tries=TRIES_EMPTY)
        empty.clear()
        return result

    def _wasted(self, message: BaseMessage) -> None:
        usage = usage_of(message)
        self.emit(
            ModelCalled(
                purpose="wasted",
                prompt_tokens=usage.prompt,
                cached_tokens=usage.cached,
                completion_tokens=usage.completion,
            )
        )

    def _pause(self, state: RetryCallState) -> float:
        import tenacity

        error = failure(state)
        backoff = tenacity.wait_exponential(multiplier=1, max=LONGEST_WAIT)(state)
        # Many clients that lost the same endpoint must not all come back in the same second.
        pause = backoff * 0.75 + tenacity.wait_random(0, max(backoff * 0.25, 0.001))(state)
        if error.retry_after is not None:
            pause = max(error.retry_after, 0.1)
        left = self.time_left()
        return pause if left is None else min(pause, max(left, 0.0))

    def _enough(self, state: RetryCallState, elapsed: float) -> bool:
        error = failure(state)
        if error.tries is not None and state.attempt_number >= error.tries:
            return True
        limit = self.wait if self.answered or not error.unreachable else min(self.wait, FIRST_WAIT)
        return elapsed + state.upcoming_sleep > limit

    def _tell(self, state: RetryCallState, elapsed: float) -> None:
        error, pause = failure(state), state.upcoming_sleep
        message = f"{error.what}; asked again in {pause:.0f} s (try {state.attempt_number + 1}, {elapsed:.0f} s so far)"
        self.emit(Notice(code="model-retry", message=redact(message)))

    def _final(self, error: ModelError, statistics: dict[str, Any], elapsed: float) -> ModelError:
        """The failure as the run ends with it; nobody else tries it again."""
        tried = statistics.get("attempt_number", 1)
        more = f" (tried {tried} times in {elapsed:.0f} s)" if tried > 1 else ""
        mend = error.mend
        if error.tries is None:
            mend = f"{mend} KFPILOT_MODEL_WAIT says how long to wait; `kfpilot run --resume` goes on.".strip()
        return ModelError(error.what + more, mend=mend, overflow=error.overflow, unreachable=error.unreachable)


def name_calls(calls: list[Any]) -> None:
    """Give each call an id of its own: without one its result could not be told from that of another."""
    seen: set[str] = set()
    for call in calls:
        if not call.get("id") or call["id"] in seen:
            call["id"] = f"call_{uuid.uuid4().hex[:24]}"
        seen.add(call["id"])


def failure(state: RetryCallState) -> ModelError:
    """What the last try ended with."""
    error = state.outcome.exception() if state.outcome else None
    return model_error(error) if error else ModelError("no failure")


def without_secrets(message: BaseMessage) -> BaseMessage:
    """The message as it may be sent: its content and the arguments of its calls."""
    update: dict[str, Any] = {}
    for field in ("content", "tool_calls", "invalid_tool_calls", "additional_kwargs"):
        value = getattr(message, field, None)
        if value:
            clean = redact_data(value)
            if clean != value:
                update[field] = clean
    return message.model_copy(update=update) if update else message


def guarded(handle: Handle, guard: Guard) -> Handle:
    """The handle, its model under guard.

    The model keeps its class's ways (binding of tools, structured output, profile); only the request itself goes
    through the guard. The model that was given stays as it is.
    """
    return dataclasses.replace(handle, model=guarded_model(handle.model, guard, handle.name))


def guarded_model(model: BaseChatModel, guard: Guard, name: str = "") -> BaseChatModel:
    """A copy of the model that shares its connection and its state, and asks only through the guard."""
    from langchain_core.callbacks import CallbackManagerForLLMRun
    from langchain_core.runnables import run_in_executor

    kind = type(model)

    def _generate(
        self: Any,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        def ask(clean: list[BaseMessage]) -> ChatResult:
            return kind._generate(self, clean, stop, run_manager, **kwargs)

        return guard.call(ask, messages, kwargs, name)

    async def _agenerate(
        self: Any, messages: list[BaseMessage], stop: list[str] | None = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        manager = run_manager.get_sync() if run_manager else None
        return await run_in_executor(None, self._generate, messages, stop, manager, **kwargs)

    methods = {"_generate": _generate, "_agenerate": _agenerate, "__module__": kind.__module__}
    # A stream would go around the guard, so the copy does not offer any.
    copy = model.model_copy(update={"disable_streaming": True})
    copy.__class__ = type(kind.__name__, (kind,), methods)
    return copy
