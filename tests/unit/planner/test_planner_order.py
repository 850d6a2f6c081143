"""The order of a plan: phases, priorities, what a task needs, files that overlap."""

from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st
from kfpilot.agent.documents.models import (
    Feature,
    Spec,
    Story,
)
from kfpilot.agent.planner.build import build_plan
from kfpilot.agent.planner.models import ExecutionPlan
from kfpilot.agent.planner.plan_json import plan_json

from .conftest import BASE, FIRST, PHASES, POLISH, ROOT, SECOND, SETUP, feature, needs, task, waves


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


def test_tests_can_come_behind_the_code_they_name_unless_a_task_needs_them() -> None:
    def plan_with(*needed: str) -> ExecutionPlan:
        return build_plan(
            feature(
                task(1, "Unit tests in tests/test_late.py", FIRST, "tests/test_late.py", symbols=["early_orders"]),
                task(2, "Create `late` in components/late.py", FIRST, "components/late.py", depends_on=[*needed]),
                task(3, "Create it in steps/early_orders.py", FIRST, "steps/early_orders.py"),
                task(4, "Write the acceptance tests in tests/test_all.py", SECOND, "tests/test_all.py"),
            ),
            tests_last=True,
        )

    plan = plan_with()
    assert [task.id for task in plan.tasks if task.id != "T004"] == ["T002", "T003", "T001"]
    assert needs(plan) == {"T002": [], "T003": [], "T001": ["T002", "T003"], "T004": []}
    assert needs(plan_with("T001"))["T001"] == []
    assert needs(plan_with("T001"))["T002"] == ["T001"]


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


def test_a_pipeline_comes_after_the_new_components_of_its_group_though_it_names_none() -> None:
    made = task(1, "Add `check_bands` in components/bands.py", SETUP, "components/bands.py", symbols=["check_bands"])
    wired = task(2, "Run the check first in `tile_checks` (pipelines/nightly.py)", SETUP, "pipelines/nightly.py")
    later = task(3, "Add `sum_up` in components/sums.py", SETUP, "components/sums.py", symbols=["sum_up"])
    assert waves(build_plan(feature(made, wired, later))) == [["T001", "T003"], ["T002"]]
    # It is only worked later: whether the component came to be does not decide whether it is tried.
    assert needs(build_plan(feature(made, wired)))["T002"] == []
    # Where the author says that it may be worked beside others, or puts it into another group, it is.
    assert waves(build_plan(feature(made, wired.model_copy(update={"parallel": True})))) == [["T001", "T002"]]
    assert waves(build_plan(feature(wired, later))) == [["T002", "T003"]]
