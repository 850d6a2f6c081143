from kfp import dsl


@dsl.component(base_image="python:3.12")
def save(rows: dsl.Output[dsl.Dataset]):
    with open(rows.path, "w") as file:
        file.write("1")


@dsl.component(base_image="python:3.12")
def show(rows: dsl.Input[dsl.Dataset]) -> str:
    return f"rows are in {rows.uri}"


@dsl.pipeline
def daily():
    saved = save()
    show(rows=saved.outputs["rows"])
