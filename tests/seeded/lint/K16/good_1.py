from kfp import dsl


@dsl.component(base_image="python:3.12")
def count(text: str) -> int:
    found = len(text.split())
    return found
