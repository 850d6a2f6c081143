from kfp import dsl


def twice(number: int):
    first = step(n=number)
    return step(n=first.output)


@dsl.component(base_image="python:3.12")
def step(n: int) -> int:
    return n + 1


@dsl.pipeline
def daily(n: int):
    twice(n)
