from kfp import dsl


@dsl.component(base_image="python:3.12")
def step(n: int) -> int:
    return n + 1


@dsl.pipeline
def daily(numbers: list):
    for number in numbers:
        step(n=number)
