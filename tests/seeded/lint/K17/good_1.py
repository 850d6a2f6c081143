from kfp import dsl


@dsl.component(base_image="python:3.12")
def step(n: int) -> int:
    return n + 1


@dsl.pipeline
def twice(n: int) -> int:
    first = step(n=n)
    return step(n=first.output).output
