from kfp import dsl


@dsl.component(base_image="python:3.12")
def today() -> str:
    import datetime

    day = datetime.date.today()
    return day.isoformat()


@dsl.pipeline
def daily():
    today()
