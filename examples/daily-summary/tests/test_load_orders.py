"""Tests of the component load_orders."""

from kfp import dsl

from pipelines.components.load_orders import load_orders

EXPORT = """order_id,day,customer,status,amount
1,2026-11-01,ada,paid,10.00
2,2026-11-02,bob,open,20.50
3,2026-11-02,ada,paid,5.25
"""


def test_takes_the_orders_of_the_day(tmp_path):
    (tmp_path / "export.csv").write_text(EXPORT)
    export = dsl.Dataset(name="export", uri=str(tmp_path / "export.csv"))
    orders = dsl.Dataset(name="orders", uri=str(tmp_path / "orders.csv"))

    load_orders.python_func(export=export, orders=orders, day="2026-11-02")

    assert (tmp_path / "orders.csv").read_text() == (
        "order_id,day,customer,status,amount\n2,2026-11-02,bob,open,20.50\n3,2026-11-02,ada,paid,5.25\n"
    )


def test_writes_only_the_header_on_a_day_without_orders(tmp_path):
    (tmp_path / "export.csv").write_text(EXPORT)
    export = dsl.Dataset(name="export", uri=str(tmp_path / "export.csv"))
    orders = dsl.Dataset(name="orders", uri=str(tmp_path / "orders.csv"))

    load_orders.python_func(export=export, orders=orders, day="2026-11-03")

    assert (tmp_path / "orders.csv").read_text() == "order_id,day,customer,status,amount\n"
