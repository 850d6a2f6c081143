from kfp import dsl


@dsl.component(base_image="python:3.12")
def scale(value: float, factor: float) -> float:
    """Multiply a value.

    Args:
        value: What is multiplied.
        factor: By how much.
    """
    return value * factor
