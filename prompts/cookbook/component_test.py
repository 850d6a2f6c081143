# title: Unit test of a component that reads and writes CSV
# use when: the tests of a component with artifacts: write its input, call python_func, compare its output
# keywords: test, tests, unit test, component, python_func, csv, dataset, artifact, pytest, tmp_path, filter, keep, kept, drop, remove, clean, by default
# roles: tests
# path: tests/test_keep_warm.py
"""Tests of the component keep_warm."""

from kfp import dsl

from pipelines.components.keep_warm import keep_warm


def run(tmp_path, text, **parameters):
    (tmp_path / "readings.csv").write_text(text)
    readings = dsl.Dataset(name="readings", uri=str(tmp_path / "readings.csv"))
    warm = dsl.Dataset(name="warm", uri=str(tmp_path / "warm.csv"))
    keep_warm.python_func(readings=readings, warm=warm, **parameters)
    return (tmp_path / "warm.csv").read_text()


def test_keeps_readings_of_at_least_twenty_degrees_by_default(tmp_path):
    written = run(tmp_path, "station,celsius\nnorth,19.5\nsouth,20.0\neast,21.5\n")
    assert written == "station,celsius\nsouth,20.0\neast,21.5\n"


def test_keeps_readings_at_or_above_another_minimum(tmp_path):
    written = run(tmp_path, "station,celsius\nnorth,19.5\nsouth,20.0\neast,21.5\n", minimum=21.0)
    assert written == "station,celsius\neast,21.5\n"


def test_writes_only_the_header_when_no_row_is_kept(tmp_path):
    written = run(tmp_path, "station,celsius\nnorth,-3.0\n")
    assert written == "station,celsius\n"
