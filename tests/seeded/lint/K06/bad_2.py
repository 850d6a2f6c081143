from kfp import dsl


@dsl.component(base_image="python:3.12")
def step(n: int) -> int:
    return n + 1


@dsl.pipeline
def daily(low: int, high: int):
    with dsl.If(low > 1 and high < 9):
        step(n=low)
