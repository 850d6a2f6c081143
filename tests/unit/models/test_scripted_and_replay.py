"""The two models that tests work with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from kfpilot.agent.errors import ModelError, UserError
from kfpilot.agent.models.recording import Recorder
from kfpilot.agent.models.replay import ReplayModel, task_key
from kfpilot.agent.models.scripted import ScriptedModel, calls
from kfpilot.agent.models.usage import Usage, usage_of
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from pydantic import BaseModel


class Colour(BaseModel):
    """A colour."""

    name: str


@tool
def write_file(path: str, content: str) -> str:
    """Write a file."""
    return path


def row(said: str, task: str | None, number: int, **more: Any) -> dict[str, Any]:
    text = f"The rules.\n\n# Task {task}\nDo it." if task else "Plan the work."
    request = {"model": "m", "messages": [{"role": "system", "content": "S"}, {"role": "user", "content": text}]}
    return {"number": number, "request": request, "message": {"role": "assistant", "content": said}, **more}


def ask(model: Any, task: str | None) -> str:
    text = f"Other rules.\n\n# Task {task}\nDo it well." if task else "Anything."
    return str(model.invoke([SystemMessage("S2"), HumanMessage(text)]).content)


def record(path: Path, *rows: dict[str, Any]) -> ReplayModel:
    path.write_text("".join(json.dumps(one) + "\n" for one in rows), encoding="utf-8")
    return ReplayModel(path)


def test_scripted_answers_in_order_and_remembers_what_it_was_sent() -> None:
    model = ScriptedModel(["one", AIMessage("two"), lambda messages: f"{len(messages)} seen"])
    assert [model.invoke([HumanMessage(text)]).content for text in "abc"] == ["one", "two", "1 seen"]
    assert [messages[0].content for messages in model.sent] == ["a", "b", "c"]


def test_scripted_raises_what_is_queued_and_goes_on() -> None:
    model = ScriptedModel([TimeoutError("slow"), "late"])
    with pytest.raises(TimeoutError, match="slow"):
        model.invoke("x")
    assert model.invoke("x").content == "late"


def test_scripted_fails_when_it_runs_dry() -> None:
    model = ScriptedModel(["one"])
    model.invoke("x")
    with pytest.raises(AssertionError, match="run dry: request 2"):
        model.invoke("x")


def test_scripted_offers_tools_and_structured_output() -> None:
    model = ScriptedModel([calls(("write_file", {"path": "a", "content": "b"})), calls(("Colour", {"name": "red"}))])
    answer = model.bind_tools([write_file]).invoke("x")
    assert [(call["name"], call["args"]) for call in answer.tool_calls] == [
        ("write_file", {"path": "a", "content": "b"})
    ]
    assert model.bound[0]["tools"][0]["function"]["name"] == "write_file"
    assert model.with_structured_output(Colour).invoke("x") == Colour(name="red")


def test_scripted_works_under_create_agent() -> None:
    from langchain.agents import create_agent

    model = ScriptedModel([calls(("write_file", {"path": "a", "content": "b"})), "done"])
    result = create_agent(model, [write_file]).invoke({"messages": [HumanMessage("go")]})
    assert result["messages"][-1].content == "done"
    assert any(isinstance(message, ToolMessage) and message.content == "a" for message in model.sent[1])


def test_replay_gives_each_task_its_own_answers_in_whatever_order(tmp_path: Path) -> None:
    model = record(
        tmp_path / "r.jsonl",
        row("plan", None, 1),
        row("one a", "T001: x", 2),
        row("two a", "T002: y", 3),
        row("one b", "T001: x", 4),
    )
    said = [ask(model, "T002: y"), ask(model, "T001: x"), ask(model, None), ask(model, "T001: x")]
    assert said == ["two a", "one a", "plan", "one b"]
    assert model.left == 0


def test_replay_goes_by_the_time_asked_not_by_the_line(tmp_path: Path) -> None:
    model = record(tmp_path / "r.jsonl", row("second", "T1", 1, asked=20.0), row("first", "T1", 2, asked=10.0))
    assert [ask(model, "T1"), ask(model, "T1")] == ["first", "second"]


@pytest.mark.parametrize("task", ["T001", "T009", None])
def test_replay_makes_nothing_up(tmp_path: Path, task: str | None) -> None:
    model = record(tmp_path / "r.jsonl", row("one", "T001", 1))
    assert ask(model, "T001") == "one"
    with pytest.raises(ModelError, match="record it again") as caught:
        ask(model, task)
    assert caught.value.exit_code == 4 and not caught.value.transient


def test_replay_of_a_record_without_tasks_goes_in_order(tmp_path: Path) -> None:
    model = record(tmp_path / "r.jsonl", row("one", None, 1), row("two", None, 2))
    assert [ask(model, "T001"), ask(model, None)] == ["one", "two"]


def test_replay_gives_calls_and_malformed_calls(tmp_path: Path) -> None:
    raw = [
        {"id": "c1", "type": "function", "function": {"name": "write_file", "arguments": '{"path": "a"}'}},
        {"id": "c2", "type": "function", "function": {"name": "write_file", "arguments": '{"path": '}},
    ]
    message = {"role": "assistant", "content": None, "tool_calls": raw}
    tools = [{"type": "function", "function": {"name": "write_file", "parameters": {}}}]
    one = row("", "T1", 1)
    one["message"], one["request"]["tools"] = message, tools
    model = record(tmp_path / "r.jsonl", one)
    assert model.recorded_tools
    answer = model.invoke([HumanMessage("# Task T1")])
    assert [(call["id"], call["args"]) for call in answer.tool_calls] == [("c1", {"path": "a"})]
    assert [(call["id"], call["args"]) for call in answer.invalid_tool_calls] == [("c2", '{"path": ')]


def test_replay_passes_over_failed_exchanges(tmp_path: Path) -> None:
    failed = {"number": 1, "request": row("", "T1", 1)["request"], "error": "timeout"}
    model = record(tmp_path / "r.jsonl", failed, row("fine", "T1", 2))
    assert ask(model, "T1") == "fine"


def test_replay_names_the_bad_line(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_text(json.dumps(row("a", None, 1)) + "\n{oops\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"r\.jsonl:2: not a recorded exchange"):
        ReplayModel(path)
    with pytest.raises(UserError, match="no such record"):
        ReplayModel(tmp_path / "none.jsonl")


def test_key_is_found_in_parts_and_only_on_the_users_side() -> None:
    parts = [{"type": "text", "text": "x\n# Task T7: seven\ny"}]
    assert task_key([{"role": "user", "content": parts}]) == "# Task T7: seven"
    draft = "shop/price.py\nTask: not this one\n\nTask: Describe it in docs/x.md (FR-001)\n- Be short."
    assert task_key([{"role": "user", "content": draft}]) == "Task: Describe it in docs/x.md (FR-001)"
    assert task_key([{"role": "system", "content": "# Task T7"}, {"role": "user", "content": "## Task T7"}]) is None


def test_what_is_recorded_can_be_replayed(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "r.jsonl"
    first = calls(("write_file", {"path": "a", "content": 'é "\\n"'}), content="so")
    first.usage_metadata = {"input_tokens": 90, "output_tokens": 10, "total_tokens": 100}
    model = ScriptedModel([first, ConnectionError("gone"), "done"], callbacks=[Recorder(path)])
    bound = model.bind_tools([write_file])
    question = HumanMessage("# Task T001 x")
    bound.invoke([question])
    with pytest.raises(ConnectionError):
        bound.invoke([question])
    bound.invoke([question])
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [one["number"] for one in rows] == [1, 2, 3]
    assert "gone" in rows[1]["error"] and "message" not in rows[1]
    assert rows[0]["request"]["tools"][0]["function"]["name"] == "write_file"

    again = ReplayModel(path)
    answer = again.invoke([question])
    assert answer.content == "so" and answer.tool_calls[0]["args"] == {"path": "a", "content": 'é "\\n"'}
    assert usage_of(answer) == Usage(prompt=90, completion=10)
    assert again.invoke([question]).content == "done"
    Recorder(path)  # Numbering goes on where the file ends.
    ScriptedModel(["x"], callbacks=[Recorder(path)]).invoke("y")
    assert json.loads(path.read_text(encoding="utf-8").splitlines()[-1])["number"] == 4


def test_a_record_keeps_no_keys(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    model = ScriptedModel(["x"], callbacks=[Recorder(path)])
    model.bind(api_key="sk-secret-secret", extra_headers={"authorization": "Bearer sk-secret-secret"}).invoke("y")
    assert "secret" not in path.read_text(encoding="utf-8")


def test_usage_is_read_from_either_place() -> None:
    modern = AIMessage(
        "x",
        usage_metadata={
            "input_tokens": 7,
            "output_tokens": 2,
            "total_tokens": 9,
            "input_token_details": {"cache_read": 5},
        },
    )
    raw = {"prompt_tokens": 7, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 5}}
    assert (
        usage_of(modern)
        == usage_of(AIMessage("x", response_metadata={"token_usage": raw}))
        == Usage(prompt=7, cached=5, completion=2)
    )
    assert usage_of(AIMessage("x")) == Usage()
    assert (usage_of(modern) + usage_of(modern)).total == 18
