"""A file that may be missing, and modes that make it."""

from kfp import dsl
from kfp.dsl import Dataset, Output, OutputPath


@dsl.component(base_image="python:3.12")
def resume(state: Output[Dataset]):
    import os

    done = 0
    if os.path.exists(state.path):
        with open(state.path) as source:
            done = int(source.read())
    with open(state.path, "w") as target:
        target.write(str(done + 1))


@dsl.component(base_image="python:3.12")
def resume_by_trying(state: Output[Dataset]):
    try:
        with open(state.path) as source:
            done = int(source.read())
    except FileNotFoundError:
        done = 0
    with open(state.path, "w") as target:
        target.write(str(done + 1))


@dsl.component(base_image="python:3.12")
def note(line: str, mode: str, page: OutputPath(str), log: OutputPath(str), book: OutputPath(str)):
    with open(page, "w+") as target, open(log, mode="ab") as other, open(book, mode) as third:
        target.write(line)
        other.write(line.encode())
        third.write(line)
