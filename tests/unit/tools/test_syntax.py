"""Python source is parsed safely from several threads, and quietly."""

from __future__ import annotations

import ast
import gc
import sys
import threading
import warnings
from collections.abc import Iterator

import pytest
from kfpilot.tools.syntax import parse_expression, parse_python

SOURCE = "\n".join(f"def f{n}(a, b):\n    return (a + b) * {n} if a else [x for x in range(b)]" for n in range(40))


class Garbage:
    """Its finalizer lets another thread run, in the middle of whatever made the collector start."""

    def __init__(self) -> None:
        self.itself = self

    def __del__(self) -> None:
        for _ in range(3):
            pass


@pytest.fixture
def hasty() -> Iterator[None]:
    """Threads take turns and garbage is collected all the time."""
    threshold, interval = gc.get_threshold(), sys.getswitchinterval()
    gc.set_threshold(5)
    sys.setswitchinterval(1e-6)
    yield
    gc.set_threshold(*threshold)
    sys.setswitchinterval(interval)


def test_tasks_side_by_side_can_parse_at_the_same_time(hasty: None) -> None:
    failed: list[BaseException] = []

    def work() -> None:
        for _ in range(12):
            Garbage()
            try:
                parse_python(SOURCE)
            except (SystemError, RecursionError) as error:
                failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


@pytest.mark.parametrize(
    "source", ["\ufeffx = 1\n", b"\xef\xbb\xbfx = 1\n", b"# -*- coding: latin-1 -*-\nx = '\xe9'\n"]
)
def test_a_byte_order_mark_and_an_encoding_are_no_error(source: str | bytes) -> None:
    assert isinstance(parse_python(source).body[0], ast.Assign)


def test_an_escape_that_python_does_not_know_is_not_told_on_the_terminal() -> None:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        parse_python("pattern = '\\d+'\n")
        parse_expression("match('\\d+')")
    assert told == []


def test_what_is_no_python_is_said() -> None:
    with pytest.raises(SyntaxError):
        parse_python("def f(:\n")
    with pytest.raises(SyntaxError):
        parse_expression("x = 1")
