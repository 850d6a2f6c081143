# title: Pipeline after one more step was added
# use when: an existing pipeline gets another step or parameter; every step, name and default that was there stays
# keywords: pipeline, add step, add a step, add the step, new step, extend, existing pipeline, insert, after the, between, change, edit, update, use the component, add parameter
# roles: code
# path: pipelines/station_report.py
"""Pipeline that reports on the readings of a station."""

from kfp import dsl

from pipelines.components.average_by_station import average_by_station
from pipelines.components.keep_warm import keep_warm
from pipelines.components.load_readings import load_readings
from pipelines.components.log_range import log_range


@dsl.pipeline(name="station-report", description="Reports on the readings of a station.")
def station_report(station: str = "north", minimum: float = 20.0, digits: int = 2):
    """Loads the readings of a station, keeps the warm ones, averages them and logs their range.

    Args:
        station: Name of the station.
        minimum: The lowest temperature that counts as warm.
        digits: Digits of the averages.
    """
    loaded = load_readings(station=station)
    kept = keep_warm(readings=loaded.outputs["readings"], minimum=minimum)
    average_by_station(readings=kept.outputs["warm"], digits=digits)
    log_range(readings=kept.outputs["warm"])
