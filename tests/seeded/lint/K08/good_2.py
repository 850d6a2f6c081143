from kfp import dsl


@dsl.component(base_image="python:3.12")
def show(text: str) -> str:
    return text.strip()


@dsl.pipeline
def daily(day: str):
    title = f"rows of {day}"
    show(text=title).set_display_name("rows of a day")
