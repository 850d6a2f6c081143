"""The deterministic plan: order, dependencies, what is skipped, warnings, JSON."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kfpilot.agent.documents.models import (
    Checklist,
    Feature,
    Note,
    Phase,
    Requirement,
    Scenario,
    Spec,
    Story,
    Task,
    TaskList,
    Warn,
)
from kfpilot.agent.errors import UserError
from kfpilot.agent.planner.build import build_plan
from kfpilot.agent.planner.models import ExecutionPlan
from kfpilot.agent.planner.plan_json import plan_json
from kfpilot.agent.planner.selection import Selection

ROOT = Path("/nowhere/orders")
SETUP = Phase(title="Phase 1: Setup", number=1, kind="setup", line=1)
BASE = Phase(title="Phase 2: Foundational", number=2, kind="foundational", line=100)
FIRST = Phase(title="Phase 3: User Story 1 (Priority: P2)", number=3, kind="story", stories=["US1"], line=200)
SECOND = Phase(title="Phase 4: User Story 2 (Priority: P1)", number=4, kind="story", stories=["US2"], line=300)
POLISH = Phase(title="Phase 5: Polish", number=5, kind="polish", line=400)
PHASES = [SETUP, BASE, FIRST, SECOND, POLISH]


def task(number: int, title: str, phase: Phase | None = FIRST, *files: str, **more: Any) -> Task:
    fields: dict[str, Any] = {
        "key": f"T{number:03}",
        "id": f"T{number:03}",
        "title": title,
        "files": list(files),
        "line": (phase.line if phase else 0) + number,
        "phase": phase.title if phase else None,
        "phase_number": phase.number if phase else None,
        "stories": phase.stories if phase else [],
    }
    return Task(**(fields | more))


def feature(*tasks: Task, root: Path = ROOT, **more: Any) -> Feature:
    listed = TaskList(path=root / "specs/001-late/tasks.md", tasks=list(tasks), phases=PHASES, **more.pop("tasks", {}))
    return Feature(name="001-late", root=root, directory=root / "specs/001-late", tasks=listed, **more)


def waves(plan: ExecutionPlan) -> list[list[str]]:
    return [[task.id for task in wave] for wave in plan.waves]


def needs(plan: ExecutionPlan) -> dict[str, list[str]]:
    return {task.id: task.depends_on for task in plan.tasks}


def codes(plan: ExecutionPlan) -> list[str]:
    return [warning.code for warning in plan.warnings]


def test_phases_then_story_priorities_give_the_order() -> None:
    plan = build_plan(
        feature(
            task(1, "Document it in README.md", POLISH, "README.md"),
            task(2, "Add a component in components/a.py", FIRST, "components/a.py"),
            task(3, "Add a component in components/b.py", SECOND, "components/b.py"),
            task(4, "Add a helper in orders/helper.py", BASE, "orders/helper.py"),
            task(5, "Pin kfp in requirements.txt", SETUP, "requirements.txt"),
        )
    )
    assert waves(plan) == [["T005"], ["T004"], ["T003"], ["T002"], ["T001"]]
    assert [task.priority for task in plan.tasks] == [None, None, "P1", "P2", None]
    # Phases order the work; only the foundations are needed by the stories.
    assert needs(plan) == {"T005": [], "T004": [], "T003": ["T004"], "T002": ["T004"], "T001": []}


def test_the_specs_priority_wins_over_the_headings() -> None:
    spec = Spec(
        path=ROOT / "spec.md",
        stories=[Story(key="US1", title="a", priority="P1"), Story(key="US2", title="b", priority="P3")],
    )
    plan = build_plan(
        feature(task(1, "Add b in b.py", SECOND, "b.py"), task(2, "Add a in a.py", FIRST, "a.py"), spec=spec)
    )
    assert waves(plan) == [["T002"], ["T001"]]
    assert [task.priority for task in plan.tasks] == ["P1", "P3"]


def test_within_a_wave_roles_come_in_order_then_lines() -> None:
    plan = build_plan(
        feature(
            task(1, "Add a dashboard in monitoring/a.yaml", None, "monitoring/a.yaml"),
            task(2, "Describe it in docs/a.md", None, "docs/a.md"),
            task(3, "Test the reader in tests/test_reader.py", None, "tests/test_reader.py"),
            task(4, "Add b in b.py", None, "b.py"),
            task(5, "Add a in a.py", None, "a.py"),
        )
    )
    assert waves(plan) == [["T004", "T005", "T003", "T002", "T001"]]


def test_tasks_of_the_same_file_run_one_after_the_other_whatever_p_says() -> None:
    plan = build_plan(
        feature(
            task(1, "Add a step in pipelines/daily.py", FIRST, "pipelines/daily.py", parallel=True),
            task(2, "Add another step in pipelines/daily.py", FIRST, "pipelines/daily.py", parallel=True),
            task(3, "Add a step in pipelines/weekly.py", FIRST, "pipelines/weekly.py", parallel=True),
        )
    )
    assert waves(plan) == [["T001", "T003"], ["T002"]]
    assert needs(plan)["T002"] == ["T001"]
    warning = next(w for w in plan.warnings if w.code == "overlapping-parallel")
    assert "T001 and T002" in warning.message
    assert "pipelines/daily.py" in warning.message
    assert warning.line == 202


def test_a_task_needs_the_one_that_creates_what_it_names() -> None:
    plan = build_plan(
        feature(
            task(
                1,
                "Create component `late_orders` in components/late.py",
                FIRST,
                "components/late.py",
                symbols=["late_orders"],
            ),
            task(
                2,
                "Create the component `flag_customers` in components/flag.py",
                FIRST,
                "components/flag.py",
                symbols=["flag_customers"],
            ),
            task(3, "Wire late_orders into pipelines/daily.py", FIRST, "pipelines/daily.py"),
            task(4, "Describe `flag_customers` in docs/flag.md", POLISH, "docs/flag.md", symbols=["flag_customers"]),
            task(5, "Unit tests in tests/test_flag.py", FIRST, "tests/test_flag.py"),
        )
    )
    assert needs(plan) == {"T001": [], "T002": [], "T003": ["T001"], "T005": ["T002"], "T004": ["T002"]}


def test_inputs_that_two_components_share_make_no_dependency() -> None:
    plan = build_plan(
        feature(
            task(
                1,
                "Create the component `select(orders, day_limit)` in c/select_rows.py: reads `orders`",
                FIRST,
                "c/select_rows.py",
                symbols=["select", "orders", "day_limit"],
            ),
            task(
                2,
                "Create the component `sum_up(orders, day_limit)` in c/sum_up.py: reads `orders`",
                FIRST,
                "c/sum_up.py",
                symbols=["sum_up", "orders", "day_limit"],
            ),
        )
    )
    assert needs(plan) == {"T001": [], "T002": []}


def test_what_a_ticked_task_created_is_not_created_again() -> None:
    plan = build_plan(
        feature(
            task(
                1,
                "Create component `late_orders` in components/late.py",
                FIRST,
                "components/late.py",
                symbols=["late_orders"],
                state="done",
            ),
            task(
                2,
                "Add `late_orders` to pipelines/daily.py",
                FIRST,
                "pipelines/daily.py",
                symbols=["late_orders"],
                depends_on=["T001"],
            ),
            task(3, "Describe `late_orders` in docs/late.md", FIRST, "docs/late.md", symbols=["late_orders"]),
        )
    )
    assert needs(plan) == {"T002": [], "T003": []}


def test_tests_first_stay_first_and_the_code_is_not_their_dependency() -> None:
    plan = build_plan(
        feature(
            task(
                1,
                "Unit tests for components/late.py in tests/test_late.py",
                FIRST,
                "components/late.py",
                "tests/test_late.py",
            ),
            task(2, "Create `late` in components/late.py", FIRST, "components/late.py"),
        )
    )
    assert waves(plan) == [["T001"], ["T002"]]
    assert needs(plan) == {"T001": [], "T002": []}
    assert plan.tasks[0].role == "tests"
    assert plan.tasks[0].also == []


def test_tests_first_that_name_nothing_stay_before_their_storys_code() -> None:
    plan = build_plan(
        feature(
            task(1, "Write the acceptance tests", FIRST),
            task(2, "Create `late` in components/late.py", FIRST, "components/late.py"),
        )
    )
    assert waves(plan) == [["T001"], ["T002"]]
    assert needs(plan) == {"T001": [], "T002": []}


def test_tests_after_code_need_it_when_they_name_it() -> None:
    plan = build_plan(
        feature(
            task(1, "Create `late` in components/late.py", FIRST, "components/late.py"),
            task(
                2,
                "Unit tests for components/late.py in tests/test_late.py",
                FIRST,
                "components/late.py",
                "tests/test_late.py",
            ),
            task(3, "Unit tests", FIRST),
        )
    )
    assert needs(plan) == {"T001": [], "T002": ["T001"], "T003": []}
    assert waves(plan)[0] == ["T001"]


def test_explicit_dependencies_move_a_task_and_ticked_ones_are_satisfied() -> None:
    plan = build_plan(
        feature(
            task(1, "Add a in a.py", FIRST, "a.py", depends_on=["T003"]),
            task(2, "Add b in b.py", FIRST, "b.py", depends_on=["T004"]),
            task(3, "Document c in c.md", POLISH, "c.md"),
            task(4, "Add d in d.py", FIRST, "d.py", state="done"),
        )
    )
    assert needs(plan) == {"T002": [], "T003": [], "T001": ["T003"]}
    assert waves(plan) == [["T002", "T003"], ["T001"]]


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


def test_a_duplicate_id_means_the_task_above() -> None:
    twin = task(9, "Add d in d.py", FIRST, "d.py", key="T001#2", id="T001")
    plan = build_plan(feature(task(1, "a", FIRST), task(2, "b", FIRST, depends_on=["T001"]), twin))
    assert needs(plan) == {"T001": [], "T002": ["T001"], "T001#2": []}


def test_numbered_tasks_without_phases_keep_their_order() -> None:
    documents = feature(
        task(1, "Set up the project", None, key="1", id="1"),
        task(2, "Build the loader", None, key="2", id="2"),
        task(3, "Test the loader", None, key="2.1", id="2.1"),
        task(4, "Wire it", None, key="10", id="10"),
        dialect="kiro",
    )
    documents.tasks.phases = []
    assert waves(build_plan(documents)) == [["1"], ["2", "2.1"], ["10"]]


def test_a_file_that_only_a_check_names_is_not_written() -> None:
    check = task(
        1,
        "Add a in a.py",
        FIRST,
        "a.py",
        "tests/test_b.py",
        details=["**Verify**: `python -m pytest tests/test_b.py -q`"],
    )
    plan = build_plan(feature(check))
    assert (plan.tasks[0].role, plan.tasks[0].also) == ("code", [])


def test_nothing_open_is_a_plan_without_waves() -> None:
    plan = build_plan(feature(task(1, "a", FIRST, state="done")))
    assert plan.waves == []
    assert [entry.id for entry in plan.skipped] == ["T001"]
    assert build_plan(feature()).waves == []


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


def big(count: int) -> Feature:
    tasks = []
    for number in range(1, count + 1):
        phase = PHASES[min(4, number * 5 // (count + 1))]
        name = f"part_{number % 60}"
        kind = number % 3
        title = [
            f"Create `{name}` in orders/{name}.py",
            f"Test {name} in tests/test_{name}.py",
            f"Describe `{name}` in docs/{name}.md",
        ][kind]
        path = [f"orders/{name}.py", f"tests/test_{name}.py", f"docs/{name}.md"][kind]
        tasks.append(task(number, title, phase, path, symbols=[name], parallel=number % 2 == 0))
    return feature(*tasks)


def test_240_tasks_are_all_planned() -> None:
    assert len(build_plan(big(240)).tasks) == 240


def test_the_same_documents_give_the_same_plan() -> None:
    assert plan_json(build_plan(big(60))) == plan_json(build_plan(big(60).model_copy(deep=True)))


@st.composite
def features(draw: st.DrawFn) -> Feature:
    count = draw(st.integers(1, 14))
    names = st.sampled_from(["a.py", "b.py", "tests/test_a.py", "docs/a.md", "k8s/a.yaml"])
    tasks = []
    order = draw(st.permutations(range(1, count + 1)))
    for place, number in enumerate(order):
        # Explicit dependencies in any direction of the file, without circles: on lower places of the permutation.
        wanted = draw(st.lists(st.sampled_from(order[:place]), max_size=2)) if place else []
        files = draw(st.lists(names, max_size=2, unique=True))
        tasks.append(
            task(
                number,
                draw(st.sampled_from(["Add x", "Test x", "Describe x", "Update"])) + " in " + " and ".join(files),
                draw(st.sampled_from([*PHASES, None])),
                *files,
                depends_on=[f"T{n:03}" for n in wanted],
                parallel=draw(st.booleans()),
                state=draw(st.sampled_from(["open", "open", "open", "in_progress", "done", "deferred"])),
            )
        )
    return feature(*sorted(tasks, key=lambda t: t.key))


@settings(max_examples=150, deadline=None)
@given(features())
def test_any_plan_holds_each_open_task_once_with_what_it_needs_before_it(documents: Feature) -> None:
    plan = build_plan(documents)
    planned = [task.id for task in plan.tasks]
    expected = [task.key for task in documents.tasks.tasks if task.state in ("open", "in_progress")]
    assert sorted(planned) == sorted(expected)
    assert sorted([*planned, *(entry.id for entry in plan.skipped)]) == sorted(t.key for t in documents.tasks.tasks)
    wave_of = {task.id: number for number, wave in enumerate(plan.waves) for task in wave}
    for planned_task in plan.tasks:
        for need in planned_task.depends_on:
            assert wave_of[need] < wave_of[planned_task.id]
        for name in documents.task(planned_task.id).depends_on:
            if name in wave_of:
                assert name in planned_task.depends_on
    for wave in plan.waves:
        assert wave
        for one, two in itertools.combinations(wave, 2):
            assert not set(one.files) & set(two.files)
