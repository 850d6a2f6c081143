from kfp import dsl


@dsl.component(base_image="python:3.12")
def last_part(address: str) -> str:
    from urllib.parse import urlsplit

    return urlsplit(address).path.rpartition("/")[2]


@dsl.pipeline
def daily(address: str):
    text = last_part(address=address)
    text.set_display_name("last part")
