# title: Component that checks its input and fails with a clear message
# use when: a component validates data and must fail, raise ValueError or reject bad input
# keywords: component, validate, validates, validation, check, schema, required, columns, missing, fail, fails, raise, raises, ValueError, error, reject, invalid, quality
# roles: code
# path: pipelines/components/check_columns.py
"""Component that checks the columns of a CSV."""

from kfp import dsl


@dsl.component(base_image="python:3.11")
def check_columns(table: dsl.Input[dsl.Dataset], required: list[str]) -> int:
    """Fails if a required column is missing.

    Args:
        table: Any CSV with a header.
        required: Names of the columns that must be there.

    Returns:
        The number of columns.

    Raises:
        ValueError: If a column is missing.
    """
    import csv

    with open(table.path, newline="") as source:
        columns = csv.DictReader(source).fieldnames or []
    missing = [name for name in required if name not in columns]
    if missing:
        raise ValueError(f"missing columns: {', '.join(missing)}")
    return len(columns)
