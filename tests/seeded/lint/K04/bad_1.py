from kfp import dsl


@dsl.component(base_image="python:latest")
def step(n: int) -> int:
    return n + 1
