"""Rows for a component that reads a CSV and of whose data nobody says anything: the columns it looks up, and numbers.

A number as a text is what `csv` gives for a number, and it can be taken for a name. So what fails on such rows with the
wrong kind of operand or argument fails on all rows.
"""

from __future__ import annotations

import ast

from ...tools.syntax import parse_python

ROWS = 4
READERS = ("csv.DictReader", "DictReader")
UNPACKS = ("loads", "safe_load", "literal_eval", "getattr", "eval", "unpack")
"""Calls by which a cell becomes something else than a text or a number, or the name of something."""


def made_rows(source: str, function: str) -> str:
    """A CSV for the one table that a function reads with `csv.DictReader`; empty where it does not, or not by name.

    Each two columns together have every combination of two values, so that whatever rows are grouped by, a group has
    several of them and there are several groups.

    Args:
        source: The module.
        function: The component in it.
    """
    try:
        body = parse_python(source).body
    except (SyntaxError, ValueError):
        return ""
    node = next((item for item in body if isinstance(item, ast.FunctionDef) and item.name == function), None)
    calls = [item for item in ast.walk(node) if isinstance(item, ast.Call)] if node else []
    if node is None or sum(ast.unparse(call.func) in READERS for call in calls) != 1:
        return ""
    if any(ast.unparse(call.func).rpartition(".")[2] in UNPACKS for call in calls):
        return ""
    columns = columns_read(node)
    if not columns:
        return ""
    rows = [[str(1 + (row >> at % 2 & 1)) for at in range(len(columns))] for row in range(ROWS)]
    return "".join(",".join(cells) + "\n" for cells in [columns, *rows])


def columns_read(node: ast.AST) -> list[str]:
    """The names that are looked up in records: `row["day"]`, `row.get("day")`; sorted."""
    found = set()
    for item in ast.walk(node):
        if isinstance(item, ast.Subscript) and isinstance(item.ctx, ast.Load):
            key: ast.expr | None = item.slice
        elif isinstance(item, ast.Call) and isinstance(item.func, ast.Attribute) and item.func.attr == "get":
            key = item.args[0] if item.args else None
        else:
            continue
        if isinstance(key, ast.Constant) and isinstance(key.value, str) and key.value.isidentifier():
            found.add(key.value)
    return sorted(found)
