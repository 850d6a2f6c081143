"""A reader, a writer and a line after the block in which their file was open."""

from kfp import dsl
from kfp.dsl import Dataset, Input, Output


@dsl.component(base_image="python:3.12")
def count_lakes(soundings: Input[Dataset]) -> int:
    import csv

    with open(soundings.path) as source:
        rows = csv.DictReader(source)
    return len({row["lake"] for row in rows})


@dsl.component(base_image="python:3.12")
def write_lakes(lakes: list, table: Output[Dataset]):
    import csv

    with open(table.path, "w") as target:
        writer = csv.writer(target)
        writer.writerow(["lake"])
    for lake in lakes:
        writer.writerow([lake])


@dsl.component(base_image="python:3.12")
def end_page(text: str, page: Output[Dataset]):
    if text:
        with open(page.path, "w") as target:
            target.write(text)
        target.write("\n")
