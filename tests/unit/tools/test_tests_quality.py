"""Tests that show nothing are told from those that do."""

from __future__ import annotations

import ast

import pytest
from kfpilot.tools.assertions import count_assertions
from kfpilot.tools.assertions import test_functions as functions_of
from kfpilot.tools.tests_quality import doubts_about, why_no_assertion

HEAD = "import pytest\nfrom unittest.mock import Mock, patch\nfrom shop.price import single\n\n\n"
GOOD = "def test_a():\n    assert single(2) == 4\n"

CASES = [
    ("error", "always skipped", f"@pytest.mark.skipif(True, reason='x')\n{GOOD}"),
    ("error", "always skipped", f"@pytest.mark.skipif('True', reason='x')\n{GOOD}"),
    ("error", "always skipped", f"@pytest.mark.skip\n{GOOD}"),
    ("warning", "always skipped", f"@pytest.mark.skip(reason='needs a cluster')\n{GOOD}"),
    ("error", "every test of the file", f"pytestmark = [pytest.mark.slow, pytest.mark.skip]\n\n\n{GOOD}"),
    (
        "error",
        "every test of TestA",
        "@pytest.mark.skipif(1 == 1, reason='x')\nclass TestA:\n    def test_a(self):\n        assert single(1)\n",
    ),
    ("error", "leaves out the whole file", f"pytest.skip('later', allow_module_level=True)\n\n\n{GOOD}"),
    ("warning", "cannot fail", f"@pytest.mark.xfail\n{GOOD}"),
    ("warning", "expected failure", f"@pytest.mark.xfail(strict=True, reason='x')\n{GOOD}"),
    ("error", "importorskip('shop.price')", f"price = pytest.importorskip('shop.price')\n\n\n{GOOD}"),
    ("warning", "importorskip('pandas')", f"pandas = pytest.importorskip('pandas')\n\n\n{GOOD}"),
    (
        "error",
        "mocks alone",
        "def test_a():\n    m = Mock(return_value=4)\n    assert m(2) == 4\n    m.assert_called_with(2)\n",
    ),
    ("warning", "mocks alone", "def test_a():\n    m = Mock()\n    single(m)\n    m.assert_called_once()\n"),
    ("warning", "only asserts that there is something", "def test_a():\n    assert single(2) is not None\n"),
    (
        "warning",
        "only asserts that there is something",
        "def test_a():\n    got = single(2)\n    assert got\n    assert isinstance(got, int)\n",
    ),
    ("warning", "never reached", "def test_a():\n    assert single(2) == 4\n    return\n    assert single(3) == 6\n"),
    (
        "warning",
        "under a condition or in a loop",
        "def test_a():\n    for row in single(2):\n        assert row == 4\n",
    ),
    (
        "warning",
        "the very function",
        "def test_single():\n    with patch('shop.price.single', return_value=4):\n        assert single(2) == 4\n",
    ),
]


@pytest.mark.parametrize(("severity", "words", "body"), CASES)
def test_a_test_that_shows_little_is_named(severity: str, words: str, body: str) -> None:
    found = doubts_about(HEAD + body, "", {"shop"})
    assert [doubt.severity for doubt in found] == [severity], found
    assert words in found[0].message
    assert doubts_about(HEAD + body, HEAD + body, {"shop"}) == []


@pytest.mark.parametrize(
    "body",
    [
        GOOD,
        f"import sys\n\n\n@pytest.mark.skipif(sys.platform == 'win32', reason='paths')\n{GOOD}",
        "def test_a():\n    with pytest.raises(ValueError, match='price'):\n        single(-1)\n",
        "def test_a(tmp_path):\n    single(tmp_path / 'x')\n    assert (tmp_path / 'x').read_text() == 'a'\n",
        "def test_a():\n    for price in (1, 2):\n        assert single(price) == 2 * price\n",
        "def test_a():\n    rows = single(2)\n    assert len(rows) == 1\n    for row in rows:\n        assert row\n",
        "def test_a():\n    client = Mock()\n    assert single(client) == 4\n    client.run.assert_called_with(2)\n",
        "def test_a():\n    with patch('shop.price.rate', return_value=2):\n        assert single(2) == 4\n",
        "@pytest.mark.parametrize('price', [1, 2])\ndef test_a(price):\n    assert single(price) == 2 * price\n",
    ],
)
def test_a_sound_test_is_left_alone(body: str) -> None:
    assert doubts_about(HEAD + body, "", {"shop"}) == []


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("    return\n    assert single(2) == 4\n", "leaves the test"),
        ("    try:\n        assert single(2) == 4\n    except Exception:\n        pass\n", "catches their failure"),
        ("    with contextlib.suppress(AssertionError):\n        assert single(2) == 4\n", "swallows"),
        ("    assert 1 + 1 == 2\n", "always true"),
        ("    pytest.skip('later')\n    assert single(2) == 4\n", "leaves the test"),
    ],
)
def test_it_is_said_why_nothing_can_fail(body: str, words: str) -> None:
    source = "def test_a():\n" + body
    assert count_assertions(source) == {"test_a": 0}
    assert words in why_no_assertion(functions_of(ast.parse(source))["test_a"])
