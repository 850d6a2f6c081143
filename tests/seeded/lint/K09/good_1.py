from kfp import dsl


@dsl.component(base_image="python:3.12")
def add(a: int, b: int) -> int:
    return a + b
