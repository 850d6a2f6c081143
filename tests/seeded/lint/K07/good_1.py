from kfp import dsl


@dsl.component(base_image="python:3.12")
def step(n: int) -> int:
    return n + 1


@dsl.pipeline
def daily(numbers: list):
    with dsl.ParallelFor(numbers) as number:
        step(n=number)
