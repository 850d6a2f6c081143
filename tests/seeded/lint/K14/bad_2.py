from kfp import dsl


@dsl.component(base_image="python:3.12")
def step(n: int) -> int:
    return n + 1


@dsl.pipeline
def daily(n: int):
    with dsl.ParallelFor([1, 2]):
        first = step(n=n)
        second = step(n=n).after(first)
        third = step(n=n)
        third.after(second)
        first.after(third)
