# title: Pipeline with a step that is not cached
# use when: a step must run every time, because it reads the clock, the network or changing data
# keywords: pipeline, cache, cached, caching, set_caching_options, enable_caching, fresh, every time, always run, rerun, stale, display name, set_display_name
# roles: code
# path: pipelines/fresh_count.py
"""Pipeline that always loads fresh readings."""

from kfp import dsl

from pipelines.components.count_rows import count_rows
from pipelines.components.load_readings import load_readings


@dsl.pipeline(name="fresh-count", description="Counts readings that are loaded anew in each run.")
def fresh_count(station: str = "north") -> int:
    """Loads the readings without the cache and counts them.

    Args:
        station: Name of the station.

    Returns:
        The number of readings.
    """
    loaded = load_readings(station=station)
    loaded.set_caching_options(enable_caching=False)
    loaded.set_display_name("Load fresh readings")
    return count_rows(table=loaded.outputs["readings"]).output
