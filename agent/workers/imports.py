"""Puts imports right: a small model takes the path of a name from its example, and forgets what it uses."""

from __future__ import annotations

import ast
import builtins
import sys
from pathlib import Path

from ...tools import search
from ...tools.project_names import top_names
from ...tools.syntax import parse_python
from ..planner.paths import role_of_path
from .packet import module_of

KNOWN = {
    **dict.fromkeys(["compiler", "dsl", "local"], "kfp"),
    **dict.fromkeys(["Counter", "OrderedDict", "defaultdict", "deque", "namedtuple"], "collections"),
    **dict.fromkeys(["NamedTuple", "List", "Dict", "Optional"], "typing"),
    **dict.fromkeys(
        ["Artifact", "Dataset", "HTML", "Input", "Markdown", "Metrics", "Model", "Output"],
        "kfp.dsl",
    ),
    "Path": "pathlib",
    "TemporaryDirectory": "tempfile",
    "SimpleNamespace": "types",
}
"""Names that mean one thing wherever they stand undefined -> their module."""
OF_DSL = frozenset({name for name, module in KNOWN.items() if module == "kfp.dsl"} | {"component", "pipeline"})
AS_MODULES = frozenset({"pytest", "yaml"})


def missing_imports(root: Path, source: str) -> str:
    """Import what a file uses and defines nowhere: modules of Python, well-known names, the project's own.

    Args:
        root: The worktree.
        source: A drafted Python file.

    Returns:
        The source; unchanged where nothing is missing, or what it could be is not certain.
    """
    try:
        tree = parse_python(source)
    except (SyntaxError, ValueError):
        return source
    nodes = list(ast.walk(tree))
    if any(isinstance(node, ast.ImportFrom) and node.names[0].name == "*" for node in nodes):
        return source
    missing = sorted({node.id for node in nodes if isinstance(node, ast.Name)} - bound_anywhere(nodes))
    as_module = {
        node.value.id for node in nodes if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    }
    lines = []
    own: dict[str, set[str]] = {}
    for name in missing:
        if name in as_module and (name in sys.stdlib_module_names or name in AS_MODULES):
            lines.append(f"import {name}")
        elif name in KNOWN:
            lines.append(f"from {KNOWN[name]} import {name}")
        else:
            own = own or defined_names(root)
            homes = [module for module, names in own.items() if name in names]
            lines += [f"from {homes[0]} import {name}"] if len(homes) == 1 else []
    if not lines:
        return source
    after = 0
    for node in tree.body:
        docstring = node is tree.body[0] and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if docstring or (isinstance(node, ast.ImportFrom) and node.module == "__future__"):
            after = node.end_lineno or 0
    given = source.splitlines()
    return "\n".join([*given[:after], *lines, *given[after:]]) + "\n"


def bound_anywhere(nodes: list[ast.AST]) -> set[str]:
    """Every name that a file gives a value somewhere, in whatever scope, and those of the language."""
    found = {*dir(builtins), "__file__", "__name__", "__doc__"}
    for node in nodes:
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            found.add(node.id)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.arg):
            found.add(node.arg)
        elif isinstance(node, ast.ExceptHandler) and node.name:
            found.add(node.name)
    return found


def defined_names(root: Path) -> dict[str, set[str]]:
    """Module of the project's code -> the functions and classes it defines."""
    return {
        module_of(root, path): top_names(root / path)
        for path in search.files(root, glob="*.py")
        if role_of_path(path) == "code"
    }


def dsl_imports(source: str) -> str:
    """Rewrite `from kfp.components import Metrics`, and what else kfp 1 had elsewhere, to come from `kfp.dsl`."""
    try:
        nodes = [node for node in parse_python(source).body if isinstance(node, ast.ImportFrom)]
    except (SyntaxError, ValueError):
        return source
    lines = source.splitlines(keepends=True)
    for node in nodes:
        module = node.module or ""
        old = module == "kfp" or module.startswith(("kfp.components", "kfp.v2", "kfp.types"))
        if old and {alias.name for alias in node.names} <= OF_DSL:
            told = ast.unparse(ast.ImportFrom(module="kfp.dsl", names=node.names, level=0))
            # As many lines as before, so that the numbers of those below hold.
            lines[node.lineno - 1 : node.end_lineno] = [told + "\n", *[""] * ((node.end_lineno or 0) - node.lineno)]
    return "".join(lines)


def own_imports(root: Path, source: str) -> str:
    """Rewrite `from x.y import name` where the project has no module `x.y` and one other that defines `name`.

    Args:
        root: The worktree.
        source: A drafted Python file.

    Returns:
        The source; unchanged where nothing is certain.
    """
    try:
        nodes = [node for node in parse_python(source).body if isinstance(node, ast.ImportFrom)]
    except (SyntaxError, ValueError):
        return source
    nodes = [node for node in nodes if node.module and not node.level and not foreign(node.module)]
    if not nodes:
        return source
    defined = defined_names(root)
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
