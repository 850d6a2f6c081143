# title: Pipeline with If, Else and OneOf
# use when: a pipeline takes one branch or another, depending on a parameter or an output
# keywords: pipeline, condition, conditional, if, elif, else, branch, OneOf, dsl.If, dsl.Else, only when, depending, otherwise, skip
# roles: code
# path: pipelines/report_in_detail.py
"""Pipeline that chooses a branch."""

from kfp import dsl

from pipelines.components.report_line import report_line


@dsl.pipeline(name="report-in-detail", description="Describes a reading, exactly or roughly.")
def report_in_detail(celsius: float = 19.5, detail: str = "rough") -> str:
    """Describes a reading with two digits if the detail is exact, else with none.

    Args:
        celsius: The temperature.
        detail: Either exact or rough.

    Returns:
        The line of the branch that ran.
    """
    with dsl.If(detail == "exact"):
        exact = report_line(station="north", celsius=celsius, digits=2)
    with dsl.Else():
        rough = report_line(station="north", celsius=celsius, digits=0)
    return dsl.OneOf(exact.output, rough.output)
