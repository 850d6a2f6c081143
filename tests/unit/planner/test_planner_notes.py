"""What a plan says beside its order: warnings, references, the shape of its JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from kfpilot.agent.documents.models import (
    Checklist,
    Note,
    Requirement,
    Scenario,
    Spec,
    Story,
    Warn,
)
from kfpilot.agent.errors import UserError
from kfpilot.agent.planner.build import build_plan
from kfpilot.agent.planner.models import ExecutionPlan
from kfpilot.agent.planner.plan_json import plan_json
from kfpilot.agent.planner.selection import Selection

from .conftest import BASE, FIRST, ROOT, SECOND, SETUP, feature, needs, task


def codes(plan: ExecutionPlan) -> list[str]:
    return [warning.code for warning in plan.warnings]


def test_an_unknown_dependency_and_a_circle_are_the_users_mistakes() -> None:
    with pytest.raises(UserError) as caught:
        build_plan(feature(task(1, "Add a", FIRST, depends_on=["T010"]), task(11, "Add b", FIRST)))
    assert "T001 depends on T010" in caught.value.what
    assert caught.value.line == 201
    assert "T0" in caught.value.mend
    with pytest.raises(UserError) as caught:
        build_plan(
            feature(
                task(1, "Add a", FIRST, depends_on=["T002"]),
                task(2, "Add b", FIRST, depends_on=["T003"]),
                task(3, "Add c", FIRST, depends_on=["T002"]),
            )
        )
    assert "T002 -> T003 -> T002" in caught.value.what
    assert str(caught.value.where).endswith("tasks.md")


def test_ticked_deferred_optional_and_unselected_tasks_are_skipped_with_the_reason() -> None:
    documents = feature(
        task(1, "a", FIRST, state="done"),
        task(2, "b", FIRST, state="deferred"),
        task(3, "c", FIRST, optional=True),
        task(4, "d", FIRST, state="in_progress"),
        task(5, "e", SECOND),
        task(6, "f", SECOND),
    )
    plan = build_plan(documents)
    assert {entry.id: entry.why for entry in plan.skipped} == {
        "T001": "already ticked",
        "T002": "deferred",
        "T003": "optional",
    }
    assert sorted(needs(plan)) == ["T004", "T005", "T006"]
    plan = build_plan(documents, Selection(tasks=["T001", "T003", "T005"]))
    assert sorted(needs(plan)) == ["T003", "T005"]
    assert {entry.id: entry.why for entry in plan.skipped}["T006"] == "not selected"
    assert [w.message for w in plan.warnings if w.code == "selected-not-open"] == [
        "T001 was selected but is already ticked"
    ]
    plan = build_plan(documents, Selection(exclude=["T005"]))
    assert {entry.id: entry.why for entry in plan.skipped}["T005"] == "left out on request"


def test_an_open_dependency_that_is_left_out_is_a_warning() -> None:
    documents = feature(
        task(1, "Add a helper in h.py", BASE, "h.py"),
        task(2, "b", FIRST, state="deferred"),
        task(3, "c", FIRST),
        task(4, "d", FIRST, depends_on=["T002", "T003"]),
    )
    plan = build_plan(documents, Selection(tasks=["T004"]))
    assert needs(plan) == {"T004": []}
    messages = [w.message for w in plan.warnings if w.code == "unmet-dependency"]
    assert messages == [
        "T004 depends on T002, which is open but deferred",
        "T004 depends on T003, which is open but not selected",
        "foundational tasks are open but not selected: T001",
    ]


def test_acceptance_references_come_from_the_story_unless_the_task_has_its_own() -> None:
    scenarios = [Scenario(number=1, text="a"), Scenario(number=2, text="b")]
    spec = Spec(path=ROOT / "spec.md", stories=[Story(key="US1", title="a", scenarios=scenarios)])
    plan = build_plan(
        feature(task(1, "a", FIRST), task(2, "b", FIRST, refs=["FR-001"]), task(3, "c", SETUP), spec=spec)
    )
    assert {task.id: task.refs for task in plan.tasks} == {
        "T001": ["US1/AS1", "US1/AS2"],
        "T002": ["FR-001"],
        "T003": [],
    }


def test_requirements_without_a_task_are_named_one_by_one_only_where_tasks_cite_any() -> None:
    spec = Spec(
        path=ROOT / "spec.md",
        requirements=[Requirement(id=f"FR-00{n}", text=f"System MUST {n}", kind="FR", line=n) for n in (1, 2, 3)],
    )
    plan = build_plan(feature(task(1, "a", FIRST, refs=["FR-001"]), task(2, "b", FIRST, refs=["FR-003c"]), spec=spec))
    found = [w for w in plan.warnings if w.code == "requirement-without-task"]
    assert [(w.line, "FR-002" in w.message) for w in found] == [(2, True)]
    plan = build_plan(feature(task(1, "a", FIRST), spec=spec))
    found = [w for w in plan.warnings if w.code == "requirement-without-task"]
    assert len(found) == 1
    assert "3" in found[0].message


def test_phantom_ticks_are_found_and_real_or_removing_ticks_are_not(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep/there.py").touch()
    plan = build_plan(
        feature(
            task(1, "Add in gone.py", FIRST, "src/gone.py", state="done"),
            task(2, "Add in deep/there.py and gone.py", FIRST, "deep/there.py", "src/gone.py", state="done"),
            task(3, "Remove src/old.py", FIRST, "src/old.py", state="done"),
            task(4, "Add in there.py", FIRST, "there.py", state="done"),
            task(5, "Add all of src/*.py", FIRST, "src/*.py", state="done"),
            root=tmp_path,
        )
    )
    found = [w for w in plan.warnings if w.code == "phantom-tick"]
    assert [(w.line, w.message) for w in found] == [(201, "T001 is ticked, but src/gone.py does not exist")]


def test_clarifications_checklists_and_the_documents_own_warnings_are_passed_on_once() -> None:
    spec = Spec(path=ROOT / "spec.md", clarifications=[Note(line=12, text="which time zone?")])
    lists = [Checklist(path=ROOT / "checklists/requirements.md", done=7, open=[Note(line=5, text="CHK001")] * 3)]
    own = [
        Warn(code="duplicate-id", message="T003 twice", line=9),
        Warn(code="open-clarification", message="x", line=12),
    ]
    plan = build_plan(feature(task(1, "a", FIRST), spec=spec, checklists=lists, tasks={"warnings": own}))
    assert codes(plan) == ["duplicate-id", "open-clarification", "unticked-checklist"]
    assert "checklists/requirements.md: 3 of 10" in plan.warnings[-1].message


def test_a_task_that_only_names_the_documents_is_warned_about() -> None:
    plan = build_plan(feature(task(1, "Update specs/001-late/plan.md", FIRST, "specs/001-late/plan.md")))
    assert "protected-file" in codes(plan)


def test_the_json_has_exactly_the_documented_shape() -> None:
    plan = build_plan(feature(task(1, "Add a in a.py", FIRST, "a.py"), task(2, "b", FIRST, state="done")))
    data = json.loads(json.dumps(plan_json(plan)))
    assert list(data) == ["feature", "waves", "skipped", "warnings"]
    assert data["feature"] == "001-late"
    assert data["waves"] == [
        [
            {
                "id": "T001",
                "title": "Add a in a.py",
                "role": "code",
                "story": "US1",
                "priority": "P2",
                "files": ["a.py"],
                "depends_on": [],
                "gates": ["scope", "files", "security", "python", "kfp", "ir", "local", "tests"],
                "refs": [],
            }
        ]
    ]
    assert data["skipped"] == [{"id": "T002", "why": "already ticked"}]
    data = plan_json(build_plan(feature(task(1, "Update specs/001-late/plan.md", FIRST, "specs/001-late/plan.md"))))
    assert [set(entry) for entry in data["warnings"]] == [{"code", "message", "line"}]
