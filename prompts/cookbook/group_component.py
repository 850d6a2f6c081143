# title: Component that summarises a CSV dataset by a column
# use when: a component groups rows by a key and writes one row for each: totals, sums, means, counts per something
# keywords: component, group, group by, per, for each, one row per, one row, one line, number of, percentage, share, alphabetical, aggregate, summarise, summarize, summary, total, totals, sum, mean, average, csv, dataset, sorted, Input[Dataset], Output[Dataset]
# roles: code
# path: pipelines/components/average_by_station.py
"""Component that averages the readings of each station."""

from kfp import dsl


@dsl.component(base_image="python:3.11")
def average_by_station(readings: dsl.Input[dsl.Dataset], averages: dsl.Output[dsl.Dataset], digits: int = 2):
    """Writes one row for each station with its number of readings and their average.

    Args:
        readings: CSV with the columns station and celsius.
        averages: CSV with the columns station, readings and average, sorted by station.
        digits: Digits after the decimal point.
    """
    import csv

    groups = {}
    with open(readings.path, newline="") as source:
        for row in csv.DictReader(source):
            groups.setdefault(row["station"], []).append(float(row["celsius"]))
    with open(averages.path, "w", newline="") as target:
        writer = csv.writer(target)
        writer.writerow(["station", "readings", "average"])
        for station, values in sorted(groups.items()):
            writer.writerow([station, len(values), f"{sum(values) / len(values):.{digits}f}"])
