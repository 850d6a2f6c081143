from kfp import dsl


def clip(n: int) -> int:
    return min(n, 10)


@dsl.component(base_image="python:3.12", additional_funcs=[clip])
def clipped(n: int) -> int:
    return clip(n)
