from kfp import dsl


@dsl.component(base_image="python:3.12")
def pick(rows: list, picked: dsl.Output[dsl.Dataset]):
    import json
    import random

    some = random.sample(rows, 3)
    with open(picked.path, "w") as file:
        json.dump(some, file)


@dsl.pipeline
def daily(rows: list):
    some = pick(rows=rows)
    some.set_display_name("some rows")
