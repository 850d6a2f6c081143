"""Finds out whether a model can really call tools, which no endpoint says of itself."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from ..errors import ModelError
from .failures import model_error

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

# What tool workers need: text of several lines with quotes and backslashes, whole, in an argument.
PATH = "notes/probe.py"
CONTENT = 'names = ["a", "b"]\nprint("\\n".join(names))\n'
TOOL: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "write_file",
        "description": "Write a text file.",
        "parameters": {
            "type": "object",
            "properties": {
                "path": {"type": "string", "description": "Relative path"},
                "content": {"type": "string", "description": "The whole text"},
            },
            "required": ["path", "content"],
        },
    },
}
QUESTION = (
    f"Call the tool write_file once, with the path {PATH} and exactly this content:\n\n```python\n{CONTENT}```\n\n"
    "When the tool has answered, say done."
)


class ProbeResult(BaseModel):
    """Whether a model calls tools, and how that was seen."""

    ok: bool
    why: str
    seconds: float


def can_call_tools(model: BaseChatModel) -> ProbeResult:
    """Let a model call one tool and go on from its result.

    Raises:
        ModelError: The endpoint itself failed (key, address, time, …), which says nothing about tools.
    """
    from langchain_core.messages import HumanMessage, ToolMessage

    begin = time.monotonic()

    def result(ok: bool, why: str) -> ProbeResult:
        return ProbeResult(ok=ok, why=why, seconds=round(time.monotonic() - begin, 3))

    try:
        bound = model.bind_tools([TOOL])
    except NotImplementedError:
        return result(False, "its client cannot offer tools")
    question = HumanMessage(QUESTION)
    try:
        answer = bound.invoke([question])
    except Exception as error:
        if why := _refusal(error):
            return result(False, f"the endpoint refuses a request with tools: {why}")
        raise model_error(error) from error
    if not answer.tool_calls:
        broken = getattr(answer, "invalid_tool_calls", [])
        return result(False, "it calls the tool with arguments that are not JSON" if broken else "it answers in prose")
    call = answer.tool_calls[0]
    if call["name"] != TOOL["function"]["name"]:
        return result(False, f"it calls a tool that does not exist: {call['name']}")
    if call["args"].get("path") != PATH or str(call["args"].get("content", "")).strip() != CONTENT.strip():
        return result(False, "it calls the tool, but what it passes is not what it was told to pass")
    results = [ToolMessage(f"{PATH} written", tool_call_id=str(one["id"])) for one in answer.tool_calls]
    try:
        last = bound.invoke([question, answer, *results])
    except Exception as error:
        if why := _refusal(error):
            return result(False, f"the endpoint refuses a tool's result: {why}")
        raise model_error(error) from error
    if last.tool_calls and all(one["args"] == call["args"] for one in last.tool_calls):
        return result(False, "it repeats the same call although the tool has answered")
    return result(True, "it calls a tool and goes on from its result")


def _refusal(error: Exception) -> str:
    """Why, if the endpoint understood the request and does not want it with tools; empty if it failed otherwise."""
    status = getattr(error, "status_code", None) or getattr(error.__cause__, "status_code", None)
    told = error.what if isinstance(error, ModelError) else str(error)
    if status in (400, 422, 501) or (status == 500 and "tool" in told.lower()):
        return told
    return ""
