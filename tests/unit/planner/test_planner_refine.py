"""The planner agent: asked only when there is something to decide, and believed only when its answer holds."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from kfpilot.agent.documents.models import Feature, Phase, Plan, Spec, Story, Task, TaskList
from kfpilot.agent.events import ModelCalled
from kfpilot.agent.planner.build import build_plan
from kfpilot.agent.planner.check import RefinedPlan, check_refined
from kfpilot.agent.planner.refine import needs_refinement, read_answer, refine, render
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableLambda

STORY = Phase(title="Phase 3: User Story 1", number=3, kind="story", stories=["US1"], line=1)


def make_feature(root: Path = Path("/nowhere/orders")) -> Feature:
    def task(number: int, title: str, *files: str, **more: Any) -> Task:
        key = f"T{number:03}"
        return Task(
            key=key, id=key, title=title, files=list(files), line=number, stories=["US1"], phase=STORY.title, **more
        )

    return Feature(
        name="001-late",
        root=root,
        directory=root / "specs/001-late",
        spec=Spec(
            path=root / "spec.md", title="Late orders", stories=[Story(key="US1", title="See them", priority="P1")]
        ),
        plan=Plan(path=root / "plan.md", summary="One component."),
        tasks=TaskList(
            path=root / "specs/001-late/tasks.md",
            phases=[STORY],
            tasks=[
                task(1, "Create `late` in components/late.py", "components/late.py"),
                task(2, "Add it to pipelines/daily.py", "pipelines/daily.py", depends_on=["T001"]),
                task(3, "Add an alert to pipelines/daily.py", "pipelines/daily.py"),
                task(4, "Do what was agreed on"),
            ],
        ),
    )


class Model:
    """Answers from a queue; an exception in it is raised. Remembers what it was sent."""

    def __init__(self, *answers: str | Exception, structured: bool = False) -> None:
        self.answers, self.structured = list(answers), structured
        self.sent: list[list[Any]] = []

    def invoke(self, messages: Any) -> AIMessage:
        self.sent.append(list(messages))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        usage = {
            "input_tokens": 900,
            "output_tokens": 40,
            "total_tokens": 940,
            "input_token_details": {"cache_read": 500},
        }
        return AIMessage(answer, usage_metadata=usage)  # type: ignore[arg-type]

    def with_structured_output(self, schema: Any) -> Any:
        if not self.structured:
            raise NotImplementedError

        def parse(raw: AIMessage) -> Any:
            return schema.model_validate_json(str(raw.content))

        return RunnableLambda(self.invoke) | RunnableLambda(parse)


def answer(
    waves: list[list[str]], roles: dict[str, str] | None = None, needs: dict[str, list[str]] | None = None
) -> str:
    return json.dumps(
        {
            "waves": waves,
            "roles": [{"id": key, "role": role} for key, role in (roles or {}).items()],
            "depends_on": [{"id": key, "depends_on": value} for key, value in (needs or {}).items()],
        }
    )


GOOD = answer([["T004", "T001"], ["T002"], ["T003"]], {"T004": "docs"})


@pytest.mark.parametrize("structured", [True, False])
def test_a_good_answer_becomes_the_plan(structured: bool) -> None:
    feature, events = make_feature(), []
    model = Model(GOOD, structured=structured)
    plan = refine(build_plan(feature), feature, model, "docs first", events.append)  # type: ignore[arg-type]
    assert plan.source == "refined"
    assert [[task.id for task in wave] for wave in plan.waves] == [["T004", "T001"], ["T002"], ["T003"]]
    changed = plan.tasks[0]
    assert (changed.role, changed.gates) == ("docs", ["scope", "files", "security", "docs"])
    assert [(e.purpose, e.prompt_tokens, e.cached_tokens, e.completion_tokens) for e in events] == [
        ("plan", 900, 500, 40)
    ]
    assert isinstance(events[0], ModelCalled)


def test_a_bad_answer_is_shown_back_once_and_a_better_one_is_taken() -> None:
    feature = make_feature()
    model = Model(answer([["T001"], ["T002"], ["T003"]]), GOOD)
    plan = refine(build_plan(feature), feature, model, "docs first")  # type: ignore[arg-type]
    assert plan.source == "refined"
    assert len(model.sent) == 2
    assert model.sent[1][:2] == model.sent[0]
    assert "T004" in str(model.sent[1][-1].content)


@pytest.mark.parametrize("structured", [True, False])
def test_two_bad_answers_leave_the_deterministic_plan_with_a_warning(structured: bool) -> None:
    feature = make_feature()
    draft = build_plan(feature)
    model = Model("I cannot do that.", answer([["T009"]]), structured=structured)
    plan = refine(draft, feature, model, "docs first")  # type: ignore[arg-type]
    assert plan.waves == draft.waves
    assert plan.source == "documents"
    assert [w.code for w in plan.warnings][-1] == "refinement-rejected"
    assert "T009" in plan.warnings[-1].message
    assert len(model.sent) == 2


@pytest.mark.parametrize("structured", [True, False])
def test_a_dead_endpoint_is_not_an_answer(structured: bool) -> None:
    feature = make_feature()
    with pytest.raises(ConnectionError):
        refine(build_plan(feature), feature, Model(ConnectionError("gone"), structured=structured), "x")  # type: ignore[arg-type]


def test_an_endpoint_without_structured_output_is_asked_for_json() -> None:
    class Refused(Exception):
        status_code = 400

    feature = make_feature()
    model = Model(
        Refused("unknown field response_format"), f"Here it is:\n```json\n{GOOD}\n```\nDone.", structured=True
    )
    assert refine(build_plan(feature), feature, model, "x").source == "refined"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (answer([["T001"], ["T002"], ["T003"]]), "missing from waves: T004"),
        (answer([["T001", "T004"], ["T002"], ["T003"], ["T004"]]), "more than once: T004"),
        (answer([["T001", "T004", "T005"], ["T002"], ["T003"]]), "no tasks of this plan: T005"),
        (answer([["T001", "T004"], ["T002"], ["T003"]], {"T004": "boss"}), "no role 'boss'"),
        (answer([["T001", "T004"], ["T002"], ["T003"]], {"T001": "tests"}), "its role stays code"),
        (answer([["T002"], ["T001", "T004"], ["T003"]]), "T001 must stand in an earlier wave than T002"),
        (
            answer([["T001", "T004"], ["T002"], ["T003"]], needs={"T002": []}),
            "T002 must keep its dependency on T001: tasks.md",
        ),
        (
            answer([["T001", "T004"], ["T002"], ["T003"]], needs={"T003": []}),
            "T003 must keep its dependency on T002: both",
        ),
        (
            answer([["T001", "T004"], ["T002"], ["T003"]], needs={"T001": ["T003"]}),
            "T003 must stand in an earlier wave",
        ),
        (answer([["T001", "T004"], ["T002", "T003"]]), "both name pipelines/daily.py"),
        (answer([["T001", "T004"], ["T002"], ["T003"]], needs={"T004": ["T077"]}), "no tasks of this plan: T077"),
    ],
)
def test_what_an_answer_must_keep(text: str, problem: str) -> None:
    feature = make_feature()
    problems = check_refined(RefinedPlan.model_validate_json(text), build_plan(feature), feature)
    assert any(problem in found for found in problems), problems


def test_a_dependency_kept_by_way_of_another_task_counts_as_kept() -> None:
    feature = make_feature()
    text = answer([["T001"], ["T004"], ["T002"], ["T003"]], needs={"T002": ["T004"], "T004": ["T001"]})
    assert check_refined(RefinedPlan.model_validate_json(text), build_plan(feature), feature) == []


@pytest.mark.parametrize("text", ["", "no", "{", '{"waves": 3}', "[]", '{"waves": [["T1"]'])
def test_text_that_holds_no_plan_says_why(text: str) -> None:
    plan, fault = read_answer(text)
    assert plan is None
    assert fault.endswith(".")


def test_an_answer_may_leave_out_what_does_not_differ() -> None:
    plan, fault = read_answer('{"waves": [["T001"]]}')
    assert fault == ""
    assert plan == RefinedPlan(waves=[["T001"]], roles=[], depends_on=[])


def test_a_model_is_asked_only_when_words_leave_something_to_decide() -> None:
    plan = build_plan(make_feature())
    for words in ("", "T003", "only US1", "continue"):
        assert not needs_refinement(plan, words)
    assert needs_refinement(plan, "the agreed part is about the docs")
    clear = make_feature()
    clear.tasks.tasks.pop()
    plan = build_plan(clear)
    assert not needs_refinement(plan, "use pandas 2")
    assert needs_refinement(plan, "do T003 first")
    for task in clear.tasks.tasks:
        task.parallel = True
    assert needs_refinement(build_plan(clear), "use pandas 2")
    for task in clear.tasks.tasks:
        task.state = "done"
    assert not needs_refinement(build_plan(clear), "use pandas 2")


def test_an_empty_plan_asks_nobody() -> None:
    feature = make_feature()
    for task in feature.tasks.tasks:
        task.state = "done"
    assert refine(build_plan(feature), feature, Model(), "x").waves == []  # type: ignore[arg-type]


def test_the_prompt_says_what_there_is_to_decide(tmp_path: Path) -> None:
    for name in ("components/late.py", "specs/001-late/spec.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    feature = make_feature(tmp_path)
    plan = build_plan(feature)
    system, request = render(plan, feature, "docs first & {{ braces }} stay")
    assert system == render(build_plan(make_feature()), make_feature(), "")[0]
    assert "Every task of the draft stands in exactly one wave" in system
    code = request.split()[1]
    assert re.fullmatch("[0-9a-f]{12}", code)
    assert request.replace(code, "CODE") == PROMPT
    assert "specs/001" not in request


PROMPT = """\
<<<documents CODE
Feature: 001-late (Late orders)

Stories:
- US1 (P1): See them

Approach: One component.

Files of the repository:
components/late.py

Draft (wave, task, role, story; files; depends on):
1 T001 code US1: Create `late` in components/late.py | files: components/late.py
1 T004 code US1: Do what was agreed on
2 T002 code US1: Add it to pipelines/daily.py | files: pipelines/daily.py | needs: T001!
3 T003 code US1: Add an alert to pipelines/daily.py | files: pipelines/daily.py | needs: T002!

To decide:
- T004: its role is a guess
>>>CODE

The user says: docs first & {{ braces }} stay"""
