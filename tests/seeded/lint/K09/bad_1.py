from kfp.components import create_component_from_func


def add(a: int, b: int) -> int:
    return a + b


add_op = create_component_from_func(add)
