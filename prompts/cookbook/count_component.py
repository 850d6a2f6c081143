# title: Component that reads a dataset and returns one value
# use when: a component counts or measures an input artifact and returns a number that later steps use
# keywords: component, count, counts, number of rows, how many, length, measure, returns, return value, int, largest, input artifact, Input[Dataset]
# roles: code
# path: pipelines/components/count_rows.py
"""Component that counts rows."""

from kfp import dsl


@dsl.component(base_image="python:3.11")
def count_rows(table: dsl.Input[dsl.Dataset]) -> int:
    """Counts the rows of a CSV, without its header.

    Args:
        table: Any CSV with a header.

    Returns:
        The number of rows.
    """
    import csv

    with open(table.path, newline="") as source:
        return len(list(csv.DictReader(source)))
