"""Which assertions of a test can fail."""

from __future__ import annotations

import textwrap

import pytest
from kfpilot.tools.pytest_run import count_assertions


def count(body: str) -> int:
    source = "import pytest\n\ndef test_x(value=None, other=None):\n" + textwrap.indent(textwrap.dedent(body), "    ")
    return count_assertions(source)["test_x"]


@pytest.mark.parametrize(
    "body",
    [
        "assert value",
        "assert value == 3, 'why'",
        "assert not value",
        "assert False",
        "assert value and True",
        "assert 1 in value",
        "assert value() == value()",
        "assert len(value) > 0",
        "assert f'{value}'",
        "assert [*value]",
        "with pytest.raises(ValueError):\n    value()",
        "with pytest.warns(UserWarning):\n    value()",
        "pytest.raises(ValueError, value)",
        "if value:\n    pytest.fail('no')",
        "if value:\n    raise AssertionError('no')",
        "self.assertEqual(value, 3)",
        "self.assertTrue(value)",
        "value.assert_called_once_with(3)",
        "np.testing.assert_allclose(value, other)",
        "assert_frame_equal(value, other)",
        "for item in value:\n    assert item",
        "try:\n    value()\nexcept Exception:\n    raise\nelse:\n    assert value",
        "try:\n    assert value\nexcept KeyError:\n    pass",
        "try:\n    value()\nexcept ValueError as error:\n    assert 'x' in str(error)",
        "def check(v):\n    assert v\ncheck(value)",
        "match value:\n    case 1:\n        assert other",
        "if not value:\n    return\nassert other",
    ],
)
def test_an_assertion_that_can_fail_counts(body: str) -> None:
    assert count(body) == 1


@pytest.mark.parametrize(
    "body",
    [
        "pass",
        "assert True",
        "assert 1",
        "assert 'text'",
        "assert not False",
        "assert value == value",
        "assert value.a[0] is value.a[0]",
        "assert 1 == 1",
        "assert 2 > 1",
        "assert value or True",
        "assert (value == 3, 'a tuple is always true')",
        "assert lambda: value",
        "assert [value]",
        "assert {'a': value}",
        "assert isinstance(value, object)",
        "assert len(value) >= 0",
        "assert f'text {value}'",
        "self.assertTrue(True)",
        "self.assertFalse(False)",
        "self.assertEqual(1, 1)",
        "self.assertEqual(value, value)",
        "self.assertIsNotNone('x')",
        "try:\n    assert value\nexcept AssertionError:\n    pass",
        "try:\n    assert value\nexcept:\n    print('oh')",
        "try:\n    assert value\nexcept (KeyError, Exception):\n    pass",
        "with contextlib.suppress(AssertionError):\n    assert value",
        "return\nassert value",
        "pytest.skip('later')\nassert value",
        "if False:\n    assert value",
        "while 0:\n    assert value",
        "for item in []:\n    assert item",
        "def never_called():\n    assert value",
        "value()\nprint(other)",
    ],
)
def test_an_assertion_that_cannot_fail_does_not_count(body: str) -> None:
    assert count(body) == 0


def test_tests_are_named_by_class_and_function() -> None:
    source = textwrap.dedent(
        """
        import sys, unittest

        def check_all(value):
            check_one(value)

        def check_one(value):
            assert value

        def helper(value):
            return value

        def test_plain():
            assert f() == 1
            assert True
            assert g() == 2

        async def test_async():
            assert await f()

        def test_by_helper():
            check_all(f())
            helper(f())

        def test_none():
            helper(f())

        class TestGroup:
            def test_in(self):
                self.verify(3)

            def verify(self, n):
                assert n == f()

            class TestInner:
                def test_deep(self):
                    assert f()

        class Cases(unittest.TestCase):
            def test_old(self):
                self.assertIn(1, f())

        class Helper:
            def test_not_collected(self):
                assert f()

        if sys.platform == "linux":
            def test_conditional():
                assert f()
        """
    )
    assert count_assertions(source) == {
        "test_plain": 2,
        "test_async": 1,
        "test_by_helper": 1,
        "test_none": 0,
        "TestGroup::test_in": 1,
        "TestGroup::TestInner::test_deep": 1,
        "Cases::test_old": 1,
        "test_conditional": 1,
    }


def test_helpers_that_call_each_other_end() -> None:
    source = "def a():\n    b()\n\ndef b():\n    a()\n\ndef test_x():\n    a()\n"
    assert count_assertions(source) == {"test_x": 0}


@pytest.mark.parametrize("source", ["def test_x(:", "\0", ""])
def test_source_that_does_not_parse_has_no_tests(source: str) -> None:
    assert count_assertions(source) == {}
