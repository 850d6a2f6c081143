"""Which columns a table has, by what is said and written."""

from collections.abc import Callable

import pytest
from kfpilot.agent.workers.job import Job
from kfpilot.agent.workers.scaffold import find_component
from kfpilot.agent.workers.tables import columns_told, headers_for

WEIGH = """from kfp import dsl


@dsl.component
def weigh(parcels: dsl.Input[dsl.Dataset], heavy: dsl.Output[dsl.Dataset]):
    import csv

    with open(parcels.path) as file:
        print([row["kilos"] for row in csv.DictReader(file)])
"""


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("log: CSV with the columns star, night, band and error.", [["star", "night", "band", "error"]]),
        ("CSV with the columns star and night, sorted", [["star", "night"]]),
        ("A line of the log: `star`, `night` and `error`, the error in magnitudes", [["star", "night", "error"]]),
        ("under the header star,night,error", [["star", "night", "error"]]),
        ("with the column `star`", []),
        ("one and two", []),
    ],
)
def test_lists_of_columns_are_read_from_prose(text: str, columns: list[list[str]]) -> None:
    assert columns_told(text) == columns


def test_the_columns_of_an_input_are_those_that_are_told_of_it(job_of: Callable[[str], Job]) -> None:
    # The docstring of read_parcels says: CSV with the columns id and kilos.
    weigh = find_component(WEIGH, "weigh")
    assert headers_for(job_of("T002"), weigh) == {"parcels": ["id", "kilos"]}


def test_where_two_tables_have_the_column_none_is_certain(job_of: Callable[[str], Job]) -> None:
    job = job_of("T002")
    (job.worktree / "flows/other.py").write_text(
        "from kfp import dsl\n\n\n@dsl.component\ndef other(n: int):\n    '''With the columns depot and kilos.'''\n"
    )
    assert headers_for(job, find_component(WEIGH, "weigh")) == {}
    # What is written to it counts more than what is told.
    reader = job.worktree / "flows/read_parcels.py"
    reader.write_text(reader.read_text().replace('"id,kilos\\n"', '",".join(["id", "day", "kilos"])'))
    assert headers_for(job, find_component(WEIGH, "weigh")) == {"parcels": ["id", "kilos"]}


def test_a_component_that_names_several_columns_needs_no_more(job_of: Callable[[str], Job]) -> None:
    two = find_component(WEIGH.replace('row["kilos"]', 'row["kilos"] + row["id"]'), "weigh")
    assert headers_for(job_of("T002"), two) == {}
