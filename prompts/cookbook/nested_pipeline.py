# title: Pipeline inside a pipeline
# use when: a pipeline calls another pipeline as one of its steps
# keywords: pipeline, nested, nest, sub-pipeline, subpipeline, pipeline in pipeline, reuse, reuses, call the pipeline, as a step, parent
# roles: code
# path: pipelines/all_warm_days.py
"""Pipeline that runs another pipeline twice."""

from kfp import dsl

from pipelines.warm_days import warm_days


@dsl.component(base_image="python:3.11")
def add(first: int, second: int) -> int:
    """Adds two numbers.

    Args:
        first: A number.
        second: Another number.

    Returns:
        Their sum.
    """
    return first + second


@dsl.pipeline(name="all-warm-days", description="Counts the warm readings of two stations.")
def all_warm_days(minimum: float = 20.0) -> int:
    """Runs the pipeline warm_days for the stations north and south and adds the results.

    Args:
        minimum: The lowest temperature that counts as warm.

    Returns:
        The number of warm readings of both stations.
    """
    north = warm_days(station="north", minimum=minimum)
    south = warm_days(station="south", minimum=minimum)
    return add(first=north.output, second=south.output).output
