from kfp import dsl


@dsl.component(base_image="python:3.12")
def step(n: int) -> int:
    return n + 1


@dsl.pipeline
def daily(first: int, second: int):
    """Add one to two numbers.

    Args:
        first: The first number.
    """
    step(n=first)
    step(n=second)
