"""Repairs of components that write to an output artifact as if it were a file: `report.write(text)`.

An artifact has no such method, so the step would surely fail; what is meant is the file at its path.
"""

from __future__ import annotations

import ast

from .scaffold import AS_FILES, Signature, decorated

WRITES = ("write", "writelines")


def outputs_opened(source: str) -> str:
    """The module with the output artifacts opened that its components write to as if they were files.

    The statements of the function's body from the first such call to the last stand in `with open(…, "w")` then. A
    function with a text over several lines between them is left as it is: moving it would change the text.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return source
    for function in reversed(tree.body):
        if isinstance(function, ast.FunctionDef) and decorated(function, "component"):
            for name, kind in Signature(function).outputs.items():
                mended = opened(source, function, name) if kind in AS_FILES else None
                if mended is not None:
                    return outputs_opened(mended)
    return source


def opened(source: str, function: ast.FunctionDef, name: str) -> str | None:
    """The source with one output of a component opened; None if it need not be, or cannot be."""
    there = [(node, calls) for node in function.body if (calls := writes_of(node, name))]
    if not there:
        return None
    first, last = there[0][0], there[-1][0]
    between = function.body[function.body.index(first) : function.body.index(last) + 1]
    spread = (ast.Constant, ast.JoinedStr)
    if any(isinstance(n, spread) and n.lineno != n.end_lineno for item in between for n in ast.walk(item)):
        return None
    file = f"{name}_file"
    if any(isinstance(node, ast.Name) and node.id == file for node in ast.walk(function)):
        return None
    lines = source.encode().splitlines(keepends=True)
    for node in sorted(
        (call for _, calls in there for call in calls), key=lambda node: (-node.lineno, -node.col_offset)
    ):
        row = lines[node.lineno - 1]
        lines[node.lineno - 1] = row[: node.col_offset] + file.encode() + row[node.col_offset + len(name.encode()) :]
    indent = b" " * first.col_offset
    for at in range(first.lineno - 1, last.end_lineno or last.lineno):
        lines[at] = b"    " + lines[at] if lines[at].strip() else lines[at]
    lines.insert(first.lineno - 1, indent + f'with open({name}.path, "w") as {file}:\n'.encode())
    return b"".join(lines).decode()


def writes_of(node: ast.stmt, name: str) -> list[ast.Name]:
    """The names in a statement that are written to as if they were files."""
    called = [item.func for item in ast.walk(node) if isinstance(item, ast.Call)]
    owners = [item.value for item in called if isinstance(item, ast.Attribute) and item.attr in WRITES]
    return [owner for owner in owners if isinstance(owner, ast.Name) and owner.id == name]
