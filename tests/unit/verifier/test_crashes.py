"""Where a failing test broke down, by what pytest says of it."""

import pytest
from kfpilot.agent.verifier.crashes import broke_in, function_at, wrong_result
from kfpilot.tools.pytest_run import TestCase

AT = "tests/test_clean.py:9: in test_clean\n    clean(rows)\n"


def case(message: str, outcome: str = "failed") -> TestCase:
    return TestCase(
        nodeid="tests/test_clean.py::test_clean", file="tests/test_clean.py", outcome=outcome, message=message
    )


@pytest.mark.parametrize(
    "error", ["TypeError: 'NoneType' object is not iterable", "FileNotFoundError: [Errno 2]", "ZeroDivisionError: x"]
)
def test_an_error_in_a_line_of_the_code_is_a_break_down(error: str) -> None:
    found = broke_in(case(f"{AT}steps/clean.py:15: in clean\n    open(path)\nE   {error}"))
    assert found == ("steps/clean.py", 15, error, False)


def test_the_input_may_be_to_blame_for_some_errors() -> None:
    for error in ("KeyError: 'x'", "IndexError: list index out of range", "ValueError: limit"):
        found = broke_in(case(f"{AT}steps/clean.py:15: in clean\n    row['x']\nE   {error}"))
        assert found == ("steps/clean.py", 15, error, True)


@pytest.mark.parametrize(
    "message",
    [
        f"{AT}steps/clean.py:15: in clean\n    raise Refused\nE   steps.clean.Refused: limit",
        "tests/test_clean.py:9: in test_clean\n    clean(1, 2)\nE   TypeError: clean() takes 1 positional argument",
        "tests/test_clean.py:9: in test_clean\n    assert 1 == 2\nE   assert 1 == 2",
        "E   TypeError: no place",
    ],
)
def test_what_fails_elsewhere_or_in_another_way_is_none(message: str) -> None:
    assert broke_in(case(message)) is None


def test_a_test_that_could_not_begin_did_not_break_down() -> None:
    assert broke_in(case(f"{AT}steps/clean.py:15: in clean\nE   TypeError: x", "error")) is None


def test_the_function_of_a_line() -> None:
    source = "import csv\n\n\ndef one():\n    return 1\n\n\ndef two():\n    return 2\n"
    assert [function_at(source, line) for line in (1, 5, 8, 99)] == ["", "one", "two", ""]
    assert function_at("def (", 1) == ""


def test_a_wrong_result_is_an_assertion_of_the_test_itself() -> None:
    here = "tests/test_clean.py:9: in test_clean\n    assert clean(rows) == 2\n"
    assert wrong_result(case(f"{here}E   assert 1 == 2\nE    +  where 1 = clean()")) == [
        "assert 1 == 2",
        "+  where 1 = clean()",
    ]
    assert wrong_result(case(f"{here}steps/clean.py:3: in clean\n    assert rows\nE   assert []")) == []
    assert wrong_result(case(f"{here}E   KeyError: 'x'")) == []
    assert wrong_result(case("E   assert 1 == 2")) == []
