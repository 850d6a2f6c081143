from kfp import dsl


@dsl.component(base_image="python:3.12", packages_to_install=["pandas==2.2.2"])
def rows(address: str) -> int:
    import pandas as pd

    return len(pd.read_csv(address))
