# title: Unit test of a component that returns a value or raises
# use when: the tests of a component that returns a number or text, or fails on bad input
# keywords: test, tests, unit test, component, python_func, returns, value, count, number, raises, pytest.raises, ValueError, fail, fails, validate, missing
# roles: tests
# path: tests/test_check_columns.py
"""Tests of the component check_columns."""

import pytest
from kfp import dsl

from pipelines.components.check_columns import check_columns


def test_returns_the_number_of_columns(tmp_path):
    (tmp_path / "table.csv").write_text("station,celsius\nnorth,19.5\n")
    table = dsl.Dataset(name="table", uri=str(tmp_path / "table.csv"))

    assert check_columns.python_func(table=table, required=["station"]) == 2


def test_names_the_missing_column(tmp_path):
    (tmp_path / "table.csv").write_text("station\nnorth\n")
    table = dsl.Dataset(name="table", uri=str(tmp_path / "table.csv"))

    with pytest.raises(ValueError, match="missing columns: celsius"):
        check_columns.python_func(table=table, required=["station", "celsius"])
