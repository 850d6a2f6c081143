from kfp import dsl


@dsl.component(base_image="python:3.12")
def fetch(address: str) -> str:
    from urllib.request import urlopen

    return urlopen(address, timeout=30).read().decode()


@dsl.pipeline
def daily(address: str):
    text = fetch(address=address)
    text.set_display_name("fetch")
