"""The name stands for another file, or for something else, by then."""

from kfp import dsl
from kfp.dsl import Dataset, Input, Output


@dsl.component(base_image="python:3.12")
def join(first: Input[Dataset], second: Input[Dataset], joined: Output[Dataset]):
    with open(first.path) as file:
        text = file.read()
    with open(second.path) as file:
        text += file.read()
    with open(joined.path, "w") as file:
        file.write(text)


@dsl.component(base_image="python:3.12")
def lines(rows: Input[Dataset], from_text: bool = False) -> int:
    import io

    source = io.StringIO("a\nb\n")
    if not from_text:
        with open(rows.path) as source:
            found = source.readlines()
    else:
        found = source.readlines()
    file = open(rows.path)
    with open(rows.path) as again:
        found += again.readlines()
    found += file.readlines()
    return len(found)


@dsl.component(base_image="python:3.12")
def closed(rows: Input[Dataset]) -> str:
    with open(rows.path) as source:
        text = source.readline()
    try:
        text += source.readline()
    except ValueError:
        pass
    for source in ("here", "there"):
        text += source.read() if hasattr(source, "read") else source
    return text


@dsl.component(base_image="python:3.12")
def by_helpers(rows: Input[Dataset]) -> int:
    with open(rows.path) as source:
        text = source.read()

    def length(source):
        return len(source.read())

    import io

    return length(io.StringIO(text)) + (lambda source: len(source.read()))(io.StringIO(text))
