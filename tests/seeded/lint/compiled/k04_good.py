from kfp import dsl

REGISTRY = "registry.example.com/team"


@dsl.component(base_image=f"{REGISTRY}/train:1.4")
def step(n: int) -> int:
    return n + 1
