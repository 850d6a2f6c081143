"""Repairs of components that use the name of an artifact for a value."""

from __future__ import annotations

import pytest
from kfpilot.agent.workers.shadowed import artifacts_kept

HEAD = "@dsl.component\ndef add_up(rows: Input[Dataset], totals: Output[Dataset], figures: Output[Metrics]):\n"


def test_a_value_with_the_name_of_an_artifact_gets_another() -> None:
    draft = HEAD + (
        "    with open(rows.path) as source:\n"
        "        rows = [line for line in source]; totals = {}\n"
        "    for row in rows:\n"
        "        ä = 'ä'; totals[row] = totals.get(row, 0) + 1\n"
        "    figures = len(totals)\n"
        "    with open(totals.path, 'w') as target:\n"
        "        target.write(str(totals))\n"
    )
    mended = artifacts_kept(draft)
    assert mended == HEAD + (
        "    with open(rows.path) as source:\n"
        "        rows = [line for line in source]; totals_found = {}\n"
        "    for row in rows:\n"
        "        ä = 'ä'; totals_found[row] = totals_found.get(row, 0) + 1\n"
        "    figures = len(totals_found)\n"
        "    with open(totals.path, 'w') as target:\n"
        "        target.write(str(totals_found))\n"
    )
    assert artifacts_kept(mended) == mended


@pytest.mark.parametrize(
    "body",
    [
        "    with open(rows.path) as rows:\n        print(rows.read())\n",
        "    totals = {}\n    print(f'{totals}')\n    open(totals.path)\n",
        "    open(totals.path)\n",
        "    figures.log_metric('a', 1)\n",
    ],
)
def test_what_does_not_fail_or_is_not_certain_stays(body: str) -> None:
    assert artifacts_kept(HEAD + body) == HEAD + body


def test_only_components_are_looked_at() -> None:
    plain = HEAD.removeprefix("@dsl.component\n") + "    totals = {}\n    open(totals.path)\n"
    assert artifacts_kept(plain) == plain
    assert artifacts_kept("def (") == "def ("
