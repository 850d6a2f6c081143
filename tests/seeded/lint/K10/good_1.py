from kfp import dsl


@dsl.component(base_image="python:3.12")
def load(table: str, max_tokens: int, password_file: str) -> str:
    import os

    return table if os.environ["DB_PASSWORD"] and password_file else str(max_tokens)
