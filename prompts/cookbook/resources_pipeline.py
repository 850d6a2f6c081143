# title: Pipeline with retries and resource limits
# use when: a step gets retries, or requests and limits of cpu and memory, or an accelerator
# keywords: pipeline, retry, retries, set_retry, backoff, cpu, memory, limit, limits, request, requests, resources, set_cpu_limit, set_memory_limit, gpu, accelerator, flaky
# roles: code
# path: pipelines/fetch_report.py
"""Pipeline whose download is retried and limited."""

from kfp import dsl

from pipelines.components.download_file import download_file


@dsl.pipeline(name="fetch-report", description="Downloads a report.")
def fetch_report(url: str = "https://example.org/report.csv"):
    """Downloads a report, with three retries and bounded resources.

    Args:
        url: Where the report is.
    """
    fetched = download_file(url=url)
    fetched.set_retry(num_retries=3, backoff_duration="10s", backoff_factor=2.0)
    fetched.set_cpu_request("100m").set_cpu_limit("500m")
    fetched.set_memory_request("64Mi").set_memory_limit("256Mi")
    fetched.set_caching_options(enable_caching=False)
