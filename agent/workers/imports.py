"""Puts imports of the project's own names right: a small model takes the path from its example."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

from ...tools import search
from ..planner.paths import role_of_path
from .packet import module_of
from .related import names_of


def own_imports(root: Path, source: str) -> str:
    """Rewrite `from x.y import name` where the project has no module `x.y` and one other that defines `name`.

    Args:
        root: The worktree.
        source: A drafted Python file.

    Returns:
        The source; unchanged where nothing is certain.
    """
    try:
        nodes = [node for node in ast.parse(source).body if isinstance(node, ast.ImportFrom)]
    except (SyntaxError, ValueError):
        return source
    nodes = [node for node in nodes if node.module and not node.level and not foreign(node.module)]
    if not nodes:
        return source
    defined = {
        module_of(root, path): names_of(root / path)
        for path in search.files(root, glob="*.py")
        if role_of_path(path) == "code"
    }
    lines = source.splitlines(keepends=True)
    for node in reversed(nodes):
        names = {alias.name for alias in node.names}
        if names & defined.get(node.module or "", set()):
            continue
        homes = [module for module, has in defined.items() if names <= has]
        if len(homes) == 1:
            told = ast.unparse(ast.ImportFrom(module=homes[0], names=node.names, level=0))
            lines[node.lineno - 1 : node.end_lineno] = [told + "\n"]
    return "".join(lines)


def foreign(module: str) -> bool:
    """Whether a module surely is not the project's own."""
    return module.partition(".")[0] in {"kfp", "__future__", *sys.stdlib_module_names}
