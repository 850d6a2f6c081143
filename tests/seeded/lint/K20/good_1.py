from kfp import dsl


@dsl.component(base_image="python:3.12")
def load_rows(n: int) -> int:
    """Count rows."""
    return n
