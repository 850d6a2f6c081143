"""A model that goes round in circles is told so, then stopped; one that works is left alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from kfpilot.agent.errors import ToolFailure
from kfpilot.agent.models.handle import Handle
from kfpilot.agent.models.scripted import ScriptedModel, calls
from kfpilot.agent.workers.answers import is_whole
from kfpilot.agent.workers.job import Job
from kfpilot.agent.workers.same import same_failures
from kfpilot.agent.workers.tool_worker import ToolWorker
from langchain_core.messages import ToolMessage

JobOf = Callable[[str], Job]
LOOK = ("read_file", {"path": "README.md"})
FINISH = ("finish", {"summary": "x"})


def attempt(job: Job, *turns: Any) -> ScriptedModel:
    model = ScriptedModel(turns)
    ToolWorker(Handle(model=model, name="fake", tools=True, kind="fake"), 3).open(job).attempt(1, None)
    return model


def test_the_third_time_is_told_and_the_fifth_ends_the_attempt(job_of: JobOf) -> None:
    model = ScriptedModel([calls(LOOK) for _ in range(9)])
    session = ToolWorker(Handle(model=model, name="fake", tools=True, kind="fake"), 3).open(job_of("T001"))
    with pytest.raises(ToolFailure, match=r"same call 5 times: read_file README.md"):
        session.attempt(1, None)
    assert len(model.sent) == 5
    told = [[str(m.content) for m in sent if isinstance(m, ToolMessage)][-1] for sent in model.sent[1:]]
    assert ["do something else" in text for text in told] == [False, False, True, True]


def test_an_edit_that_never_fits_ends_the_attempt_too(job_of: JobOf) -> None:
    edit = ("edit_file", {"path": "flows/keep_heavy.py", "old": "nothing like it", "new": "x = 1"})
    write = ("write_file", {"path": "flows/keep_heavy.py", "content": "def keep_heavy():\n    pass\n"})
    model = ScriptedModel([calls(write), *(calls(edit, FINISH) for _ in range(9))])
    session = ToolWorker(Handle(model=model, name="fake", tools=True, kind="fake"), 3).open(job_of("T001"))
    with pytest.raises(ToolFailure, match=r"same call 5 times: edit_file flows/keep_heavy.py"):
        session.attempt(1, None)
    assert len(model.sent) == 6
    assert "do something else" in str(model.sent[4]) and "do something else" not in str(model.sent[3])


def test_the_same_call_after_a_change_is_work(job_of: JobOf) -> None:
    turns = []
    for number in range(6):
        turns.append(calls(("write_file", {"path": "flows/a.py", "content": f"x = {number}\n"})))
        turns.append(calls(("read_file", {"path": "flows/a.py"})))
    model = attempt(job_of("T001"), *turns, calls(FINISH))
    assert "do something else" not in str(model.sent[-1])


def test_a_whole_call_in_an_answer_that_was_cut_off_ends_nothing(job_of: JobOf) -> None:
    cut = calls(("write_file", {"path": "flows/a.py", "content": "x = 1\n"}), FINISH)
    cut.response_metadata = {"finish_reason": "length"}
    model = attempt(job_of("T001"), cut, calls(("write_file", {"path": "flows/a.py", "content": "x = 2\n"}), FINISH))
    assert "cut off by its length limit" in str(model.sent[1][-1].content)


def test_a_refusal_fails_the_attempt_with_its_reason(job_of: JobOf) -> None:
    refusal = calls()
    refusal.additional_kwargs = {"refusal": "I cannot help with that."}
    with pytest.raises(ToolFailure, match="refuses to answer: I cannot help"):
        attempt(job_of("T001"), refusal)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (["a"], ["a"], True),
        (["a failed after 0.31s at 0x7fcc"], ["a failed after 1.20s at 0x99aa"], True),
        (["x.py: line 3 is wrong"], ["x.py: line 9 is wrong"], True),
        (["a"], ["b"], False),
        (["a"], ["a", "b"], False),
        ([], [], False),
        (None, ["a"], False),
    ],
)
def test_the_same_failure(one: list[str] | None, other: list[str], same: bool) -> None:
    assert same_failures(one, other) is same


@pytest.mark.parametrize(
    ("answer", "path", "whole"),
    [
        ("```python\nx = 1\n```\nand so on and", "a.py", True),
        ("```python\nx = 1\ny =", "a.py", False),
        ("```python\nx = 1\n```\n```python\nlonger = 1\nlonger_still", "a.py", False),
        ("# Title\n\nText th", "a.md", False),
        ("```markdown\n# Title\n```", "a.md", True),
    ],
)
def test_whether_a_file_is_there_to_its_end(answer: str, path: str, whole: bool) -> None:
    assert is_whole(answer, path) is whole
