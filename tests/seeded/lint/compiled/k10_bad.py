from kfp import dsl


@dsl.component(base_image="python:3.12")
def show(text: str) -> str:
    return text.strip()


NAMES = ("LOG_LEVEL", "DB_PASSWORD")


@dsl.pipeline
def daily(day: str):
    shown = show(text=day)
    for name in NAMES:
        shown.set_env_variable(name, "k9!vTq27zL")
