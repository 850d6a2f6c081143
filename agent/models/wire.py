"""Messages as the chat-completions protocol writes them, the form in which exchanges are recorded."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage, BaseMessage

# What of a request's parameters is recorded: nothing that could hold a key or a header.
KEPT = (
    "model",
    "tools",
    "tool_choice",
    "response_format",
    "temperature",
    "top_p",
    "seed",
    "max_tokens",
    "max_completion_tokens",
    "stop",
    "stream",
)


def request_body(messages: Sequence[BaseMessage], params: dict[str, Any]) -> dict[str, Any]:
    """The request as JSON data: the messages and the parameters that shape the answer."""
    from langchain_core.messages import convert_to_openai_messages

    body: dict[str, Any] = {key: params[key] for key in KEPT if params.get(key) is not None}
    body["messages"] = convert_to_openai_messages(list(messages))
    try:
        json.dumps(body)
    except TypeError:
        body = json.loads(json.dumps(body, default=str))
    return body


def message_dict(message: BaseMessage) -> dict[str, Any]:
    """One answer as the protocol writes it."""
    from langchain_core.messages import convert_to_openai_messages

    row = convert_to_openai_messages([message])[0]
    # Calls whose arguments are not JSON are part of what the model said: a replay must meet them again.
    broken = [
        {"id": call.get("id"), "type": "function", "function": {"name": call["name"], "arguments": call["args"]}}
        for call in getattr(message, "invalid_tool_calls", [])
    ]
    if broken:
        row["tool_calls"] = [*(row.get("tool_calls") or []), *broken]
    return row


def message_from(row: dict[str, Any]) -> AIMessage:
    """The answer that a recorded message holds, malformed calls included."""
    from langchain_core.exceptions import OutputParserException
    from langchain_core.messages import AIMessage
    from langchain_core.output_parsers.openai_tools import make_invalid_tool_call, parse_tool_call

    good, bad = [], []
    for raw in row.get("tool_calls") or []:
        try:
            call = parse_tool_call(raw, return_id=True)
            if call:
                good.append(call)
        except (OutputParserException, KeyError, TypeError) as error:
            bad.append(make_invalid_tool_call(raw, str(error)))
    content = row.get("content")
    return AIMessage(
        content="" if content is None else content,
        tool_calls=good,
        invalid_tool_calls=bad,
        response_metadata={"finish_reason": "tool_calls" if row.get("tool_calls") else "stop"},
    )


def rough_tokens(value: object) -> int:
    """Four characters a token: good for comparing runs, not for billing."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return max(1, len(text) // 4)
