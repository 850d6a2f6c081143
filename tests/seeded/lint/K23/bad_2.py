"""Pandas and pathlib read outputs too, and an OutputPath is the path itself."""

from kfp import dsl
from kfp.dsl import Dataset, Input, Output, OutputPath


@dsl.component(base_image="python:3.12", packages_to_install=["pandas==2.2.3"])
def extend_table(rows: Input[Dataset], table: Output[Dataset]):
    import pandas as pd

    known = pd.read_csv(table.path)
    pd.concat([known, pd.read_csv(rows.path)]).to_csv(table.path, index=False)


@dsl.component(base_image="python:3.12")
def count_runs(counter: OutputPath(int)):
    with open(counter) as source:
        runs = int(source.read() or 0)
    with open(counter, "w") as target:
        target.write(str(runs + 1))


@dsl.component(base_image="python:3.12")
def add_line(line: str, page: Output[Dataset]):
    from pathlib import Path

    text = Path(page.path).read_text()
    Path(page.path).write_text(f"{text}{line}\n")
