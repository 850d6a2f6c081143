from kfp import dsl
from kfp.dsl import Dataset, Input, Output


@dsl.component(base_image="python:3.12")
def copy_rows(rows: Input[Dataset], copied: Output[Dataset]):
    """Copies rows."""
    with open(rows.path) as source, open(copied.path, "w") as target:
        for line in source:
            target.write(line)
    copied.metadata["from"] = rows.name
