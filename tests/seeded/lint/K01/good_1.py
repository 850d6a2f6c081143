from kfp import dsl


@dsl.component(base_image="python:3.12")
def dump(n: int) -> str:
    import json

    return json.dumps({"n": n})
