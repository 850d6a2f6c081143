"""Everything happens while the file is open, or with what was kept of it."""

from kfp import dsl
from kfp.dsl import Dataset, Input, Output


@dsl.component(base_image="python:3.12")
def mean_depth(soundings: Input[Dataset], table: Output[Dataset]):
    import csv

    with open(soundings.path, newline="") as source:
        reader = csv.DictReader(source)
        rows = list(reader)
    columns = reader.fieldnames
    with open(table.path, "w", newline="") as target:
        writer = csv.DictWriter(target, fieldnames=columns)
        writer.writeheader()
        writer.writerows(row for row in rows if row["depth"])
    print(target.name, source.closed, target)
