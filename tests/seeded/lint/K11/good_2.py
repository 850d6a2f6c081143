from kfp import dsl


@dsl.component(base_image="python:3.12")
def step(n: int) -> int:
    return n + 1


@dsl.pipeline
def daily(n: int):
    first = step(n=n)
    first.set_cpu_limit("1")
    first.set_memory_limit("512Mi")
