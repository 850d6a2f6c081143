from kfp import dsl


@dsl.component(base_image="python:3.12")
def load(table: str, db_password: str) -> str:
    return table if db_password else ""
