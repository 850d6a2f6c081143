"""Component that loads the orders of a day."""

from kfp import dsl


@dsl.component(base_image="python:3.11")
def load_orders(export: dsl.Input[dsl.Dataset], orders: dsl.Output[dsl.Dataset], day: str):
    """Takes the orders of one day from the export of the shop.

    Args:
        export: CSV with the columns order_id, day, customer, status and amount.
        orders: The rows of the day, in the same order and with the same columns.
        day: The day, such as 2026-11-02.
    """
    import csv

    with open(export.path, newline="") as source:
        reader = csv.DictReader(source)
        columns = reader.fieldnames
        rows = [row for row in reader if row["day"] == day]
    with open(orders.path, "w", newline="") as target:
        writer = csv.DictWriter(target, fieldnames=columns)
        writer.writeheader()
        writer.writerows(rows)
