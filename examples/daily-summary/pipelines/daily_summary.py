"""Pipeline over the orders of a day."""

from kfp import dsl

from pipelines.components.load_orders import load_orders


@dsl.pipeline(name="daily-summary", description="Summarises the orders of a day.")
def daily_summary(export_uri: str, day: str):
    """Imports the export of the shop and loads the orders of a day.

    Args:
        export_uri: Where the export of the shop is.
        day: The day, such as 2026-11-02.
    """
    export = dsl.importer(artifact_uri=export_uri, artifact_class=dsl.Dataset, reimport=True)
    loaded = load_orders(export=export.output, day=day)
    loaded.set_memory_limit("512Mi")
