"""A task that only stands above others is no work of its own: it stands for its sub-tasks."""

from __future__ import annotations

from pathlib import Path

import pytest
from kfpilot.agent.documents import parse_tasks_text, tick
from kfpilot.agent.documents.models import Dialect, Feature
from kfpilot.agent.planner.build import build_plan
from kfpilot.agent.planner.groups import groups_above, is_group, tick_groups, untick_groups
from kfpilot.agent.planner.models import ExecutionPlan
from kfpilot.agent.planner.selection import Selection, parse_words

KIRO = """# Implementation Plan

- [ ] 1. Set up
  - _Requirements: 1.1, 1.2_
- [ ] 1.1 Create the component `net_price(price)` in pipelines/net_price.py
- [ ]* 1.2 Test it in tests/test_net_price.py
- [ ] 2. Write docs/guide.md (depends on task 1)
"""
OPENSPEC = """## 1. Prices

- [ ] 1. The price
- [ ] 1.1 Create `net_price` in pipelines/net_price.py
- [ ] 1.2 Test it in tests/test_net_price.py
"""
NESTED = """## Phase 1: Setup

- [ ] T001 Prices
  - [ ] T002 Create `net_price` in pipelines/net_price.py
  - [ ] T003 The tests
    - [ ] T004 Test `net_price` in tests/test_net_price.py
- [ ] T005 Write docs/net_price.md
"""


def feature_of(text: str, folder: Path = Path("/nowhere"), dialect: Dialect = "kiro") -> Feature:
    path = folder / "tasks.md"
    tasks = parse_tasks_text(text.encode(), path)
    tasks.dialect = dialect
    return Feature(name="net-price", root=folder, directory=folder, dialect=dialect, tasks=tasks)


def ids(plan: ExecutionPlan) -> list[str]:
    return [task.id for task in plan.tasks]


def why(plan: ExecutionPlan) -> dict[str, str]:
    return {skip.id: skip.why for skip in plan.skipped}


@pytest.mark.parametrize(
    ("text", "worked", "groups"),
    [
        (KIRO, ["1.1", "2"], ["1"]),
        (OPENSPEC, ["1.1", "1.2"], ["1"]),
        (NESTED, ["T002", "T004", "T005"], ["T001", "T003"]),
    ],
)
def test_a_group_is_no_task_of_the_plan(text: str, worked: list[str], groups: list[str]) -> None:
    plan = build_plan(feature_of(text))
    assert ids(plan) == worked
    assert [key for key, reason in why(plan).items() if "a group, ticked with the last of" in reason] == groups
    assert "unmet-dependency" not in {warning.code for warning in plan.warnings}


def test_whoever_needs_a_group_needs_its_sub_tasks() -> None:
    plan = build_plan(feature_of(KIRO))
    assert {task.id: task.depends_on for task in plan.tasks}["2"] == ["1.1"]
    around = feature_of(KIRO.replace("pipelines/net_price.py\n", "pipelines/net_price.py (depends on task 1)\n"))
    assert ids(build_plan(around)) == ["1.1", "2"]


@pytest.mark.parametrize(
    ("text", "named", "worked"),
    [
        (KIRO, ["1"], ["1.1"]),
        (KIRO, ["1.2"], ["1.2"]),
        (NESTED, ["t1"], ["T002", "T004"]),
        (NESTED, ["T003,T005"], ["T004", "T005"]),
    ],
)
def test_a_group_that_is_named_means_its_sub_tasks(text: str, named: list[str], worked: list[str]) -> None:
    assert ids(build_plan(feature_of(text), Selection(tasks=named))) == worked


def test_words_name_groups_too() -> None:
    feature = feature_of(KIRO)
    assert ids(build_plan(feature, parse_words("task 1", feature))) == ["1.1"]
    assert ids(build_plan(feature, parse_words("skip task 1", feature))) == ["2"]


@pytest.mark.parametrize(
    "parent",
    [
        "- [ ] 1. Set up pipelines/__init__.py",
        "- [ ] 1. Set up\n  - Write down what the price is made of",
        "- [ ] 1. Set up `PriceTable`",
        "- [ ] 1. Refactor the module",
    ],
)
def test_a_parent_with_work_of_its_own_stays_a_task(parent: str) -> None:
    text = f"{parent}\n- [ ] 1.1 Test it in tests/test_net_price.py\n- [ ]* 1.2 Test more in tests/test_more.py\n"
    plan = build_plan(feature_of(text))
    assert sorted(ids(plan)) == ["1", "1.1"]
    # What is optional is nothing to wait for.
    assert "unmet-dependency" not in {warning.code for warning in plan.warnings}


def test_a_parent_of_optional_tasks_only_stays_a_task() -> None:
    text = "- [ ] 1. Net price\n- [ ]* 1.1 Test it in tests/test_net_price.py\n"
    assert ids(build_plan(feature_of(text))) == ["1"]


def test_a_group_whose_sub_tasks_are_ticked_is_left_to_the_user() -> None:
    plan = build_plan(feature_of(KIRO.replace("- [ ] 1.1", "- [x] 1.1")))
    assert ids(plan) == ["2"] and "its box is yours to tick" in why(plan)["1"]


def test_the_last_sub_task_ticks_its_groups_and_each_takes_the_tick_away(tmp_path: Path) -> None:
    feature = feature_of(NESTED, tmp_path, "spec-kit")
    path = feature.tasks.path
    path.write_text(NESTED)
    path.write_bytes(tick(path.read_bytes(), feature.task("T002")))
    assert tick_groups(feature, "T002") == []
    path.write_bytes(tick(path.read_bytes(), feature.task("T004")))
    assert [task.key for task in groups_above("T004", feature)] == ["T003", "T001"]
    assert tick_groups(feature, "T004") == ["T003", "T001"]
    done = path.read_text()
    assert done == NESTED.replace("[ ]", "[x]", 4)
    again = feature_of(done, tmp_path, "spec-kit")
    assert untick_groups(path.read_bytes(), again, "T004").decode() == done.replace("[x] T001", "[ ] T001").replace(
        "[x] T003", "[ ] T003"
    )
    assert untick_groups(path.read_bytes(), again, "T002").decode() == done.replace("[x] T001", "[ ] T001")


def test_numbers_that_stand_in_a_circle_end() -> None:
    feature = feature_of("- [ ] 1.1 Later\n  - [ ] 1. First\n")
    assert [is_group(task, feature) for task in feature.tasks.tasks] == [True, False]
    assert ids(build_plan(feature)) == ["1"]
