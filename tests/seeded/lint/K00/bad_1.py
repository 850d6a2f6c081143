from kfp import dsl


@dsl.component(base_image="python:3.12")
def step(n: int) -> int:
    return n + 1  # kfpilot: ignore[K01] there was an import here once
