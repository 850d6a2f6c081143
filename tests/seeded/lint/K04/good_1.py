from kfp import dsl


@dsl.component(base_image="python:3.12-slim")
def step(n: int) -> int:
    return n + 1
