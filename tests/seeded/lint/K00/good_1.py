import json

from kfp import dsl


@dsl.component(base_image="registry.example.com/with-hook:1")
def dump(n: int) -> str:
    return json.dumps({"n": n})  # kfpilot: ignore[K01] the image puts json into builtins
