from kfp import dsl

LIMIT = 10


def clip(n: int) -> int:
    return min(n, 10)


@dsl.component(base_image="python:3.12")
def clipped(n: int) -> int:
    return clip(n)
