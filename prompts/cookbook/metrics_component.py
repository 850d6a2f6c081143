# title: Component that logs metrics
# use when: a component reports numbers of a run or a model as Metrics
# keywords: component, metrics, metric, log_metric, accuracy, score, evaluate, evaluation, quality, dashboard, Output[Metrics]
# roles: code
# path: pipelines/components/log_range.py
"""Component that logs the range of the readings."""

from kfp import dsl


@dsl.component(base_image="python:3.11")
def log_range(readings: dsl.Input[dsl.Dataset], metrics: dsl.Output[dsl.Metrics]):
    """Logs the number of readings and the lowest and highest temperature.

    Args:
        readings: CSV with the columns station and celsius.
        metrics: The metrics rows, lowest and highest.
    """
    import csv

    with open(readings.path, newline="") as source:
        values = [float(row["celsius"]) for row in csv.DictReader(source)]
    metrics.log_metric("rows", len(values))
    if values:
        metrics.log_metric("lowest", min(values))
        metrics.log_metric("highest", max(values))
