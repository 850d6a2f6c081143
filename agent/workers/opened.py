"""Repairs of components that write to an output artifact as if it were a file: `report.write(text)`.

An artifact has no such method, so the step would surely fail; what is meant is the file at its path.
"""

from __future__ import annotations

import ast

from ...tools.syntax import parse_python
from .scaffold import AS_FILES, Signature, decorated

WRITES = ("write", "writelines")
WRITERS = ("csv.writer", "csv.DictWriter")


def outputs_opened(source: str) -> str:
    """The module with the output artifacts opened that its components write to as if they were files.

    The statements of the function's body from the first such call to the last stand in `with open(…, "w")` then, and so
    do those that use a writer of `csv` which was given the path. A function with a text over several lines between them
    is left as it is: moving it would change the text.
    """
    try:
        tree = parse_python(source)
    except (SyntaxError, ValueError):
        return source
    for function in reversed(tree.body):
        if isinstance(function, ast.FunctionDef) and decorated(function, "component"):
            for name, kind in Signature(function).outputs.items():
                tried = (opened, writer_opened) if kind in AS_FILES else ()
                mended = next((text for mend in tried if (text := mend(source, function, name)) is not None), None)
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
    file = f"{name}_file"
    if any(spreads(item) for item in between) or uses(function, file):
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


def writer_opened(source: str, function: ast.FunctionDef, name: str) -> str | None:
    """The source with an output opened whose path, or the artifact itself, a component gives to a writer of `csv`."""
    for block in [block for node in ast.walk(function) for _, block in ast.iter_fields(node) if statements(block)]:
        for at, first in enumerate(block):
            if isinstance(first, ast.Assign) and gives_to_writer(first, name):
                return with_opened(source, function, block[at:], name)
    return None


def gives_to_writer(node: ast.Assign, name: str) -> bool:
    """Whether it is `writer = csv.writer(name.path, …)`."""
    call = node.value
    if not isinstance(call, ast.Call) or ast.unparse(call.func) not in WRITERS or not call.args:
        return False
    return isinstance(node.targets[0], ast.Name) and ast.unparse(call.args[0]) in (name, f"{name}.path")


def with_opened(source: str, function: ast.FunctionDef, block: list[ast.stmt], name: str) -> str | None:
    """The source with an output opened around the statements that use its writer; None where others use it too.

    Args:
        source: The module.
        function: The component.
        block: Statements of one block, of which the first makes the writer.
        name: The output.
    """
    file, first = f"{name}_file", block[0]
    if not isinstance(first, ast.Assign) or not isinstance(first.value, ast.Call):
        return None
    writer = ast.unparse(first.targets[0])
    last = max(at for at, node in enumerate(block) if uses(node, writer))
    between = block[: last + 1]
    if uses(function, writer) != sum(uses(node, writer) for node in between) or uses(function, file):
        return None
    if any(spreads(node) for node in between):
        return None
    first.value.args[0] = ast.Name(file)
    first.value.keywords = [word for word in first.value.keywords if word.arg != "newline"]
    indent = " " * first.col_offset
    lines = source.splitlines(keepends=True)
    inner = [f"{indent}{ast.unparse(first)}\n", *lines[first.end_lineno : between[-1].end_lineno]]
    lines[first.lineno - 1 : between[-1].end_lineno] = [
        f'{indent}with open({name}.path, "w", newline="") as {file}:\n',
        *(f"    {line}" if line.strip() else line for line in inner),
    ]
    return "".join(lines)


def statements(block: object) -> bool:
    """Whether it is a block of statements."""
    return isinstance(block, list) and bool(block) and all(isinstance(node, ast.stmt) for node in block)


def uses(node: ast.AST, name: str) -> int:
    """How often a name stands in a piece of code."""
    return sum(isinstance(item, ast.Name) and item.id == name for item in ast.walk(node))


def spreads(node: ast.AST) -> bool:
    """Whether a text over several lines stands in a piece of code."""
    texts = (ast.Constant, ast.JoinedStr)
    return any(isinstance(item, texts) and item.lineno != item.end_lineno for item in ast.walk(node))


def writes_of(node: ast.stmt, name: str) -> list[ast.Name]:
    """The names in a statement that are written to as if they were files."""
    called = [item.func for item in ast.walk(node) if isinstance(item, ast.Call)]
    owners = [item.value for item in called if isinstance(item, ast.Attribute) and item.attr in WRITES]
    return [owner for owner in owners if isinstance(owner, ast.Name) and owner.id == name]
