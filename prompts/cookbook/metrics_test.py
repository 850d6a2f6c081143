# title: Unit test of a component that logs metrics
# use when: the tests of a component with a Metrics output
# keywords: test, tests, unit test, component, metrics, metric, log_metric, metadata, python_func
# roles: tests
# path: tests/test_log_range.py
"""Tests of the component log_range."""

from kfp import dsl

from pipelines.components.log_range import log_range


def test_logs_rows_lowest_and_highest(tmp_path):
    (tmp_path / "readings.csv").write_text("station,celsius\nnorth,19.5\nsouth,21.0\n")
    readings = dsl.Dataset(name="readings", uri=str(tmp_path / "readings.csv"))
    metrics = dsl.Metrics(name="metrics", uri=str(tmp_path / "metrics"))

    log_range.python_func(readings=readings, metrics=metrics)

    assert metrics.metadata == {"rows": 2, "lowest": 19.5, "highest": 21.0}
