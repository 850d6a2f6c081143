# title: Pipeline that wires components
# use when: a new pipeline connects components: the outputs of one step are the inputs of the next
# keywords: pipeline, new pipeline, create the pipeline, create pipeline, add a pipeline, add pipeline, wire, wires, wiring, connect, steps, compose, chain, dsl.pipeline, outputs, then
# roles: code
# path: pipelines/warm_days.py
"""Pipeline that counts the warm readings of a station."""

from kfp import dsl

from pipelines.components.count_rows import count_rows
from pipelines.components.keep_warm import keep_warm
from pipelines.components.load_readings import load_readings


@dsl.pipeline(name="warm-days", description="Counts the warm readings of a station.")
def warm_days(station: str = "north", minimum: float = 20.0) -> int:
    """Loads the readings of a station, keeps the warm ones and counts them.

    Args:
        station: Name of the station.
        minimum: The lowest temperature that counts as warm.

    Returns:
        The number of warm readings.
    """
    loaded = load_readings(station=station)
    kept = keep_warm(readings=loaded.outputs["readings"], minimum=minimum)
    counted = count_rows(table=kept.outputs["warm"])
    return counted.output
