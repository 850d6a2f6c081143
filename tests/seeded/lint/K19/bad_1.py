from kfp import dsl


@dsl.component(base_image="python:3.12")
def load(rows: dsl.Output[dsl.Dataset]):
    with open("/data/input.csv") as source, open(rows.path, "w") as file:
        file.write(source.read())
