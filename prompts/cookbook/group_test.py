# title: Unit test of a component that summarises a CSV
# use when: the tests of a component that groups rows and writes one row for each key
# keywords: test, tests, unit test, component, python_func, csv, group, per, summarise, summarize, summary, total, totals, sum, mean, average, aggregate, sorted, count, number of, amount, amounts
# roles: tests
# path: tests/test_average_by_station.py
"""Tests of the component average_by_station."""

from kfp import dsl

from pipelines.components.average_by_station import average_by_station


def run(tmp_path, text):
    (tmp_path / "readings.csv").write_text(text)
    readings = dsl.Dataset(name="readings", uri=str(tmp_path / "readings.csv"))
    averages = dsl.Dataset(name="averages", uri=str(tmp_path / "averages.csv"))
    average_by_station.python_func(readings=readings, averages=averages)
    return (tmp_path / "averages.csv").read_text()


def test_writes_one_row_for_each_station_sorted_by_name(tmp_path):
    written = run(tmp_path, "station,celsius\nsouth,20.0\nnorth,1.0\nsouth,21.0\n")
    assert written == "station,readings,average\nnorth,1,1.00\nsouth,2,20.50\n"


def test_writes_only_the_header_without_readings(tmp_path):
    written = run(tmp_path, "station,celsius\n")
    assert written == "station,readings,average\n"
