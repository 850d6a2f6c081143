from kfp import dsl


@dsl.component(base_image="python:3.12")
def step(n: int) -> int:
    return n + 1


def again(**values):
    return step(**values)


@dsl.pipeline
def daily(n: int, day: int = 3):
    step(n=n)
    again(n=day)
