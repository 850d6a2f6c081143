"""A file of tests, and what is found in changed forms of it."""

from __future__ import annotations

import textwrap

from kfpilot.tools.tests_audit import audit

PATH = "tests/test_price.py"
BASE = textwrap.dedent(
    '''
    """Prices."""
    import unittest

    import pytest

    from shop.price import total


    def check(result):
        assert result > 0
        assert result < 100


    @pytest.fixture(params=[1, 2, 3])
    def amount(request):
        return request.param


    def test_total():
        result = total([1, 2])
        assert result == 3
        assert result.currency == "EUR"


    def test_empty():
        with pytest.raises(ValueError, match="no items"):
            total([])


    @pytest.mark.parametrize("items, expected", [([1], 1), ([2], 2), ([], 0)])
    def test_cases(items, expected):
        assert total(items) == expected


    def test_checked(amount):
        check(total([amount]))


    def test_smoke():
        total([1])


    class TestCart:
        def test_add(self):
            assert total([5]) == 5

        def test_remove(self):
            assert total([6]) == 6


    class Old(unittest.TestCase):
        def test_equal(self):
            self.assertEqual(total([2]), 2)
    '''
)


def change(*replacements: tuple[str, str]) -> dict[str, str | None]:
    text = BASE
    for old, new in replacements:
        assert old in text, old
        text = text.replace(old, new, 1)
    return {PATH: text}


def found(*replacements: tuple[str, str]) -> list[str]:
    return audit({PATH: BASE}, change(*replacements))


TOTAL = BASE[BASE.index("def test_total") : BASE.index("def test_empty")]
SMOKE = BASE[BASE.index("def test_smoke") : BASE.index("class TestCart")]
CONFTEST = "import pytest\nimport shop\n\n@pytest.fixture\ndef items():\n    return [1]\n"
