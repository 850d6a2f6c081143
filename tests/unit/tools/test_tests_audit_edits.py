"""Weakened tests are named, and harmless edits of tests are not."""

from __future__ import annotations

import pytest
from kfpilot.tools.tests_audit import audit

from .audit_sample import BASE, PATH, SMOKE, TOTAL, found


@pytest.mark.parametrize(
    ("replacements", "test", "what"),
    [
        ([(TOTAL, "")], "test_total", "was removed"),
        ([("    def test_remove", "    def check_remove")], "TestCart::test_remove", "`check_remove`"),
        (
            [("def test_total", "def total_test")],
            "test_total",
            "`total_test` in tests/test_price.py, which pytest does",
        ),
        ([("class TestCart", "class Cart")], "TestCart::test_add", "does not collect"),
        ([("    assert result == 3\n", "")], "test_total", "fewer assertions that can fail (1, before 2)"),
        ([("assert result == 3", "assert True")], "test_total", "gone: `assert result == 3`"),
        ([("assert result == 3", "assert result == result")], "test_total", "fewer assertions"),
        ([("assert result == 3", "assert result == 3 or True")], "test_total", "fewer assertions"),
        ([("assert result == 3", "assert True\n    assert result.x == 4")], "test_total", "one that is always true"),
        (
            [("    result = total", "    return\n    result = total")],
            "test_total",
            "fewer assertions that can fail (0, before 2)",
        ),
        (
            [
                (
                    "    assert result == 3\n",
                    "    try:\n        assert result == 3\n    except AssertionError:\n        pass\n",
                )
            ],
            "test_total",
            "fewer assertions",
        ),
        (
            [("    assert result == 3\n", "    if result:\n        assert result == 3\n")],
            "test_total",
            "under a condition",
        ),
        ([("assert result == 3", "assert result is not None")], "test_total", "no longer compares `result`"),
        ([("assert result == 3", "assert result")], "test_total", "no longer compares `result`"),
        ([("assert result == 3", "assert isinstance(result, int)")], "test_total", "no longer compares `result`"),
        (
            [("pytest.raises(ValueError", "pytest.raises(Exception")],
            "test_empty",
            "any exception now instead of ValueError",
        ),
        ([("    total([1])\n", "    pass\n")], "test_smoke", "is empty now"),
        ([("def test_total", "@pytest.mark.skip\ndef test_total")], "test_total", "the marker skip"),
        (
            [("def test_total", "@pytest.mark.skipif(True, reason='x')\ndef test_total")],
            "test_total",
            "the marker skipif",
        ),
        ([("def test_total", "@pytest.mark.xfail(strict=False)\ndef test_total")], "test_total", "the marker xfail"),
        ([("def test_total", "later = pytest.mark.skip\n\n@later\ndef test_total")], "test_total", "the marker skip"),
        (
            [("def test_total", "later = pytest.mark.skip\n\n@later(reason='x')\ndef test_total")],
            "test_total",
            "the marker skip",
        ),
        ([("class TestCart", "@pytest.mark.skip\nclass TestCart")], "TestCart::test_remove", "the marker skip"),
        (
            [("class TestCart:\n", "class TestCart:\n    pytestmark = [pytest.mark.xfail]\n")],
            "TestCart::test_add",
            "xfail",
        ),
        ([("def check", "pytestmark = pytest.mark.skip\n\n\ndef check")], "test_smoke", "the marker skip"),
        ([("def test_equal", "@unittest.skip('x')\n    def test_equal")], "Old::test_equal", "the marker skip"),
        ([("def test_equal", "@unittest.expectedFailure\n    def test_equal")], "Old::test_equal", "expectedFailure"),
        ([("([2], 2)", "pytest.param([2], 2, marks=pytest.mark.xfail)")], "test_cases", "the marker xfail"),
        (
            [("    result = total", "    pytest.skip('later')\n    result = total")],
            "test_total",
            "now calls pytest.skip",
        ),
        (
            [("    result = total", "    pytest.importorskip('x')\n    result = total")],
            "test_total",
            "pytest.importorskip",
        ),
        (
            [("        self.assertEqual", "        self.skipTest('x')\n        self.assertEqual")],
            "Old::test_equal",
            "skipTest",
        ),
        ([(", ([], 0)]", "]")], "test_cases", "fewer parametrize cases (2, before 3)"),
        (
            [
                (
                    '@pytest.mark.parametrize("items, expected", [([1], 1), ([2], 2), ([], 0)])\n'
                    "def test_cases(items, expected)",
                    "def test_cases(items=[1], expected=1)",
                )
            ],
            "test_cases",
            "fewer parametrize cases (1, before 3)",
        ),
        ([("def test_empty", "test_total = None\n\n\ndef test_empty")], "test_total", "was switched off"),
        ([("def test_empty", "del test_total\n\n\ndef test_empty")], "test_total", "was switched off"),
        (
            [("class TestCart:\n", "class TestCart:\n    __test__ = False\n\n")],
            "TestCart::test_add",
            "was switched off",
        ),
        (
            [("class TestCart:\n", "class TestCart:\n    def __init__(self):\n        pass\n\n")],
            "TestCart::test_add",
            "__init__",
        ),
        ([("def test_empty", "def test_total():\n    pass\n\n\ndef test_empty")], "test_total", "is empty now"),
    ],
)
def test_a_weakened_test_is_named(replacements: list[tuple[str, str]], test: str, what: str) -> None:
    messages = found(*replacements)
    mine = [m for m in messages if m.startswith(f"{PATH}: test `{test}` ") and what in m]
    assert mine, messages
    assert mine[0].endswith("restore it.")


@pytest.mark.parametrize(
    ("replacements", "what"),
    [
        ([("    assert result < 100\n", "")], "helper `check` has fewer assertions"),
        ([("params=[1, 2, 3]", "params=[1]")], "fixture `amount` has fewer params (1, before 3)"),
        (
            [("    return request.param", "    pytest.skip('x')\n    return request.param")],
            "fixture `amount` now calls pytest.skip",
        ),
        ([("def check", "pytest.importorskip('torch')\n\n\ndef check")], "the module now calls pytest.importorskip"),
        (
            [("def check", "pytest.skip('x', allow_module_level=True)\n\n\ndef check")],
            "the module now calls pytest.skip",
        ),
        (
            [("def check", "@pytest.fixture(autouse=True)\ndef quiet():\n    pytest.skip('x')\n\n\ndef check")],
            "fixture `quiet` now calls pytest.skip",
        ),
        (
            [
                (
                    "def check",
                    "@pytest.fixture(autouse=True)\ndef fake(monkeypatch):\n"
                    "    monkeypatch.setattr('shop.price.total', lambda i: 3)\n\n\ndef check",
                )
            ],
            "automatic fixture `fake` was added",
        ),
        ([("def test_total():", "def test_total(:")], "cannot be parsed any more (line "),
    ],
)
def test_what_weakens_several_tests_is_named_once(replacements: list[tuple[str, str]], what: str) -> None:
    (message,) = found(*replacements)
    assert what in message
    assert message.startswith(f"{PATH}: ")
    assert message.endswith("restore it.")


@pytest.mark.parametrize(
    "replacements",
    [
        [],
        [('"""Prices."""', '"""Prices, told better."""\n\nimport os')],
        [("    assert result == 3\n", "    # a comment\n    assert result == 3, 'the sum'\n")],
        [("    assert result == 3\n", "    assert result == 3\n    assert result != 4\n")],
        [("    assert result == 3\n", "    assert result == 4\n")],
        [("    result = total([1, 2])\n", '    """Sum."""\n    values = [1, 2]\n    result = total(values)\n')],
        [("def test_total", "def test_sum_of_items")],
        [
            ("def test_total", "def test_sum_of_items"),
            ("    assert result == 3\n", "    assert result == 3\n    assert 1 in {result}\n"),
        ],
        [(TOTAL, ""), (SMOKE, SMOKE + TOTAL)],
        [("class TestCart:", "class TestBasket:")],
        [("([], 0)]", "([], 0), ([4], 4)]")],
        [
            ('"items, expected", [([1], 1), ([2], 2), ([], 0)]', '"items, expected", CASES'),
            ("def check", "CASES = [([1], 1), ([2], 2), ([3], 3)]\n\n\ndef check"),
        ],
        [("def test_total", "@pytest.mark.slow\ndef test_total")],
        [
            (
                "def test_empty",
                "@pytest.mark.skip(reason='not built yet')\ndef test_new():\n    pytest.skip('x')\n\n\ndef test_empty",
            )
        ],
        [
            (
                "def check",
                "@pytest.fixture\ndef gpu():\n    pytest.skip('no GPU')\n\n\n"
                "def test_gpu(gpu):\n    assert gpu\n\n\ndef check",
            )
        ],
        [
            (
                "def check",
                "@pytest.fixture(autouse=True)\ndef home(monkeypatch, tmp_path):\n"
                "    monkeypatch.setenv('HOME', str(tmp_path))\n\n\ndef check",
            )
        ],
        [
            (
                '    assert result == 3\n    assert result.currency == "EUR"\n',
                "    for name, value in [('n', 3), ('currency', 'EUR')]:\n"
                "        assert getattr(result, name) == value\n",
            )
        ],
        [
            (
                '    assert result == 3\n    assert result.currency == "EUR"\n',
                "    check_total(result)\n    assert result.currency == 'EUR'\n",
            ),
            ("def check(", "def check_total(result):\n    assert result == 3\n\n\ndef check("),
        ],
        [
            (
                "    check(total([amount]))\n",
                "    result = total([amount])\n    assert result > 0\n    assert result < 100\n",
            )
        ],
        [('match="no items"', 'match="no item"')],
        [("self.assertEqual(total([2]), 2)", "assert total([2]) == 2")],
    ],
)
def test_a_harmless_edit_is_not_named(replacements: list[tuple[str, str]]) -> None:
    assert found(*replacements) == []


def test_parametrize_may_be_spread_out_and_gathered() -> None:
    spread = "def test_n():\n    assert f(1) == 1\n    assert f(2) == 2\n"
    gathered = "import pytest\n\n@pytest.mark.parametrize('n', [1, 2])\ndef test_n(n):\n    assert f(n) == n\n"
    assert audit({PATH: spread}, {PATH: gathered}) == []
    assert audit({PATH: gathered}, {PATH: spread}) == []


def test_a_condition_that_always_holds_is_named() -> None:
    old = (
        "import pytest, sys\n\n@pytest.mark.skipif(sys.platform == 'win32', reason='x')\n"
        "def test_a():\n    assert f()\n"
    )
    assert audit({PATH: old}, {PATH: old.replace("sys.platform == 'win32'", "sys.platform.startswith('win')")}) == []
    (message,) = audit({PATH: old}, {PATH: old.replace("sys.platform == 'win32'", "True")})
    assert "always holds" in message
    assert (
        audit({PATH: old}, {PATH: old.replace("@pytest.mark.skipif(sys.platform == 'win32', reason='x')\n", "")}) == []
    )


def test_a_removed_file_names_its_tests_unless_they_moved() -> None:
    (message,) = audit({PATH: "def test_a():\n    assert f()\n\ndef test_b():\n    assert g()\n"}, {PATH: None})
    assert message == f"{PATH}: the file was removed with its tests `test_a`, `test_b`; restore it."
    assert audit({PATH: BASE}, {PATH: None, "tests/unit/test_price.py": BASE}) == []
    (message,) = audit({PATH: TOTAL}, {PATH: None, "tests/price.py": TOTAL})
    assert "`test_total` in tests/price.py, which pytest does not collect; restore it." in message
    (message,) = audit(
        {PATH: TOTAL}, {"tests/test_b.py": TOTAL.replace("    assert result == 3\n", "    assert result\n")}
    )
    assert "removed" in message


def test_a_test_weakened_while_it_moves_is_named() -> None:
    moved = "import pytest\n\n@pytest.mark.skip\n" + TOTAL
    (message,) = audit({PATH: TOTAL}, {PATH: "", "tests/test_b.py": moved})
    assert message == (
        f"{PATH}: test `test_total` (now tests/test_b.py: `test_total`) has got the marker skip; restore it."
    )


def test_new_files_and_tests_are_fine() -> None:
    new = "import pytest\npytest.importorskip('torch')\n\n@pytest.mark.xfail\ndef test_new():\n    pass\n"
    assert audit({PATH: BASE}, {PATH: BASE + "\n\ndef test_more():\n    pass\n", "tests/test_new.py": new}) == []
    assert audit({PATH: "def broken(:"}, {PATH: BASE}) == []
    assert audit({}, {}) == []
