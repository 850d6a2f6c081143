"""Made-up rows for a component of whose data nobody says anything."""

import pytest
from kfpilot.agent.verifier.local_rows import made_rows

MODULE = """
import csv

def other(rows):
    return [row["x"] for row in rows]

def keep(rows):
    for row in csv.DictReader(rows):
        row["seen"] = row["day"], row.get("n", 0), row[0]
"""


def test_the_rows_have_the_columns_that_are_looked_up_in_every_combination() -> None:
    header, *rows = made_rows(MODULE, "keep").splitlines()
    assert header == "day,n"
    assert sorted(rows) == ["1,1", "1,2", "2,1", "2,2"]


@pytest.mark.parametrize(
    ("source", "function"),
    [
        (MODULE, "other"),
        (MODULE, "none"),
        ("def (", "keep"),
        ("def keep(rows):\n    return list(csv.DictReader(rows))\n", "keep"),
        ("def keep(a):\n    return [json.loads(r['x'])['y'] for r in csv.DictReader(a)]\n", "keep"),
        ("def keep(a, b):\n    return [r['x'] for f in (csv.DictReader(a), csv.DictReader(b)) for r in f]\n", "keep"),
    ],
    ids=["no reader", "no such function", "no Python", "no column by name", "JSON in a cell", "two tables"],
)
def test_there_are_none_where_the_columns_are_unsure(source: str, function: str) -> None:
    assert made_rows(source, function) == ""
