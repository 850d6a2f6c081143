from kfp import dsl


@dsl.component(base_image="python:3.12")
def dice() -> int:
    import random

    return random.randint(1, 6)


def cached(task, *, cache: bool):
    return task if cache else task.set_caching_options(False)


@dsl.pipeline
def game():
    with dsl.ParallelFor([1, 2]):
        cached(dice(), cache=True)
