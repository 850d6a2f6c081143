"""Signatures that a task describes in prose."""

import pytest
from kfpilot.agent.workers.described import described

IN, OUT = "dsl.Input[dsl.Dataset]", "dsl.Output[dsl.Dataset]"


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        (
            "component `rank` with the input dataset `weighed`, the output dataset `ranking` and the integer parameter "
            "`least`, default 1. It groups them",
            f"weighed: {IN}, ranking: {OUT}, least: int = 1",
        ),
        (
            "Add the step `train` that has the inputs `rows` and `limits`, the output model `fitted`, the output "
            "`metrics` and the parameter `rate` with the default 0.5; later more",
            f"rows: {IN}, limits: {IN}, fitted: dsl.Output[dsl.Model], metrics: dsl.Output[dsl.Metrics], "
            "rate: float = 0.5",
        ),
        (
            'component `keep` with a parameter `kind` (default "a"), the input `rows` and the output `kept`',
            f"rows: {IN}, kept: {OUT}, kind: str = 'a'",
        ),
        (
            "component `keep` with the input `rows`, the string parameter `day` and the output CSV `kept`",
            f"rows: {IN}, day: str, kept: {OUT}",
        ),
    ],
)
def test_inputs_outputs_and_parameters_are_the_signature(text: str, arguments: str) -> None:
    (found,) = described(text)
    assert found.arguments == arguments
    assert text[found.end :][:1] in (".", ";", "")


@pytest.mark.parametrize(
    "text",
    [
        "component `keep` with the input `rows` and the parameter `most`",
        "component `keep` of the pipeline `daily`",
        "call the component `keep` in `daily`. Its input is `rows`",
        "the pipeline parameter `day` is passed to `keep`",
    ],
    ids=["no type", "no parameters", "another sentence", "no component"],
)
def test_what_leaves_a_doubt_is_no_signature(text: str) -> None:
    assert described(text) == []
