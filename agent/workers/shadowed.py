"""Repairs of components that use the name of an artifact for a value of their own: `totals = {}` … `totals.path`.

The artifact is gone then and the step would surely fail; what is meant is another name for the value.
"""

from __future__ import annotations

import ast

from ...tools.syntax import parse_python
from .scaffold import Signature, decorated

PARTS = ("path", "uri", "metadata", "name")


def artifacts_kept(source: str) -> str:
    """The module with such values called otherwise: `totals_found`.

    Components that use the artifact only before the value takes its name are left as they are, and so are those with
    the name in an f-string, where the parser does not tell the place for sure.
    """
    try:
        tree = parse_python(source)
    except (SyntaxError, ValueError):
        return source
    lines = source.encode().splitlines(keepends=True)
    for function in reversed(tree.body):
        if isinstance(function, ast.FunctionDef) and decorated(function, "component"):
            signature = Signature(function)
            places = [
                (name, node)
                for artifact in [*signature.inputs, *signature.outputs]
                for name, node in shadows(function, artifact)
            ]
            for name, node in sorted(places, key=lambda place: (-place[1].lineno, -place[1].col_offset)):
                row = lines[node.lineno - 1]
                lines[node.lineno - 1] = row[: node.col_offset] + name.encode() + row[node.end_col_offset :]
    return b"".join(lines).decode()


def shadows(function: ast.FunctionDef, artifact: str) -> list[tuple[str, ast.Name]]:
    """The places in a component where the name of an artifact means a value, each with another name for it."""
    nodes = [node for statement in function.body for node in ast.walk(statement)]
    named = [node for node in nodes if isinstance(node, ast.Name) and node.id == artifact]
    quoted = [inner for node in nodes if isinstance(node, ast.JoinedStr) for inner in ast.walk(node)]
    parts = {id(node.value) for node in nodes if isinstance(node, ast.Attribute) and of_artifact(node.attr)}
    first = min((place(node) for node in named if isinstance(node.ctx, ast.Store)), default=None)
    if first is None or any(node in quoted for node in named):
        return []
    if not any(id(node) in parts and place(node) > first for node in named):
        return []
    used = {node.id for node in nodes if isinstance(node, ast.Name)}
    name = f"{artifact}_found"
    return [(name, node) for node in named if id(node) not in parts] if name not in used else []


def of_artifact(attribute: str) -> bool:
    """Whether it is a part of an artifact, and of nothing else that a component usually has."""
    return attribute in PARTS or attribute.startswith("log_")


def place(node: ast.expr) -> tuple[int, int]:
    """Where it stands."""
    return node.lineno, node.col_offset
