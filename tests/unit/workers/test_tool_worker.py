"""The tool worker with a scripted model: order, endings, malformed calls, bounds, dead endpoints, limits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kfpilot.agent.errors import ModelError, ToolFailure
from kfpilot.agent.events import ModelCalled, ToolCalled
from kfpilot.agent.models.handle import Handle
from kfpilot.agent.models.scripted import ScriptedModel, calls
from kfpilot.agent.workers import middleware, tool_worker
from kfpilot.agent.workers.job import Feedback, Job, Session
from kfpilot.agent.workers.tool_worker import ToolWorker
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage

JobOf = Callable[[str], Job]
FINISH = ("finish", {"summary": "all is done"})


def write(path: str, content: str = "x = 1\n") -> tuple[str, dict[str, Any]]:
    return "write_file", {"path": path, "content": content}


def session(job: Job, *turns: Any) -> tuple[Session, ScriptedModel]:
    model = ScriptedModel(turns)
    return ToolWorker(Handle(model=model, name="fake", tools=True, kind="fake"), 3).open(job), model


def results(messages: list[BaseMessage]) -> list[str]:
    """What the tools answered, as the model was shown it."""
    return [str(message.content) for message in messages if isinstance(message, ToolMessage)]


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Transport retries without their waits."""
    from langchain.agents.middleware import ModelRetryMiddleware

    def at_once() -> ModelRetryMiddleware:
        return ModelRetryMiddleware(
            max_retries=2, retry_on=middleware.retryable, on_failure="error", initial_delay=0.0, jitter=False
        )

    monkeypatch.setattr(middleware, "retrying", at_once)


def test_the_calls_of_one_answer_run_in_the_order_given(job_of: JobOf, project: Path) -> None:
    edits = [
        ("edit_file", {"path": "flows/keep_heavy.py", "old": f"step {n}", "new": f"step {n + 1}"}) for n in range(6)
    ]
    talk, model = session(job_of("T001"), calls(write("flows/keep_heavy.py", "# step 0"), *edits, FINISH))
    assert talk.attempt(1, None) == "all is done"
    assert (project / "flows/keep_heavy.py").read_text() == "# step 6\n"
    assert len(model.sent) == 1
    tools = [event.tool for event in job_of.events if isinstance(event, ToolCalled)]  # type: ignore[attr-defined]
    assert tools == ["write_file", *["edit_file"] * 6, "finish"]


def test_finish_beside_a_failed_call_ends_nothing(job_of: JobOf, project: Path) -> None:
    talk, model = session(
        job_of("T001"),
        calls(("edit_file", {"path": "flows/parcel_flow.py", "old": "no such text", "new": "x"}), FINISH),
        calls(write("flows/keep_heavy.py"), FINISH),
    )
    talk.attempt(1, None)
    assert len(model.sent) == 2
    assert any(text.startswith("Error:") and "flows/parcel_flow.py" in text for text in results(model.sent[1]))
    assert (project / "flows/keep_heavy.py").exists()


def test_a_refused_attempt_asks_the_model_again_with_the_findings(job_of: JobOf, project: Path) -> None:
    talk, model = session(
        job_of("T001"),
        calls(write("flows/keep_heavy.py", "x = 1"), FINISH),
        calls(write("flows/keep_heavy.py", "x = 2"), FINISH),
        calls(write("flows/keep_heavy.py", "x = 3"), FINISH),
    )
    talk.attempt(1, None)
    for number in (1, 2):
        said = f"[kfp] finding {number}"
        talk.attempt(number + 1, Feedback(attempt=number, of=3, text=said, failures=[said]))
        assert said in model.sent[number][-1].text
        assert (project / "flows/keep_heavy.py").read_text() == f"x = {number + 1}\n"
    assert len(model.sent) == 3
    assert model.sent[2][: len(model.sent[1])] == model.sent[1], "a repair goes on in the same conversation"


def test_changes_are_said_to_be_taken_back_only_where_there_were_any(job_of: JobOf, project: Path) -> None:
    talk, model = session(
        job_of("T001"),
        calls(FINISH),
        calls(write("flows/keep_heavy.py", "x = 1"), FINISH),
        calls(FINISH),
        calls(FINISH),
        calls(FINISH),
    )
    talk.attempt(1, None)
    refused = Feedback(attempt=1, of=9, text="no file was changed")
    again = refused.model_copy(update={"restored": True, "fresh": True})
    said = []
    for feedback in (again, refused, again, again):
        (project / "flows/keep_heavy.py").unlink(missing_ok=True)
        talk.attempt(2, feedback)
        said.append(model.sent[-1][-1].text.strip().splitlines()[-1])
    nothing = "You have changed nothing: the files are as they were in the first request."
    assert said[0] == said[3] == f"{nothing} Take another way: this one led to the same failure twice."
    assert said[1] == "The files are as you left them. Mend the cause, then call `finish` again."
    assert said[2].startswith("Your changes were taken back: ")


def malformed(name: str = "write_file") -> AIMessage:
    call = {"name": name, "args": '{"path": "flows/ke', "id": "call_bad", "error": "Unterminated string"}
    return AIMessage(content="", invalid_tool_calls=[{**call, "type": "invalid_tool_call"}])  # type: ignore[list-item]


def test_arguments_that_are_not_json_get_an_error_and_another_turn(job_of: JobOf, project: Path) -> None:
    talk, model = session(job_of("T001"), malformed(), calls(write("flows/keep_heavy.py"), FINISH))
    talk.attempt(1, None)
    shown = [message for message in model.sent[1] if isinstance(message, ToolMessage)]
    assert [(message.tool_call_id, message.status) for message in shown] == [("call_bad", "error")]
    assert "not valid JSON" in str(shown[0].content)
    assert (project / "flows/keep_heavy.py").exists()


def test_finish_beside_a_malformed_call_ends_nothing(job_of: JobOf, project: Path) -> None:
    mixed = malformed()
    mixed.tool_calls = calls(FINISH).tool_calls
    talk, model = session(job_of("T001"), mixed, calls(write("flows/keep_heavy.py"), FINISH))
    talk.attempt(1, None)
    assert len(model.sent) == 2 and (project / "flows/keep_heavy.py").exists()
    answered = {m.tool_call_id for m in model.sent[1] if isinstance(m, ToolMessage)}
    assert answered == {"call_bad", mixed.tool_calls[0]["id"]}, "every call of an answer needs its result"


def test_an_answer_cut_off_by_its_limit_is_told_so(job_of: JobOf) -> None:
    cut = malformed()
    cut.response_metadata = {"finish_reason": "length"}
    talk, model = session(job_of("T001"), cut, calls(write("flows/keep_heavy.py"), FINISH))
    talk.attempt(1, None)
    assert "cut off by its length limit" in results(model.sent[1])[0]


def test_prose_is_reminded_twice_then_the_attempt_fails(job_of: JobOf) -> None:
    talk, model = session(job_of("T001"), "I would write a component.", "It is done.", "Really, it is finished.")
    with pytest.raises(ToolFailure, match="3 answers without a usable tool call"):
        talk.attempt(1, None)
    assert len(model.sent) == 3
    assert "Work happens only through tools" in model.sent[1][-1].text


def test_after_a_useless_attempt_the_next_starts_anew(job_of: JobOf, project: Path) -> None:
    talk, model = session(job_of("T001"), "a", "b", "c", calls(write("flows/keep_heavy.py"), FINISH))
    with pytest.raises(ToolFailure):
        talk.attempt(1, None)
    talk.attempt(2, Feedback(attempt=1, of=3, text="3 answers without a usable tool call"))
    assert "without a usable tool call" in model.sent[3][-1].text
    assert not [message for message in model.sent[3] if message.type == "ai"]
    assert (project / "flows/keep_heavy.py").exists()


@pytest.mark.parametrize(
    ("task", "path", "told"),
    [
        ("T001", "tests/test_keep_heavy.py", "the code role may write only"),
        ("T002", "flows/read_parcels.py", "the tests role may write only"),
        ("T003", "flows/parcel_flow.py", "the docs role may write only"),
        ("T004", "README.md", "the infra role may write only"),
        ("T001", "specs/001-heavy-parcels/tasks.md", "never"),
        ("T001", "../outside.py", "'..'"),
        ("T001", "/etc/outside.py", "absolute path"),
        ("T001", ".git/hooks/pre-commit", ".git"),
    ],
)
@pytest.mark.parametrize("tool", ["write_file", "edit_file", "delete_file"])
def test_nothing_outside_the_role_is_written(
    task: str, path: str, told: str, tool: str, job_of: JobOf, project: Path
) -> None:
    before = {file: file.read_bytes() for file in project.rglob("*") if file.is_file()}
    arguments = {"write_file": {"content": "x"}, "edit_file": {"old": "a", "new": "b"}, "delete_file": {}}[tool]
    talk, model = session(job_of(task), calls((tool, {"path": path, **arguments}), FINISH), "", "", "")
    with pytest.raises(ToolFailure, match="without a usable tool call"):
        talk.attempt(1, None)
    (error, _) = results(model.sent[1])
    assert error.startswith("Error:") and told in error
    assert {file: file.read_bytes() for file in project.rglob("*") if file.is_file()} == before
    assert not (project.parent / "outside.py").exists()


def test_a_file_can_be_deleted_within_the_role(job_of: JobOf, project: Path) -> None:
    talk, _ = session(job_of("T001"), calls(("delete_file", {"path": "flows/parcel_flow.py"}), FINISH))
    talk.attempt(1, None)
    assert not (project / "flows/parcel_flow.py").exists()


def test_the_tools_that_look_show_what_is_there(job_of: JobOf) -> None:
    look = calls(
        ("read_file", {"path": "flows/parcel_flow.py", "start": 1, "end": 1}),
        ("outline", {"path": "flows/read_parcels.py"}),
        ("outline", {"path": "flows"}),
        ("search", {"pattern": r"def \w+_parcels", "glob": "*.py"}),
        ("search", {"pattern": "nothing like it"}),
        ("read_file", {"path": "flows/read_parcel.py"}),
    )
    talk, model = session(job_of("T001"), look, calls(FINISH))
    talk.attempt(1, None)
    line, outline, folder, found, none, missing = results(model.sent[1])
    assert line == '"""Pipeline over parcels."""\n'
    assert "def read_parcels(depot: str" in outline and "target.write" not in outline
    assert folder.splitlines() == ["flows/__init__.py", "flows/parcel_flow.py", "flows/read_parcels.py"]
    assert found.startswith("flows/read_parcels.py:7: def read_parcels(")
    assert none == "no match"
    assert missing.startswith("Error:") and "flows/read_parcels.py" in missing


def test_wrong_arguments_and_unknown_tools_are_errors_to_mend(job_of: JobOf, project: Path) -> None:
    talk, model = session(
        job_of("T001"),
        calls(("write_file", {"path": "flows/keep_heavy.py"}), ("run_shell", {"command": "ls"}), FINISH),
        calls(write("flows/keep_heavy.py"), FINISH),
    )
    talk.attempt(1, None)
    wrong, unknown, _ = results(model.sent[1])
    assert "content" in wrong and "run_shell" in unknown
    assert (project / "flows/keep_heavy.py").exists()


def test_a_dead_endpoint_is_a_model_error_and_no_finish(job_of: JobOf) -> None:
    class APIConnectionError(Exception):
        """Named like the one of the OpenAI client."""

    talk, model = session(job_of("T001"), *[APIConnectionError("Connection refused")] * 3)
    with pytest.raises(ModelError):
        talk.attempt(1, None)
    assert len(model.sent) == 3, "one request and two retries"
    assert not [e for e in job_of.events if isinstance(e, ModelCalled)]  # type: ignore[attr-defined]


def test_an_endpoint_that_dies_after_the_first_answer_is_no_finish_either(job_of: JobOf) -> None:
    class APIConnectionError(Exception):
        """Named like the one of the OpenAI client."""

    talk, _ = session(
        job_of("T001"), calls(write("flows/keep_heavy.py")), *[APIConnectionError("Connection reset")] * 3
    )
    with pytest.raises(ModelError):
        talk.attempt(1, None)


def test_a_short_failure_of_the_endpoint_is_tried_again(job_of: JobOf, project: Path) -> None:
    class APIConnectionError(Exception):
        """Named like the one of the OpenAI client."""

    talk, model = session(
        job_of("T001"), APIConnectionError("Connection reset"), calls(write("flows/keep_heavy.py"), FINISH)
    )
    talk.attempt(1, None)
    assert len(model.sent) == 2 and (project / "flows/keep_heavy.py").exists()


def test_a_model_that_never_finishes_is_stopped(job_of: JobOf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tool_worker, "MAX_CALLS", 4)
    reading = [calls(("read_file", {"path": "README.md"})) for _ in range(10)]
    talk, model = session(job_of("T001"), *reading)
    with pytest.raises(ToolFailure, match="4 model calls"):
        talk.attempt(1, None)
    assert len(model.sent) == 4


def test_each_model_call_is_counted(job_of: JobOf) -> None:
    answer = calls(write("flows/keep_heavy.py"), FINISH)
    answer.usage_metadata = {"input_tokens": 2000, "output_tokens": 150, "total_tokens": 2150}
    talk, _ = session(job_of("T001"), calls(("read_file", {"path": "README.md"})), answer)
    talk.attempt(1, None)
    called = [event for event in job_of.events if isinstance(event, ModelCalled)]  # type: ignore[attr-defined]
    assert len(called) == 2
    assert (called[1].task, called[1].prompt_tokens, called[1].completion_tokens) == ("T001", 2000, 150)


def test_a_task_of_two_roles_is_worked_by_both_and_mended_by_the_one_concerned(job_of: JobOf, project: Path) -> None:
    job = job_of("T005")
    assert [job.task.role, *job.task.also] == ["code", "tests"]
    talk, model = session(
        job,
        calls(write("flows/weigh.py", "KILOS = 1"), FINISH),
        calls(write("tests/test_weigh.py", "assert True"), FINISH),
        calls(write("tests/test_weigh.py", "assert 1 + 1 == 2"), FINISH),
    )
    talk.attempt(1, None)
    code, tests = (messages[-1].text for messages in model.sent)
    assert "Your role: code" in code and "You may write: flows/weigh.py. Another file only" in code
    assert "Your role: tests" in tests and "You may write: tests/test_weigh.py. Another file only" in tests
    assert "KILOS = 1" in tests, "the second role sees what the first wrote"
    finding = "tests/test_weigh.py: test_x asserts nothing that could fail"
    talk.attempt(2, Feedback(attempt=1, of=3, text=finding, failures=[finding]))
    assert len(model.sent) == 3 and model.sent[2][1].text == tests
    assert (project / "tests/test_weigh.py").read_text() == "assert 1 + 1 == 2\n"
