# title: Pipeline with an ExitHandler
# use when: a last step must run whether the others succeed or fail: clean up, notify
# keywords: pipeline, ExitHandler, exit handler, exit task, clean up, cleanup, notify, notification, always, finally, failure, fails, final status, PipelineTaskFinalStatus
# roles: code
# path: pipelines/watched_report.py
"""Pipeline that reports how it ended."""

from kfp import dsl

from pipelines.components.report_line import report_line


@dsl.component(base_image="python:3.11")
def report_status(status: dsl.PipelineTaskFinalStatus):
    """Prints how the steps ended.

    Args:
        status: The final status, given by Kubeflow Pipelines.
    """
    print(f"{status.pipeline_job_resource_name}: {status.state} {status.error_message}")


@dsl.pipeline(name="watched-report", description="Describes a reading and reports how that ended.")
def watched_report(station: str = "north", celsius: float = 20.0):
    """Describes a reading; the status is reported in any case.

    Args:
        station: Name of the station.
        celsius: The temperature.
    """
    ended = report_status()
    with dsl.ExitHandler(exit_task=ended):
        report_line(station=station, celsius=celsius)
