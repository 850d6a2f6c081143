from kfp import dsl


@dsl.component(base_image="python:3.12")
def step(n: int) -> int:
    return n + 1


@dsl.pipeline
def daily(n: int):
    step(n=n).set_cpu_request("500m").set_cpu_limit("2").set_memory_limit("1Gi").set_retry(1)
