"""Which parameters a task asks for in so many words."""

import pytest
from kfpilot.agent.verifier.asked import (
    added_parameters,
    asked_parameters,
    asked_signature,
    functions_of,
    parameters_of,
)


@pytest.mark.parametrize(
    ("title", "names"),
    [
        (
            "Write the component `keep`: takes the dataset `rows`, writes the dataset `kept`, has the float parameters "
            "`low` (default -40.0) and `high` (default 60.0), and keeps `low <= celsius <= high`",
            ["rows", "kept", "low", "high"],
        ),
        ("Create the pipeline `report` in `a.py`: parameters `uri`, `day`, and `limit`", ["uri", "day", "limit"]),
    ],
)
def test_names_that_are_surely_the_functions_own(title: str, names: list[str]) -> None:
    assert asked_parameters(title) == names


@pytest.mark.parametrize(
    "title",
    [
        "Write the pipeline `report`: runs `keep` and counts the rows of the dataset `kept`",
        "Add the step `load` with the parameter `day` to the pipeline",
        "Document the pipeline and its parameter `uri`",
        "Create the component `keep(rows)`: the column `status` decides",
    ],
)
def test_what_may_be_anothers_is_not_asked_for(title: str) -> None:
    assert asked_parameters(title) == []


def test_parameters_are_those_of_signatures_and_keywords_not_those_of_docstrings() -> None:
    source = 'def keep(row, *, low=1):\n    """Args:\\n        rows: all."""\n    other(day=row)\n'
    assert parameters_of([source, "not python ("]) == {"row", "low", "day"}


@pytest.mark.parametrize(
    ("title", "name", "parameters"),
    [
        ("Create `gross(net: float, vat=0.2) -> float` in `prices.py`", "gross", ["net", "vat"]),
        (
            "Add component `merge(shards: Input[List[Dataset]], *, out: Output[Dataset]) -> NamedTuple(n: int)`",
            "merge",
            ["shards", "out"],
        ),
        ("Create `run()` in `a.py`", "run", []),
        ("Create `keep(rows, …)` in `a.py`", "", []),
        ('Create `keep("paid")` in `a.py`', "", []),
        ("Call `keep(rows)` from `a.py`", "", []),
        ("Create `a.py`", "", []),
    ],
)
def test_a_signature_in_backticks_is_read(title: str, name: str, parameters: list[str]) -> None:
    assert asked_signature(title) == (name, parameters)


def test_functions_with_their_parameters() -> None:
    source = "class A:\n    def keep(self, row): ...\ndef keep(table, *rest, low=1): ...\n"
    assert functions_of([source, "not python ("]) == {"keep": {"self", "row", "table", "low"}}


@pytest.mark.parametrize(
    ("title", "function", "names"),
    [
        (
            "Add parameter `low: float = 0.2` and the step `keep` to `daily` in src/shop/daily.py; it compares rows",
            "daily",
            ["low"],
        ),
        ("Add the parameters `low` and `high: int = 3` to the pipeline `daily`", "daily", ["low", "high"]),
        ("Add a `limit` parameter to the component `load(day)`", "load", ["limit"]),
        ("Give `load` the argument `limit = 10`, and count the rows", "load", ["limit"]),
        ("Add the step `keep` with `low` to the pipeline `daily`", "", []),
        ("Add the parameter `low` to config/settings.yaml. Hand it to `daily`", "", []),
        ("Document the parameter `low` that was added to `daily`", "", []),
    ],
)
def test_parameters_that_a_function_gets(title: str, function: str, names: list[str]) -> None:
    assert added_parameters(title) == (function, names)
