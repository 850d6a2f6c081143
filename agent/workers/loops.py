"""Notices a model that goes round in circles: the same call with the same result."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

from langchain.agents.middleware import AgentMiddleware, AgentState, ToolCallRequest
from langchain_core.messages import ToolCall, ToolMessage

from ..errors import ToolFailure

HINT_AT = 3
STOP_AT = 5


class Loops(AgentMiddleware):
    """A call that was made before, with the same result, gets a hint the third time, and ends the attempt the fifth.

    What a call gives changes when a file was changed in between: that is work, not a loop.
    """

    def __init__(self) -> None:
        super().__init__()
        self.seen: Counter[str] = Counter()
        self.stuck = ""

    def wrap_tool_call(self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Any]) -> Any:
        call = request.tool_call
        try:
            done = handler(request)
        except ToolFailure as error:
            # An edit that does not fit is told as an error, and made again it is a loop like any other.
            hint = self.seen_again(call, str(error))
            raise ToolFailure(f"{error}\n\n{hint}") if hint else error from None
        if not isinstance(done, ToolMessage) or call["name"] == "finish":
            return done
        hint = self.seen_again(call, str(done.content))
        return done.model_copy(update={"content": f"{done.content}\n\n{hint}"}) if hint else done

    def seen_again(self, call: ToolCall, result: str) -> str:
        """What the model is told when it has made a call before, with the same result; empty for the first times."""
        made = json.dumps([call["name"], call["args"], result], sort_keys=True, default=str)
        self.seen[made] += 1
        times = self.seen[made]
        if times >= STOP_AT:
            self.stuck = f"the model made the same call {times} times: {call['name']} {aim(call['args'])}".strip()
        if times < HINT_AT:
            return ""
        return (
            f"You have made this call {times} times, and its result is the same each time. It leads nowhere: do "
            "something else. Write what the task asks for with what you know, or call `finish`."
        )

    def before_model(self, state: AgentState, runtime: Any) -> dict[str, Any] | None:
        if self.stuck:
            raise ToolFailure(self.stuck)
        return None


def aim(args: dict[str, Any]) -> str:
    """What a call is about: usually a path."""
    return str(args.get("path") or args.get("pattern") or "")[:120]
