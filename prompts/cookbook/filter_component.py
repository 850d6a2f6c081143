# title: Component that reads a CSV dataset and writes the rows it keeps
# use when: a component has an artifact in and an artifact out: filter, keep, drop, clean or change the rows of a CSV
# keywords: component, filter, keep, keeps, drop, remove, rows, clean, select, transform, threshold, minimum, maximum, at least, above, below, csv, dataset, input artifact, output artifact, Input[Dataset], Output[Dataset]
# roles: code
# path: pipelines/components/keep_warm.py
"""Component that keeps the warm readings."""

from kfp import dsl


@dsl.component(base_image="python:3.11")
def keep_warm(readings: dsl.Input[dsl.Dataset], warm: dsl.Output[dsl.Dataset], minimum: float = 20.0):
    """Keeps the readings that are at least as warm as the minimum.

    Args:
        readings: CSV with the columns station and celsius.
        warm: The kept rows, in the same order and with the same columns.
        minimum: The lowest temperature to keep.
    """
    import csv

    with open(readings.path, newline="") as source:
        reader = csv.DictReader(source)
        columns = reader.fieldnames
        rows = [row for row in reader if float(row["celsius"]) >= minimum]
    with open(warm.path, "w", newline="") as target:
        writer = csv.DictWriter(target, fieldnames=columns)
        writer.writeheader()
        writer.writerows(rows)
