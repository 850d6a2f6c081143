"""Tests tasks that cite no requirement and are there for the code of a task that does."""

from __future__ import annotations

from typing import Any

import pytest
from kfpilot.agent.acceptance.written import unchanged_tests

SPEC = """# Feature Specification: Milk

## Requirements

- **FR-001**: A pickup MUST get a grade
- **FR-002**: The step MUST stop with a `ValueError` when the count is negative
- **FR-003**: The farms MUST be sorted by name
"""
GRADE = "- [x] T001 Create `grade_pickup(count)` in milk/grade.py (FR-001, FR-002)\n"
SORT = "- [x] T003 Create `sort_farms(farms)` in milk/sort.py (FR-003)\n"
TESTS = "- [x] T002 Test `grade_pickup` in tests/test_grade.py (depends on T001)\n"
CODE = {
    "milk/grade.py": "def grade_pickup(count):\n    if count < 0:\n        raise ValueError\n    return 'A'\n",
    "milk/sort.py": "from milk.grade import grade_pickup\n\n\ndef sort_farms(farms):\n    return sorted(farms)\n",
}
TEST = """import pytest
from milk.grade import grade_pickup


def test_grade_of_a_pickup():
    assert grade_pickup(180) == 'A'


def test_stops_below_zero():
    with pytest.raises(ValueError):
        grade_pickup(-1)
"""
BOTH = ("test_grade_of_a_pickup", "test_stops_below_zero")


def rows(world: Any, *tasks: str, source: str = TEST, names: tuple[str, ...] = BOTH, outcome: str = "passed") -> Any:
    world.write("specs/001-prices/spec.md", SPEC)
    world.write("specs/001-prices/tasks.md", "# Tasks: Milk\n\n## Phase 1: Work\n\n" + "".join(tasks))
    for path, text in CODE.items():
        world.write(path, text)
    return world.with_test(source, *names, outcome=outcome, file="tests/test_grade.py")


@pytest.fixture
def noticed(world: Any) -> Any:
    """The world in which changes of the code were noticed by the tests of T002."""
    world.noticed = {"T002": 12}
    return world


@pytest.mark.parametrize(
    "tests",
    [
        TESTS,
        "- [x] T002 Test the grades in tests/test_grade.py (depends on T001)\n",
        "- [x] T002 Test `grade_pickup` in tests/test_grade.py\n",
        "- [x] T002 Test milk/grade.py in tests/test_grade.py\n",
    ],
    ids=["depends and names", "depends", "names the function", "names the file"],
)
def test_tests_for_the_code_of_the_task_that_cites_it_show_a_requirement(noticed: Any, tests: str) -> None:
    found = rows(noticed, GRADE, tests)
    one, two = found["FR-001"], found["FR-002"]
    assert (one.verdict, one.tasks, two.verdict) == ("met", ["T001", "T002"], "met")
    assert "2 tests of T002, written for the code of T001, passed and used grade_pickup" in one.reason
    assert one.commits == ["t001" * 10, "t002" * 10]
    assert one.evidence == ["tests/test_grade.py::test_grade_of_a_pickup"]
    assert two.evidence == ["tests/test_grade.py::test_stops_below_zero"]


def test_also_when_they_stand_before_their_code(noticed: Any) -> None:
    tests = "- [x] T002 Test `grade_pickup` in tests/test_grade.py\n"
    assert rows(noticed, tests, GRADE)["FR-001"].verdict == "met"


def test_changes_that_the_code_task_saw_noticed_count_too(world: Any) -> None:
    world.noticed = {"T001": 3}
    assert rows(world, GRADE, TESTS)["FR-001"].verdict == "met"


@pytest.mark.parametrize("many", [None, 0])
def test_where_no_change_of_the_code_was_noticed_it_is_partly(world: Any, many: int | None) -> None:
    world.noticed = {} if many is None else {"T002": many}
    row = rows(world, GRADE, TESTS)["FR-001"]
    assert row.verdict == "partly" and "was not seen that they notice a change" in row.reason


def test_one_of_several_requirements_that_no_test_speaks_of_is_partly(noticed: Any) -> None:
    source = TEST.partition("\n\ndef test_stops")[0]
    found = rows(noticed, GRADE, TESTS, source=source, names=BOTH[:1])
    assert found["FR-001"].verdict == "met"
    assert found["FR-002"].verdict == "partly" and "does not speak of the same" in found["FR-002"].reason
    assert "name FR-002 in a test" in found["FR-002"].reason


def test_the_only_requirement_of_a_task_needs_no_words(noticed: Any) -> None:
    source = "from milk.grade import grade_pickup\n\n\ndef test_it():\n    assert grade_pickup(180) == 'A'\n"
    task = "- [x] T001 Create `grade_pickup(count)` in milk/grade.py (FR-002)\n"
    assert rows(noticed, task, TESTS, source=source, names=("test_it",))["FR-002"].verdict == "met"


@pytest.mark.parametrize(
    "tests",
    [
        "- [x] T002 Test `grade_pickup` in tests/test_grade.py (FR-003; depends on T001)\n",
        "- [x] T002 Test `sort_farms` in tests/test_grade.py\n",
        "- [x] T002 Test `sort_farms` in tests/test_grade.py (depends on T003)\n",
        "- [x] T002 Test the milk in tests/test_grade.py\n",
    ],
    ids=["cites another", "names another", "depends on another", "says nothing"],
)
def test_tests_that_are_for_something_else_do_not_show_it(noticed: Any, tests: str) -> None:
    row = rows(noticed, GRADE, SORT, tests)["FR-001"]
    assert row.verdict == "partly" and row.evidence == []


def test_a_task_that_puts_another_ones_function_to_use_did_not_make_it(noticed: Any) -> None:
    sort = "- [x] T003 Create `sort_farms(farms)` in milk/sort.py with the grades of `grade_pickup` (FR-003)\n"
    row = rows(noticed, GRADE, TESTS, sort)["FR-003"]
    assert row.verdict == "partly" and row.tasks == ["T003"] and "uses what they made" not in row.reason


def test_of_several_dependencies_the_named_ones_are_what_is_tested(noticed: Any) -> None:
    tests = "- [x] T002 Test `grade_pickup` in tests/test_grade.py (depends on T001, T003)\n"
    found = rows(noticed, GRADE, SORT, tests)
    assert found["FR-001"].tasks == ["T001", "T002"] and found["FR-003"].tasks == ["T003"]


@pytest.mark.parametrize(("outcome", "verdict"), [("failed", "open"), ("skipped", "partly")])
def test_only_passed_ones_show_it(noticed: Any, outcome: str, verdict: str) -> None:
    assert rows(noticed, GRADE, TESTS, outcome=outcome)["FR-001"].verdict == verdict


def test_tests_whose_task_failed_leave_it_partly(noticed: Any) -> None:
    noticed.states = {"T002": "failed"}
    row = rows(noticed, GRADE, TESTS)["FR-001"]
    assert row.verdict == "partly" and "T002 failed" in row.reason


def test_which_functions_of_a_file_a_change_left_alone() -> None:
    before = "def test_a():\n    assert one() == 1\n\nclass TestB:\n    def test_c(self):\n        assert two() == 2\n"
    after = before.replace("== 2", "== 3").replace("one() == 1", "one()==1") + "\n\ndef test_d():\n    pass\n"
    assert unchanged_tests("tests/test_x.py", before, after) == ["tests/test_x.py::test_a"]
    assert unchanged_tests("tests/test_x.py", before, before)[1] == "tests/test_x.py::TestB::test_c"
    assert unchanged_tests("tests/test_x.py", "def (", after) == []
