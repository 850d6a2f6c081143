"""Which few of the tests that show something are named for it."""

from __future__ import annotations

from typing import Any

import pytest
from kfpilot.agent.acceptance.speaks import Scale, exact_marks, marks_of

SPEC = """# Feature Specification: Hives

### User Story 1 - Losses are listed (Priority: P1)

**Acceptance Scenarios**:

1. **Given** hive H07 of 44.10 kg has 41.95 kg after an hour, **When** losses are listed, **Then** the list has 2.15
2. **Given** hive H08 of 52.40 kg has 38.20 kg after an hour, **When** losses are listed, **Then** the list has 14.20

## Requirements

- **FR-001**: Losses of at least `least_kg` (default 1.5) MUST be listed
- **FR-002**: The list MUST be sorted by hive
- **FR-003**: The number of losses MUST be reported as `many_losses`
"""
TASKS = """# Tasks: Hives

## Phase 1: Work

- [x] T001 [US1] Create `list_losses(rows, least_kg=1.5)` in hives/losses.py (FR-001, FR-002, FR-003)
- [x] T002 [US1] Test `list_losses` in tests/test_losses.py (FR-001, FR-002, FR-003)
"""
TEST = """import pytest
from hives.losses import list_losses

H07 = [("H07", 44.10), ("H07", 41.95)]
H08 = [("H08", 52.40), ("H08", 38.20)]


def test_old():
    assert list_losses([]) == []


def test_a_loss_is_listed_after_an_hour():
    assert list_losses(H07) == [("H07", 2.15)]


def test_least_kg_is_a_parameter():
    assert list_losses([("H07", 3.0), ("H07", 1.5)], least_kg=1.5) == [("H07", 1.5)]


@pytest.mark.parametrize("rows", [[("H08", 5.0), ("H07", 3.0)], [("H07", 3.0)]])
def test_the_list_is_sorted_by_hive(rows):
    assert [hive for hive, _ in list_losses(rows)] == sorted(hive for hive, _ in rows)


def test_many_losses():
    assert list_losses(H07).many_losses == 1


def test_a_loss_of_14_20():
    assert list_losses(H08) == [("H08", 14.20)]
"""
NAMES = (
    "test_old",
    "test_a_loss_is_listed_after_an_hour",
    "test_least_kg_is_a_parameter",
    "test_the_list_is_sorted_by_hive[rows0]",
    "test_the_list_is_sorted_by_hive[rows1]",
    "test_many_losses",
    "test_a_loss_of_14_20",
)
FILE = "tests/test_losses.py"


@pytest.fixture
def hives(world: Any) -> Any:
    world.write("specs/001-prices/spec.md", SPEC)
    world.write("specs/001-prices/tasks.md", TASKS)
    world.write("hives/losses.py", "def list_losses(rows, least_kg=1.5):\n    return rows\n")
    return world


@pytest.mark.parametrize(
    ("key", "wanted"),
    [
        ("FR-001", "test_least_kg_is_a_parameter"),
        ("FR-002", "test_the_list_is_sorted_by_hive"),
        ("FR-003", "test_many_losses"),
        ("US1/AS1", "test_a_loss_is_listed_after_an_hour"),
        ("US1/AS2", "test_a_loss_of_14_20"),
    ],
)
def test_the_test_that_has_its_values_and_names_is_the_evidence(hives: Any, key: str, wanted: str) -> None:
    row = hives.with_test(TEST, *NAMES, file=FILE)[key]
    assert row.verdict == "met" and row.evidence == [f"{FILE}::{wanted}"]


def test_each_requirement_says_by_what_it_is_told_from_the_others(hives: Any) -> None:
    found = hives.with_test(TEST, *NAMES, file=FILE)
    assert "6 tests of T002, which cites it, passed and used list_losses; 1 of them speaks" in found["FR-001"].reason
    assert "(1.5, least_kg, " in found["FR-001"].reason and "many_losses" in found["FR-003"].reason
    assert found["US1/AS1"].reason.count(",") < 5 and "2.15" in found["US1/AS1"].reason


def test_a_test_that_names_the_id_comes_before_all(hives: Any) -> None:
    row = hives.with_test(TEST + "\n\ndef test_fr_002():\n    assert list_losses([1]) == [1]\n", *NAMES, "test_fr_002",
                          file=FILE)["FR-002"]  # fmt: skip
    assert row.evidence[0] == f"{FILE}::test_fr_002" and "named by test_losses.py::test_fr_002" in row.reason


def test_tests_that_stood_there_before_count_only_when_there_is_nothing_else(hives: Any) -> None:
    hives.earlier = {"T002": [f"{FILE}::{name}" for name in ("test_old", "test_least_kg_is_a_parameter")]}
    row = hives.with_test(TEST, *NAMES, file=FILE)["FR-001"]
    assert f"{FILE}::test_least_kg_is_a_parameter" not in row.shown_by and row.verdict == "met"
    assert "4 tests of T002" in row.reason
    row = hives.with_test(TEST, "test_old", "test_least_kg_is_a_parameter", file=FILE)["FR-001"]
    assert row.evidence == [f"{FILE}::test_least_kg_is_a_parameter"] and "stood there before" in row.reason


def test_one_of_them_that_fails_is_told_all_the_same(hives: Any) -> None:
    hives.earlier = {"T002": [f"{FILE}::test_old"]}
    hives.write(FILE, TEST)
    row = hives.table({f"{FILE}::test_old": "failed", f"{FILE}::test_many_losses": "passed"})["FR-003"]
    assert row.verdict == "partly" and "test_old failed" in row.reason


def test_where_none_speaks_of_it_that_is_said(hives: Any) -> None:
    source = "from hives.losses import list_losses\n\n\ndef test_{}():\n    assert list_losses([{}]) == []\n"
    row = hives.with_test(source.format("x", 7) + "\n\n" + source.format("y", 8).partition("\n\n\n")[2], "test_x",
                          "test_y", file=FILE)["FR-002"]  # fmt: skip
    assert "none of them speaks of the same" in row.reason and len(row.evidence) == 2


def test_there_are_three_at_the_most(hives: Any) -> None:
    tests = "".join(f"\n\ndef test_sorted_hives_{n}():\n    assert list_losses([{n}]) == []\n" for n in range(5))
    names = [f"test_sorted_hives_{n}" for n in range(5)]
    row = hives.with_test("from hives.losses import list_losses\n" + tests, *names, file=FILE)["FR-002"]
    assert len(row.shown_by) == 5 and len(row.evidence) == 3


def test_values_and_identifiers_have_one_form() -> None:
    marks = exact_marks("`settle-farms` at 41.20 on 2025-05-18T11:00:00: F014 raises ValueError")
    assert marks == {
        "`settle_farms": "settle-farms", "41.2": "41.20", "2025-05-18": "2025-05-18", "11:00:00": "11:00:00",
        "`F014": "F014", "`ValueError": "ValueError",
    }  # fmt: skip
    assert marks_of("settle_farms(41.2)") & set(marks) == {"`settle_farms", "41.2"}


def test_what_all_have_tells_nothing() -> None:
    tests = [marks_of("hive H07 1.5"), marks_of("hive H07 2.5"), marks_of("hive H07")]
    scale = Scale(tests, [marks_of("hive 1.5"), marks_of("hive 2.5")])
    assert scale.weight("1.5") > 4 * scale.weight("hiv")
    assert scale.score(marks_of("hive 1.5"), tests[0], set()) > scale.score(marks_of("hive 1.5"), tests[1], set())
    assert scale.score(marks_of("one word of many others here"), marks_of("word"), set()) == 0
