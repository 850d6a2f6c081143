"""Values that a tests task gives to parameters."""

import pytest
from kfpilot.agent.verifier.asked_values import asked_values, uses, without_docstrings


def test_values_of_parameters_are_found_and_defaults_are_not() -> None:
    text = (
        'Test `pick(rows, limit=9.5)`: by default one, with status="refunded" two, with `limit=55.0` three, '
        "with day = 'monday' four, empty=\"\" none, kfp==2.17.0, --jobs=4, share=5%"
    )
    assert asked_values(text) == {'status="refunded"': "refunded", "limit=55.0": 55.0, "day = 'monday'": "monday"}


@pytest.mark.parametrize(
    ("value", "code", "used"),
    [
        (55.0, "assert run(text, limit=55) == 1", True),
        (55.0, "assert run(text, limit=155.0) == 1", False),
        (55.0, "text = 'atrium,55.0'", True),
        (-1.0, "run(shard=-1)", True),
        (-1.0, "run(shard=1)", False),
        ("refunded", "@parametrize('status', ['refunded'])", True),
        ("refunded", "run(status='open')", False),
    ],
)
def test_a_value_is_used_whatever_way_it_is_written(value: str | float, code: str, used: bool) -> None:
    assert uses(value, code) is used


def test_what_only_a_docstring_or_a_comment_says_is_not_used() -> None:
    source = (
        '"""limit=55.0"""\n\n\ndef test_limit():\n    """with limit=55.0"""\n    x = 1  # 55.0\n    assert "55" == x\n'
    )
    assert "55.0" not in without_docstrings(source) and "'55' == x" in without_docstrings(source)
    assert without_docstrings("def (") == "def ("
