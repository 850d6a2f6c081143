from kfp import dsl


@dsl.component(base_image="python:3.12")
def step(n: int) -> int:
    return n + 1


def clipped(n: int) -> int:
    return 10 if n > 10 else n


@dsl.pipeline
def daily(n: int):
    step(n=clipped(n))
