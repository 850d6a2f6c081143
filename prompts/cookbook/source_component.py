# title: Component that writes a dataset
# use when: a component creates, loads, generates or downloads data and writes it to an output artifact
# keywords: component, load, create, generate, write, produce, source, sample, fetch, output artifact, Output[Dataset], dataset
# roles: code
# path: pipelines/components/load_readings.py
"""Component that provides the readings."""

from kfp import dsl


@dsl.component(base_image="python:3.11")
def load_readings(readings: dsl.Output[dsl.Dataset], station: str = "north"):
    """Writes the readings of a station as CSV.

    Args:
        readings: CSV with the columns station and celsius.
        station: Name of the station.
    """
    import csv

    rows = [
        {"station": station, "celsius": 18.5},
        {"station": station, "celsius": 21.0},
    ]
    with open(readings.path, "w", newline="") as target:
        writer = csv.DictWriter(target, fieldnames=["station", "celsius"])
        writer.writeheader()
        writer.writerows(rows)
