from kfp import dsl


@dsl.component(base_image="python:3.12")
def step(n: int) -> int:
    """Add one."""
    return n + 1


@dsl.pipeline
def daily(n: int):
    """Add one to a number every day."""
    step(n=n)
