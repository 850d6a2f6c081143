"""Whether a model can really call tools."""

from __future__ import annotations

from typing import Any

import pytest
from kfpilot.agent.errors import ModelError
from kfpilot.agent.models.probe import CONTENT, PATH, can_call_tools
from kfpilot.agent.models.scripted import ScriptedModel, calls
from langchain_core.messages import AIMessage, ToolMessage

GOOD = ("write_file", {"path": PATH, "content": CONTENT})


def refuse(status: int, text: str) -> Exception:
    error: Any = RuntimeError(text)
    error.status_code = status
    return error


def test_a_model_that_calls_and_goes_on_passes() -> None:
    model = ScriptedModel([calls(GOOD), "done"])
    result = can_call_tools(model)
    assert result.ok and result.seconds >= 0
    assert isinstance(model.sent[1][-1], ToolMessage)


BROKEN = AIMessage(
    "", invalid_tool_calls=[{"name": "write_file", "args": "{", "id": "1", "error": "", "type": "invalid_tool_call"}]
)


@pytest.mark.parametrize(
    ("turns", "why"),
    [
        (['```json\n{"name": "write_file"}\n```'], "prose"),
        ([BROKEN], "not JSON"),
        ([calls(("write", {"path": PATH}))], "does not exist: write"),
        ([calls(("write_file", {"path": PATH, "content": "names = [a, b]"}))], "not what it was told"),
        ([calls(GOOD), calls(GOOD)], "repeats"),
        ([refuse(400, "this model does not support tools")], "refuses a request with tools"),
        ([calls(GOOD), refuse(400, "role 'tool' is unknown")], "refuses a tool's result"),
    ],
)
def test_a_model_that_does_not_is_found_out(turns: list[Any], why: str) -> None:
    result = can_call_tools(ScriptedModel(turns))
    assert not result.ok and why in result.why


def test_a_dead_endpoint_says_nothing_about_tools() -> None:
    with pytest.raises(ModelError):
        can_call_tools(ScriptedModel([ConnectionRefusedError("no")]))
    with pytest.raises(ModelError):
        can_call_tools(ScriptedModel([calls(GOOD), refuse(401, "bad key")]))
