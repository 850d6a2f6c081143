# title: Component that returns several values
# use when: a component returns more than one value, as a NamedTuple
# keywords: component, NamedTuple, several outputs, multiple outputs, two outputs, two values, several values, both, tuple, returns
# roles: code
# path: pipelines/components/find_range.py
"""Component that finds the lowest and highest reading."""

from typing import NamedTuple

from kfp import dsl


@dsl.component(base_image="python:3.11")
def find_range(readings: dsl.Input[dsl.Dataset]) -> NamedTuple("Outputs", [("lowest", float), ("highest", float)]):
    """Finds the lowest and the highest temperature.

    Args:
        readings: CSV with the columns station and celsius.

    Returns:
        lowest and highest.
    """
    import csv
    from collections import namedtuple

    with open(readings.path, newline="") as source:
        values = [float(row["celsius"]) for row in csv.DictReader(source)]
    outputs = namedtuple("Outputs", ["lowest", "highest"])
    return outputs(lowest=min(values), highest=max(values))
