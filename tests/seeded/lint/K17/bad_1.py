from kfp import dsl


@dsl.component(base_image="python:3.12")
def step(n: int) -> int:
    return n + 1


@dsl.component(base_image="python:3.12")
def twice(n: int) -> int:
    return step(n=step(n=n))
