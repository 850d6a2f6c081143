from kfp import dsl


@dsl.component(base_image="python:3.12")
def show(text: str) -> str:
    return text.strip()


@dsl.pipeline
def daily():
    show(text="rows").set_env_variable(name="API_TOKEN", value="f3Kq9-x81Lm2")
