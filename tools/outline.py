"""A module's outline: what it offers, without how it does it."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from .errors import ToolFailure
from .syntax import parse_python

SETS = ("__init__", "__post_init__")
SHORT = 24
"""Longest value of an attribute that is shown: `[]` and `Path(root)` say what it is, a long one only takes room."""

WIDTH = 160
"""Longest value of a constant, or default, that is shown in full."""

MOST_LINES = 30
"""Of a docstring that is told; a longer one says how many lines are left out."""

Told = Literal["first", "steps", "all"]
"""Which docstrings are told as a whole, on lines of their own: none, those of decorated functions, or all."""


def signatures(path: Path, *, told: Told = "first") -> str:
    """What a Python module offers, as stub-like text.

    Imports (but for the standard library's), constants, classes and functions, each with decorators, annotations,
    defaults and its docstring, or the first line of it; of `__init__` the public attributes that it sets. A module
    with a syntax error gives what its lines show.

    Args:
        path: The module.
        told: Which docstrings to give whole. What a component reads and writes stands nowhere else.

    Raises:
        ToolFailure: The file cannot be read.
    """
    try:
        source = path.read_bytes().decode("utf-8-sig", "replace").replace("\r\n", "\n")
    except OSError as error:
        raise ToolFailure(f"{path} cannot be read: {error.strerror}.") from None
    try:
        tree = parse_python(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        where = f"line {error.lineno}: {error.msg}" if isinstance(error, SyntaxError) else str(error)
        return f"# does not parse: {where}\n" + "\n".join(_by_lines(source))
    lines: list[str] = []
    if told == "all":
        lines += _docstring(tree, "")
    elif summary := _summary(tree):
        lines.append(f'"""{summary}"""')
    lines += _body(tree.body, "", told)
    return "\n".join(lines)


def _body(statements: list[ast.stmt], indent: str, told: Told = "first") -> Iterator[str]:
    for node in statements:
        if isinstance(node, ast.Import | ast.ImportFrom):
            if not _from_stdlib(node):
                yield indent + ast.unparse(node)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _function(node, indent, told)
        elif isinstance(node, ast.ClassDef):
            yield from _class(node, indent, told)
        elif isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
            yield indent + _assignment(node)
        elif isinstance(node, ast.If | ast.Try | ast.With) and not _is_main(node):
            for part in ("body", "orelse", "finalbody"):
                yield from _body(getattr(node, part, []), indent, told)


def _function(node: ast.FunctionDef | ast.AsyncFunctionDef, indent: str, told: Told) -> Iterator[str]:
    for decorator in node.decorator_list:
        yield f"{indent}@{ast.unparse(decorator)}"
    word = "async def" if isinstance(node, ast.AsyncFunctionDef) else "def"
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    summary = _summary(node)
    text = (ast.get_docstring(node) or "").strip()
    step = node.decorator_list and "\n" in text and not set(text) & {"\\", '"'}
    whole = summary and (told == "all" or (told == "steps" and step))
    end = "" if whole else f' """{summary}"""' if summary else " ..."
    yield f"{indent}{word} {node.name}({ast.unparse(node.args)}){returns}:{end}"
    if whole:
        yield from _docstring(node, f"{indent}    ")
    if node.name in SETS and (names := ", ".join(_attributes(node))):
        yield f"{indent}    # sets {names if len(names) <= WIDTH else names[:WIDTH].rpartition(',')[0] + ', …'}"


def _attributes(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    """The public attributes that a method sets on its object, each once, with what the line says of its type."""
    me = node.args.args[0].arg if node.args.args else ""
    known = {item.arg for item in [*node.args.args, *node.args.kwonlyargs]}
    found: dict[str, str] = {}
    statements = [inner for inner in ast.walk(node) if isinstance(inner, ast.Assign | ast.AnnAssign)]
    for inner in sorted(statements, key=lambda inner: inner.lineno):
        targets = inner.targets if isinstance(inner, ast.Assign) else [inner.target]
        alone = len(targets) == 1 and isinstance(targets[0], ast.Attribute)
        value = ast.unparse(inner.value) if inner.value and alone else ""
        said = f" = {value}" if value and len(value) <= SHORT and value not in known and "\n" not in value else ""
        said = f": {ast.unparse(inner.annotation)}" if isinstance(inner, ast.AnnAssign) else said
        for target in (part for whole in targets for part in ast.walk(whole)):
            if isinstance(target, ast.Attribute) and isinstance(target.ctx, ast.Store):
                ours = isinstance(target.value, ast.Name) and target.value.id == me
                if ours and not target.attr.startswith("_"):
                    found.setdefault(target.attr, said)
    yield from (f"{name}{said}" for name, said in found.items())


def _class(node: ast.ClassDef, indent: str, told: Told) -> Iterator[str]:
    for decorator in node.decorator_list:
        yield f"{indent}@{ast.unparse(decorator)}"
    bases = ", ".join(ast.unparse(base) for base in [*node.bases, *node.keywords])
    # A small model is told of classes no more than their first lines.
    inner = list(_body(node.body, indent + "    ", told if told == "all" else "first"))
    head = f"{indent}class {node.name}{f'({bases})' if bases else ''}:"
    if told == "all":
        inner = [*_docstring(node, f"{indent}    "), *inner]
    elif summary := _summary(node):
        inner.insert(0, f'{indent}    """{summary}"""')
    yield head if inner else f"{head} ..."
    yield from inner


def _assignment(node: ast.Assign | ast.AnnAssign | ast.AugAssign) -> str:
    text = " ".join(ast.unparse(node).split("\n"))
    if len(text) <= WIDTH:
        return text
    # Still Python: what is cut stands in a comment.
    target = ast.unparse(node.targets[0] if isinstance(node, ast.Assign) else node.target)
    return f"{target} = ...  # {text.removeprefix(target)[:WIDTH].strip(' =')} …"


def _is_main(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and "__name__" in ast.unparse(node.test)


def _from_stdlib(node: ast.Import | ast.ImportFrom) -> bool:
    if isinstance(node, ast.ImportFrom):
        return node.level == 0 and (node.module or "").split(".")[0] in sys.stdlib_module_names
    return all(alias.name.split(".")[0] in sys.stdlib_module_names for alias in node.names)


def _docstring(node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef, indent: str) -> Iterator[str]:
    """A docstring as it stands, on lines of its own."""
    lines = (ast.get_docstring(node) or "").strip().splitlines()
    if len(lines) <= 1:
        yield from (f'{indent}"""{line}"""' for line in [_summary(node)] if line)
        return
    kept = [line.replace("\\", "\\\\").replace('"""', "'''") for line in lines[:MOST_LINES]]
    if len(lines) > MOST_LINES:
        kept.append(f"… ({len(lines) - MOST_LINES} more lines)")
    yield from (f"{indent}{line}".rstrip() for line in [f'"""{kept[0]}', *kept[1:], '"""'])


def _summary(node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    lines = (ast.get_docstring(node) or "").strip().splitlines()
    if not lines:
        return ""
    first = lines[0].strip().replace("\\", "\\\\").replace('"""', "'''")
    return first[:-1] + '\\"' if first.endswith('"') else first


def _by_lines(source: str) -> Iterator[str]:
    """What the lines alone show of a module that does not parse."""
    lines = source.split("\n")
    start = re.compile(
        r"\s*(@\w|(async\s+)?def\s+\w|class\s+\w|import\s+\w|from\s+\S+\s+import\b|[A-Z_][A-Z0-9_]*\s*[:=])"
    )
    at = 0
    while at < len(lines):
        if start.match(lines[at]):
            # A signature may go on over several lines.
            part = lines[at].rstrip()
            while part.count("(") > part.count(")") and at + 1 < len(lines) and len(part) < 1000:
                at += 1
                part += " " + lines[at].strip()
            yield part
        at += 1
