"""Python source as a syntax tree, safely from several threads and without a word on the terminal."""

from __future__ import annotations

import ast
import threading
import warnings

PARSER = threading.RLock()
"""Held by whoever parses; a library that does it by itself is called with it."""


def parse_python(source: str | bytes) -> ast.Module:
    """`ast.parse`, for tasks that are worked side by side.

    Up to Python 3.11.8 all threads share one recursion depth of the parser: if the collector of garbage hands over to
    another thread that parses too, either may end in a SystemError (https://github.com/python/cpython/issues/106905).
    The compiler's warnings (an invalid escape) are not shown, and a byte order mark at the start is no error.

    Args:
        source: The text of a module, or its bytes, whose encoding is then found as Python finds it.

    Raises:
        SyntaxError: It is not Python.
        ValueError: It has a null byte.
        RecursionError: It is nested too deeply.
        MemoryError: The same, found by the parser.
    """
    with PARSER, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        text = source.removeprefix("\ufeff") if isinstance(source, str) else source
        return ast.parse(text)  # noqa: TID251


def parse_expression(source: str) -> ast.expr:
    """One expression, such as an annotation or a call; errors as in `parse_python`."""
    with PARSER, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(source, mode="eval").body  # noqa: TID251
