"""The values that a tests task gives to parameters (`with status="refunded"`), and whether its tests use them."""

from __future__ import annotations

import ast
import re

from ...tools.syntax import parse_python

SIGNATURE = re.compile(r"`[A-Za-z_][\w.]*\([^`]*`")
"""Its values are defaults, which a test need not give."""
GIVEN = re.compile(
    r"(?<![\w.=-])(?P<name>[a-z_]\w*)\s?=\s?(?P<value>\"[^\"\n]*\"|'[^'\n]*'|-?\d+(?:\.\d+)?)(?![\w%/-]|\.\d)"
)
NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?![\w.])")
Value = str | float


def asked_values(text: str) -> dict[str, Value]:
    """What a task gives to parameters: `name=value` as it stands there -> the value."""
    found: dict[str, Value] = {}
    for match in GIVEN.finditer(SIGNATURE.sub("", text)):
        value = match["value"]
        found[match.group()] = value[1:-1] if value[0] in "\"'" else float(value)
    return {told: value for told, value in found.items() if value != ""}


def without_docstrings(source: str) -> str:
    """A module's code without comments and docstrings, which use nothing; as it is where it does not parse."""
    try:
        tree = parse_python(source)
    except (SyntaxError, ValueError, RecursionError):
        return source
    for node in ast.walk(tree):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if ast.get_docstring(node, clean=False) is not None:
            node.body[0] = ast.Pass()
    return ast.unparse(tree)


def uses(value: Value, code: str) -> bool:
    """Whether code has a value: a text anywhere in it, a number as a number, whatever way it is written."""
    if isinstance(value, str):
        return value in code or value in code.replace("\\", "")
    return any(float(number) == value for number in NUMBER.findall(code))
