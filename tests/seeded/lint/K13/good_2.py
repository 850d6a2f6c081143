from kfp import dsl


@dsl.component(base_image="python:3.12")
def pick(rows: list, seed: int, picked: dsl.Output[dsl.Dataset]):
    import json
    import random
    import time

    start = time.time()
    random.seed(seed)
    some = random.sample(rows, 3)
    with open(picked.path, "w") as file:
        json.dump(some, file)
    print(f"took {time.time() - start:.1f} s")


@dsl.pipeline
def daily(rows: list):
    some = pick(rows=rows, seed=7)
    some.set_display_name("some rows")
