from kfp import dsl


@dsl.component(base_image="python:3.12")
def step(n: int) -> int:
    return n + 1


@dsl.component(base_image="python:3.12")
def show(text: str) -> str:
    return text.strip()


@dsl.pipeline
def daily(n: int, day: str = "today"):
    first = step(n=n)
    with dsl.If(day == "today"):
        step(n=first.output)
