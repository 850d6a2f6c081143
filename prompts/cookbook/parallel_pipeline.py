# title: Pipeline with ParallelFor and Collected
# use when: a pipeline does the same for each item of a list, and a later step gathers the results
# keywords: pipeline, ParallelFor, Collected, loop, for each, every item, each of, list of, fan out, fan in, parallel, in parallel, gather, gathers, merge
# roles: code
# path: pipelines/report_stations.py
"""Pipeline that describes several stations."""

from kfp import dsl

from pipelines.components.report_line import report_line


@dsl.component(base_image="python:3.11")
def join_lines(lines: list[str]) -> str:
    """Joins lines to one text.

    Args:
        lines: The lines.

    Returns:
        The text.
    """
    return "\n".join(sorted(lines))


@dsl.pipeline(name="report-stations", description="Describes several stations.")
def report_stations(stations: list[str], celsius: float = 20.0) -> str:
    """Describes each station and joins the lines.

    Args:
        stations: Names of the stations.
        celsius: The temperature.

    Returns:
        The text with one line for each station.
    """
    with dsl.ParallelFor(items=stations, parallelism=2) as station:
        line = report_line(station=station, celsius=celsius)
    return join_lines(lines=dsl.Collected(line.output)).output
