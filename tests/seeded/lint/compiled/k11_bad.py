from kfp import dsl


@dsl.component(base_image="python:3.12")
def step(n: int) -> int:
    return n + 1


SIZES = {"request": "2Gi", "limit": "1Gi"}


@dsl.pipeline
def daily(n: int):
    step(n=n).set_memory_request(SIZES["request"]).set_memory_limit(SIZES["limit"])
