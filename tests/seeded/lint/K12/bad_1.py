from kfp import dsl


@dsl.component(base_image="python:3.12", packages_to_install=["requests==2.32.3"])
def fetch(address: str) -> str:
    import requests

    return requests.get(address, timeout=30).text


@dsl.pipeline
def daily(address: str):
    fetch(address=address)
