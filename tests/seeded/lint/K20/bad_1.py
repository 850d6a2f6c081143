from kfp import dsl


@dsl.component(base_image="python:3.12")
def loadRows(n: int) -> int:
    """Count rows."""
    return n
