from kfp import dsl


@dsl.component(base_image="python:3.12")
def step(n: int) -> int:
    return n + 1


@dsl.component(base_image="python:3.12")
def total(numbers: list) -> int:
    return sum(numbers)


@dsl.pipeline
def daily(numbers: list):
    with dsl.ParallelFor(numbers) as number:
        more = step(n=number)
    total(numbers=dsl.Collected(more.output))
