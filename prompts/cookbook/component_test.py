# title: Unit test of a component that reads and writes CSV
# use when: the tests of a component with artifacts: write its input, call python_func, compare its output
# keywords: test, tests, unit test, component, python_func, csv, dataset, rows, artifact, pytest, tmp_path, writes, keeps, default
# roles: tests
# path: tests/test_keep_warm.py
"""Tests of the component keep_warm."""

from kfp import dsl

from pipelines.components.keep_warm import keep_warm


def test_keeps_readings_at_or_above_the_minimum(tmp_path):
    (tmp_path / "readings.csv").write_text("station,celsius\nnorth,19.5\nsouth,20.0\neast,21.5\n")
    readings = dsl.Dataset(name="readings", uri=str(tmp_path / "readings.csv"))
    warm = dsl.Dataset(name="warm", uri=str(tmp_path / "warm.csv"))

    keep_warm.python_func(readings=readings, warm=warm, minimum=20.0)

    assert (tmp_path / "warm.csv").read_text() == "station,celsius\nsouth,20.0\neast,21.5\n"


def test_writes_only_the_header_when_nothing_is_warm(tmp_path):
    (tmp_path / "readings.csv").write_text("station,celsius\nnorth,-3.0\n")
    readings = dsl.Dataset(name="readings", uri=str(tmp_path / "readings.csv"))
    warm = dsl.Dataset(name="warm", uri=str(tmp_path / "warm.csv"))

    keep_warm.python_func(readings=readings, warm=warm)

    assert (tmp_path / "warm.csv").read_text() == "station,celsius\n"
