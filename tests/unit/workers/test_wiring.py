"""Repairs of how a drafted pipeline wires its tasks."""

from __future__ import annotations

import textwrap

import pytest
from kfpilot.agent.workers.scaffold import components_of
from kfpilot.agent.workers.wiring import wired

COMPONENTS = {
    signature.name: signature
    for signature in components_of(
        textwrap.dedent("""
        @dsl.component
        def clean(rows: Input[Dataset], cleaned: Output[Dataset], metrics: Output[Metrics]): ...
        @dsl.component
        def weigh(rows: dsl.Input[dsl.Dataset], limit: float = 1.0, page: Output[Markdown]) -> NamedTuple(
            "Outputs", [("heavy", bool), ("count", int)]
        ): ...
        @dsl.component
        def two(left: Output[Dataset], right: Output[Dataset]): ...
        @dsl.component
        def count(rows: Input[Dataset]) -> int: ...
        @dsl.component
        def tell(page: Input[Markdown], many: int): ...
        """).replace("limit: float = 1.0, page: Output[Markdown])", "page: Output[Markdown], limit: float = 1.0)")
    )
}
HEAD = """\
from kfp import dsl
@dsl.pipeline
def night(uri: str):
    source = dsl.importer(artifact_uri=uri, artifact_class=dsl.Dataset)
    cleaned = clean(rows=source.output).set_retry(num_retries=2)
"""


def body(text: str) -> str:
    return HEAD + textwrap.indent(textwrap.dedent(text), "    ")


@pytest.mark.parametrize(
    ("draft", "mended"),
    [
        ("w = weigh(rows=cleaned.output)\n", 'w = weigh(rows=cleaned.outputs["cleaned"])\n'),
        ("w = weigh(rows=source.outputs['rows'])\n", "w = weigh(rows=source.output)\n"),
        ("w = weigh(rows=cleaned.outputs['rows'])\n", 'w = weigh(rows=cleaned.outputs["cleaned"])\n'),
        (
            "w = weigh(rows=cleaned.outputs['cleaned'])\nwith dsl.If(heavy == True):\n"
            "    tell(page=w.output, many=w.output)\n",
            "w = weigh(rows=cleaned.outputs['cleaned'])\nwith dsl.If(w.outputs[\"heavy\"] == True):\n"
            '    tell(page=w.outputs["page"], many=w.outputs["count"])\n',
        ),
        (
            "w = weigh(rows=cleaned.outputs['cleaned'])\nwith dsl.If(w.output == True):\n    two()\n",
            "w = weigh(rows=cleaned.outputs['cleaned'])\nwith dsl.If(w.outputs[\"heavy\"] == True):\n    two()\n",
        ),
        (
            "w = weigh(rows=source.output)\nw.outputs['page'].path = uri\ncleaned.output.uri = (\n    uri\n)\ntwo()\n",
            "w = weigh(rows=source.output)\ntwo()\n",
        ),
        ("w = weigh(rows=uri)\n", "w = weigh(rows=source.output)\n"),
        (
            "source.set_caching_options(False)\nw = weigh(rows=cleaned)\ntell(page=w, many=count(rows=source))\n",
            'source.set_caching_options(False)\nw = weigh(rows=cleaned.outputs["cleaned"])\n'
            'tell(page=w.outputs["page"], many=count(rows=source.output))\n',
        ),
        ("c = count(rows=source.output)\nreturn c.output\n", "c = count(rows=source.output)\n"),
        (
            "c = count(rows=cleaned.outputs['cleaned'])\ntell(page=é(1), many=c.outputs['count'])\n",
            "c = count(rows=cleaned.outputs['cleaned'])\ntell(page=é(1), many=c.output)\n",
        ),
    ],
)
def test_a_reference_that_can_only_mean_one_output_is_mended(draft: str, mended: str) -> None:
    assert wired(body(draft), COMPONENTS) == body(mended)


def test_a_uri_that_nothing_imports_is_imported() -> None:
    text = '''\
from kfp import dsl


@dsl.pipeline
def night(uri: str, day: str):
    """Counts."""
    w = weigh(rows=uri)
    count(rows=uri)
    tell(page=w.outputs["page"], many=day)
'''
    imported = "    imported_uri = dsl.importer(artifact_uri=uri, artifact_class=dsl.Dataset)\n    w = weigh("
    mended = text.replace("    w = weigh(", imported).replace("rows=uri", "rows=imported_uri.output")
    assert wired(text, COMPONENTS) == mended
    assert wired(text.removeprefix("from kfp import dsl\n"), COMPONENTS) == text.removeprefix("from kfp import dsl\n")


@pytest.mark.parametrize(
    "text",
    [
        body(
            "w = weigh(rows=cleaned.outputs['cleaned'], limit=2.0)\n"
            "tell(page=w.outputs['page'], many=w.outputs['count'])\n"
        ),
        body("t = two()\nw = weigh(rows=t.output)\n"),  # left or right?
        body("t = two()\nw = weigh(rows=t)\ntwo().after(t)\nreturn\n"),
        body("c = count(rows=source.output)\nreturn c.output\n").replace("(uri: str)", "(uri: str) -> int"),
        body("t = two()\nt = clean(rows=source.output)\nw = weigh(rows=t.output)\n"),  # which task?
        body("w = weigh(rows=cleaned.outputs['cleaned'])\nprint(count, w.output)\n"),  # a component; to nobody
        body("heavy = 1\nw = weigh(rows=cleaned.outputs['cleaned'])\nwith dsl.If(heavy == True):\n    two()\n"),
        body("x = helper()\nx.output.path = uri\nw = weigh(rows=source.output)\nw.path = uri\n"),
        body("x = helper(rows=1)\ntell(page=x.output, many=1)\n"),
        "def plain():\n    cleaned = clean()\n    return weigh(rows=cleaned.output)\n",
        "@dsl.pipeline\ndef broken(:\n",
    ],
)
def test_anything_else_stays_as_it_is(text: str) -> None:
    assert wired(text, COMPONENTS) == text


def test_an_output_that_is_given_as_an_argument_is_left_out() -> None:
    text = body("""\
        first = clean(
            rows=cleaned.outputs["cleaned"],
            cleaned=night_rows,
        )
        pages = weigh(page=first.output, rows=first.outputs["cleaned"], limit=2.0).set_retry(1)
        """)
    assert wired(text, COMPONENTS) == body("""\
        first = clean(rows=cleaned.outputs['cleaned'])
        pages = weigh(rows=first.outputs['cleaned'], limit=2.0).set_retry(1)
        """)


def test_the_one_argument_with_an_unknown_name_is_the_one_that_is_lacking() -> None:
    text = body("""\
        first = clean(uri=uri)
        told = tell(page=first.output, number=3)
        """)
    assert wired(text, COMPONENTS) == body("""\
        first = clean(rows=source.output)
        told = tell(page=first.output, many=3)
        """)
    as_output = body("first = clean(cleaned=source.output)\n")
    assert wired(as_output, COMPONENTS) == body("first = clean(rows=source.output)\n")
    unclear = body("first = tell(number=3, text=4)\n")
    assert wired(unclear, COMPONENTS) == unclear
