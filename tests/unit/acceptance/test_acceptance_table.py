"""What the table says of a requirement, and why."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from kfpilot.agent.acceptance.models import counts, say

TEST = "from shop.double import double\n\n\ndef test_twice():\n    assert double(2) == 4\n"


def test_a_passed_test_of_the_task_that_cites_it_shows_a_requirement(world: Any) -> None:
    row = world.with_test(TEST, "test_twice")["FR-001"]
    assert (row.verdict, row.tasks, row.where) == ("met", ["T001", "T002"], "specs/001-prices/spec.md:14")
    assert row.shown_by == ["tests/test_double.py::test_twice"]
    assert row.commits == ["t001" * 10, "t002" * 10]
    assert "T002, which cites it" in row.reason and "double" in row.reason


@pytest.mark.parametrize("outcome", ["failed", "error", "skipped", "xfailed", "xpassed"])
def test_only_a_pass_shows_anything(world: Any, outcome: str) -> None:
    row = world.with_test(TEST, "test_twice", outcome=outcome)["FR-001"]
    assert row.verdict == ("open" if outcome in ("failed", "error") else "partly")
    assert row.shown_by == [] and "test_double.py::test_twice" in row.reason


def test_one_skipped_among_passed_ones_is_not_all(world: Any) -> None:
    world.write("tests/test_double.py", TEST + "\n\ndef test_zero():\n    assert double(0) == 0\n")
    rows = world.table({"tests/test_double.py::test_twice": "passed", "tests/test_double.py::test_zero": "skipped"})
    assert rows["FR-001"].verdict == "partly" and "was skipped" in rows["FR-001"].reason
    rows = world.table({"tests/test_double.py::test_twice": "passed", "tests/test_double.py::test_zero": "failed"})
    assert rows["FR-001"].verdict == "partly" and "failed" in rows["FR-001"].reason


@pytest.mark.parametrize(
    ("states", "verdict"),
    [
        ({"T001": "failed", "T002": "skipped"}, "open"),
        ({"T001": "open", "T002": "open"}, "open"),
        ({"T001": "verified", "T002": "failed"}, "partly"),
        ({"T001": "deferred", "T002": "deferred"}, "open"),
    ],
)
def test_tasks_that_are_not_done_leave_it_open(world: Any, states: dict[str, str], verdict: str) -> None:
    world.states = states
    row = world.table({})["FR-001"]
    assert row.verdict == verdict and "T002" in row.reason


OPTIONAL = """# Implementation Plan

- [x] 1. Create `double(price)` in shop/double.py (FR-001)
- [x] 2. Test `double` in tests/test_double.py (FR-001)
- [ ]* 3. Write property tests of doubling (FR-001)
"""


@pytest.mark.parametrize(("state", "verdict"), [("open", "met"), ("failed", "partly")])
def test_an_optional_task_that_is_left_out_lowers_nothing(world: Any, state: str, verdict: str) -> None:
    world.write("specs/001-prices/tasks.md", OPTIONAL)
    world.states = {"3": state}
    row = world.with_test(TEST, "test_twice")["FR-001"]
    assert row.verdict == verdict, row.reason


def test_an_optional_task_alone_meets_nothing(world: Any) -> None:
    world.write("specs/001-prices/tasks.md", "- [ ]* 1. Test `double` in tests/test_double.py (FR-001)\n")
    world.states = {"1": "open"}
    row = world.table({})["FR-001"]
    assert (row.verdict, row.reason) == ("open", "task 1 optional and left out")


def test_a_verified_task_alone_shows_no_code(world: Any) -> None:
    row = world.table({})["FR-001"]
    assert row.verdict == "partly" and "name FR-001 in a test" in row.reason


def test_a_test_that_uses_nothing_of_the_work_does_not_count(world: Any) -> None:
    source = "from shop.double import other\n\n\ndef test_twice():\n    assert other(2) == 2\n"
    row = world.with_test(source, "test_twice")["FR-001"]
    assert row.verdict == "partly" and "uses nothing that its tasks made" in row.reason


def test_code_is_found_through_fixtures_helpers_and_conftest(world: Any) -> None:
    world.write(
        "tests/conftest.py",
        "import pytest\n\n\n@pytest.fixture\ndef four():\n    from shop import double\n    return double.double(2)\n",
    )
    row = world.with_test("def test_four(four):\n    assert four == 4\n", "test_four")["FR-001"]
    assert row.verdict == "met"


def test_a_test_elsewhere_that_uses_the_code_is_told_as_what_it_is(world: Any) -> None:
    row = world.with_test(TEST, "test_twice", file="tests/test_other.py")["FR-001"]
    assert row.verdict == "partly"
    assert "tests/test_other.py::test_twice uses what they made" in row.reason


@pytest.mark.parametrize(
    "source",
    [
        "def test_fr_003():\n    assert min([2]) == 2\n",
        'def test_x():\n    """FR-003: two decimals."""\n    assert min([2]) == 2\n',
        "def test_x():\n    # shows FR-003\n    assert min([2]) == 2\n",
        "# FR-003\ndef test_x():\n    assert min([2]) == 2\n",
        '@pytest.mark.requirement("FR-003")\ndef test_x():\n    assert min([2]) == 2\n',
        'def test_x():\n    """FR-001 to FR-004."""\n    assert min([2]) == 2\n',
        '"""Shows FR-003."""\n\n\ndef test_x():\n    assert min([2]) == 2\n',
        'pytestmark = pytest.mark.requirement("FR-003")\n\n\ndef test_x():\n    assert min([2]) == 2\n',
    ],
)
def test_a_test_that_names_a_requirement_shows_it_without_any_task(world: Any, source: str) -> None:
    name = "test_fr_003" if "test_fr_003" in source else "test_x"
    row = world.with_test(source, name, file="tests/test_print.py")["FR-003"]
    assert row.verdict == "met" and "no task names it" in row.reason and not row.gap


def test_a_class_names_it_for_its_tests(world: Any) -> None:
    source = 'class TestPrint:\n    """FR-003."""\n\n    def test_x(self):\n        assert min([2]) == 2\n'
    assert world.with_test(source, "TestPrint::test_x")["FR-003"].verdict == "met"


@pytest.mark.parametrize("body", ["pass", "assert True", "double(2)", "return double(2) == 4"])
def test_a_test_that_asserts_nothing_shows_nothing(world: Any, body: str) -> None:
    source = f"from shop.double import double\n\n\ndef test_fr_003():\n    {body}\n    double\n"
    rows = world.with_test(source, "test_fr_003")
    assert rows["FR-001"].verdict == "partly" and "asserts nothing" in rows["FR-001"].reason
    assert rows["FR-003"].verdict == "open" and rows["FR-003"].gap


def test_a_shared_helper_may_assert_for_a_test(world: Any) -> None:
    source = "from tests.checks import four\nfrom shop.double import double\n\n\ndef test_x():\n    four(double(2))\n"
    assert world.with_test(source, "test_x")["FR-001"].verdict == "met"


def test_a_requirement_without_task_is_a_gap(world: Any) -> None:
    rows = world.with_test(TEST, "test_twice")
    assert (rows["FR-003"].verdict, rows["FR-003"].gap) == ("open", True)
    assert rows["FR-003"].reason == "no task names or covers it"
    assert "named by no task" in say(rows.values())


UNCITED = "from shop.double import double\n\n\ndef test_{name}():\n    assert f'{{double(2):.2f}}' == {value}\n"


@pytest.mark.parametrize(("outcome", "verdict"), [("passed", "partly"), ("failed", "open"), ("skipped", "open")])
def test_a_test_that_speaks_of_an_uncited_requirement_is_a_weak_link(world: Any, outcome: str, verdict: str) -> None:
    source = UNCITED.format(name="prints_two_decimals", value="'4.00'")
    row = world.with_test(source, "test_prints_two_decimals", outcome=outcome)["FR-003"]
    assert row.verdict == verdict and row.tasks == [] and row.shown_by == []
    if verdict == "partly":
        assert "test_prints_two_decimals passed and speaks of the same" in row.reason
        assert "weak link; name FR-003" in row.reason and not row.gap


@pytest.mark.parametrize(
    "source",
    [
        UNCITED.format(name="rounds", value="'4.00'"),
        "def test_prints_two_decimals():\n    assert f'{2:.2f}' == '2.00'\n",
        "from shop.double import double\n\n\ndef test_prints_two_decimals():\n    double(2)\n",
    ],
    ids=["other words", "nothing of the feature", "no assertion"],
)
def test_less_than_that_is_no_link(world: Any, source: str) -> None:
    name = source.partition("def ")[2].partition("(")[0]
    assert world.with_test(source, name)["FR-003"].verdict == "open"


def test_words_do_not_stand_for_a_task_that_cites(world: Any) -> None:
    world.states["T003"] = "open"
    source = "from shop.double import double\n\n\ndef test_page_describes_prices():\n    assert double(2) == 4\n"
    assert world.with_test(source, "test_page_describes_prices")["FR-002"].verdict == "open"


def test_the_name_of_a_test_ranks_it_and_its_parameters_do_not(world: Any) -> None:
    source = (
        "import pytest\nfrom shop.double import double\n\n\n@pytest.mark.parametrize('n', ['shows'])\n"
        "def test_other(n):\n    price = 'price doubled shows 4'\n    assert price and double(2) == 4\n\n\n"
        "def test_shows():\n    price = 'price doubled shows 4'\n    assert price and double(2) == 4\n"
    )
    row = world.with_test(source, "test_other[shop-shows-4-price]", "test_shows")["US1/AS1"]
    assert row.tests[0].nodeid.endswith("test_shows")


def test_a_shared_name_is_a_weak_link_and_says_so(world: Any) -> None:
    row = world.table({})["FR-004"]
    assert (row.verdict, row.tasks, row.gap) == ("partly", ["T004"], False)
    assert "weak link" in row.reason and "does not cite it" in row.reason


def test_documentation_is_shown_by_the_gates_of_its_verified_task(world: Any) -> None:
    row = world.table({})["FR-002"]
    assert row.verdict == "met" and "the gates of T003 passed (scope, files, docs)" in row.reason
    world.not_verified = {"T003": ["links to other sites"]}
    assert "not verified here: links to other sites" in world.table({})["FR-002"].why
    world.states = {"T003": "ticked"}
    row = world.table({})["FR-002"]
    assert row.verdict == "partly" and "no commit of kfpilot stands for it" in row.reason


def test_people_and_time_are_not_verifiable_here(world: Any) -> None:
    rows = world.table({})
    assert rows["SC-001"].verdict == "not verifiable here" and "people" in rows["SC-001"].reason
    assert "no task names or covers it" in rows["SC-001"].reason and rows["SC-001"].gap
    assert rows["SC-002"].verdict == "not verifiable here" and "time" in rows["SC-002"].reason


def test_a_test_can_stand_for_a_time_but_never_for_people(world: Any) -> None:
    source = "def test_sc_001():\n    assert min([2]) == 2\n\n\ndef test_sc_002():\n    assert min([2]) == 2\n"
    rows = world.with_test(source, "test_sc_001", "test_sc_002")
    assert rows["SC-002"].verdict == "met"
    assert rows["SC-001"].verdict == "not verifiable here" and "test_sc_001" in rows["SC-001"].reason


def test_a_scenario_is_shown_by_the_test_that_speaks_of_the_same(world: Any) -> None:
    source = (
        "import pytest\nfrom shop.double import double\n\n\ndef test_the_shop_shows_4_for_a_price_of_2():\n"
        "    assert double(2) == 4\n\n\ndef test_negative_price_is_an_error():\n"
        "    with pytest.raises(ValueError, match='negative'):\n        double(-1)\n"
    )
    rows = world.with_test(source, "test_the_shop_shows_4_for_a_price_of_2", "test_negative_price_is_an_error")
    one, two = rows["US1/AS1"], rows["US1/AS2"]
    assert (one.verdict, two.verdict) == ("met", "met")
    assert one.shown_by == ["tests/test_double.py::test_the_shop_shows_4_for_a_price_of_2"]
    assert two.shown_by == ["tests/test_double.py::test_negative_price_is_an_error"]
    assert "weak link" in two.reason and "negative" in two.reason


def test_a_scenario_no_test_speaks_of_is_only_partly_shown(world: Any) -> None:
    source = "from shop.double import double\n\n\ndef test_the_shop_shows_4_for_2():\n    assert double(2) == 4\n"
    rows = world.with_test(source, "test_the_shop_shows_4_for_2")
    assert rows["US1/AS2"].verdict == "partly"
    assert "none names US1/AS2" in rows["US1/AS2"].reason


@pytest.mark.parametrize("name", ["test_us1_as2", "test_US1_scenario_2_of_the_prices", "test_user_story_1_scenario_2"])
def test_a_test_may_name_its_scenario(world: Any, name: str) -> None:
    rows = world.with_test(f"def {name}():\n    assert min([2]) == 2\n", name, file="tests/test_any.py")
    assert rows["US1/AS2"].verdict == "met" and rows["US1/AS1"].verdict == "partly"


def test_a_suite_that_broke_off_is_told(world: Any) -> None:
    row = world.table({}, broken="pytest could not start (exit code 4).")["FR-001"]
    assert "the tests did not run to their end: pytest could not start" in row.reason


def test_test_files_that_cannot_be_read_do_no_harm(world: Any) -> None:
    world.write("tests/test_double.py", "def test_x(:\n")
    rows = world.table({"tests/test_double.py": "error", "gone.py::test_y": "passed", "README.md::README.md": "passed"})
    assert rows["FR-001"].verdict == "open" and "test_double.py ended in an error" in rows["FR-001"].reason


def test_ids_that_are_given_twice_have_a_row_each(spec_of: Callable[[str], Any]) -> None:
    rows = spec_of("# S\n\n## Requirements\n\n- **FR-001**: a MUST b\n- **FR-001**: c MUST d\n").table({})
    assert list(rows) == ["FR-001", "FR-001#2"]
    assert rows["FR-001#2"].tasks == ["T001", "T002"]


def test_a_specification_without_anything_has_no_rows(spec_of: Callable[[str], Any]) -> None:
    rows = spec_of("# S\n\nJust words.\n").table({})
    assert rows == {} and say([]) == "nothing to show" and set(counts([]).values()) == {0}


def test_words_do_not_speak_for_a_success_criterion(world: Any) -> None:
    source = UNCITED.format(name="users_find_price_within_minute", value="'4.00'")
    row = world.with_test(source, "test_users_find_price_within_minute")["SC-001"]
    assert row.tests == [] and row.verdict == "not verifiable here"
