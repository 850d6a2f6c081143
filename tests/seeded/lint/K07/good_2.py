from kfp import dsl


@dsl.component(base_image="python:3.12")
def step(n: int) -> int:
    return n + 1


@dsl.component(base_image="python:3.12")
def listed(n: int) -> list:
    return list(range(n))


@dsl.pipeline
def daily(n: int):
    found = listed(n=n)
    tasks = [step(n=number) for number in (1, 2)]
    with dsl.ParallelFor(found.output) as number:
        step(n=number).after(*tasks)
