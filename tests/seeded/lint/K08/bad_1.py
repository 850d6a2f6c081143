from kfp import dsl


@dsl.component(base_image="python:3.12")
def save(rows: dsl.Output[dsl.Dataset]):
    with open(rows.path, "w") as file:
        file.write("1")


@dsl.component(base_image="python:3.12")
def show(text: str) -> str:
    return text.strip()


@dsl.pipeline
def daily():
    saved = save()
    show(text=f"rows are in {saved.outputs['rows']}")
