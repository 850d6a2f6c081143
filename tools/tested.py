"""Which functions of the project some test files are about, read from what they import."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from .assertions import called_name
from .mutants import functions_in
from .syntax import parse_python


class Target(BaseModel):
    """A function or class of the project that tests use.

    Attributes:
        path: The file that defines it, relative to the root.
        name: Its name there.
        helpers: Functions of the same file that it calls; a change in them is a change of it.
        tests: The test files that use it.
    """

    model_config = ConfigDict(extra="forbid")

    path: str
    name: str
    helpers: list[str] = []
    tests: list[str] = []


def find_targets(root: Path, source_roots: Sequence[Path], tests: Iterable[str]) -> list[Target]:
    """What test files import from the project and use.

    Args:
        root: The checkout.
        source_roots: Where the project's modules are imported from.
        tests: Test files, relative to the root.

    Returns:
        Each function or class once, in the order of its first use.
    """
    finder = _Finder(root, source_roots)
    found: dict[tuple[str, str], Target] = {}
    for test in tests:
        for path, name in finder.used_by(test):
            target = found.setdefault((path, name), Target(path=path, name=name, helpers=finder.helpers(path, name)))
            if test not in target.tests:
                target.tests.append(test)
    return list(found.values())


def imported_names(sources: Iterable[str]) -> list[str]:
    """The modules that sources import anywhere, dotted: what a runner of their tests may load beforehand."""
    names: dict[str, None] = {}
    for source in sources:
        try:
            nodes = list(ast.walk(parse_python(source)))
        except (SyntaxError, ValueError):
            continue
        for node in nodes:
            if isinstance(node, ast.Import):
                names |= dict.fromkeys(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names[node.module] = None
    return list(names)


class _Finder:
    def __init__(self, root: Path, source_roots: Sequence[Path]) -> None:
        self.root = root
        self.roots = list(source_roots)
        self.trees: dict[Path, ast.Module | None] = {}

    def tree(self, file: Path) -> ast.Module | None:
        if file not in self.trees:
            try:
                self.trees[file] = parse_python(file.read_text(encoding="utf-8-sig"))
            except (OSError, ValueError, SyntaxError):
                self.trees[file] = None
        return self.trees[file]

    def module(self, dotted: str) -> Path | None:
        """The project's file of a module."""
        for folder in self.roots:
            stem = folder.joinpath(*dotted.split("."))
            for file in (stem.with_suffix(".py"), stem / "__init__.py"):
                if file.is_file():
                    return file
        return None

    def used_by(self, test: str) -> list[tuple[str, str]]:
        tree = self.tree(self.root / test)
        if tree is None:
            return []
        modules: dict[str, str] = {}
        direct: dict[str, tuple[str, str]] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                modules |= {alias.asname or alias.name: alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                for alias in node.names:
                    # `components/clean.py` with `clean` in it: what the package hands on hides the module of that name.
                    handed = self.defined(node.module, alias.name)
                    if not handed and self.module(f"{node.module}.{alias.name}"):
                        modules[alias.asname or alias.name] = f"{node.module}.{alias.name}"
                    else:
                        direct[alias.asname or alias.name] = (node.module, alias.name)
        found: dict[tuple[str, str], None] = {}
        uses = [node for node in ast.walk(tree) if isinstance(node, (ast.Name, ast.Attribute))]
        for node in sorted(uses, key=lambda node: (node.lineno, node.col_offset)):
            pairs = []
            if isinstance(node, ast.Name) and node.id in direct:
                pairs.append(direct[node.id])
            elif isinstance(node, ast.Attribute):
                base = called_name(node.value) if isinstance(node.value, (ast.Name, ast.Attribute)) else ""
                if base in modules:
                    pairs.append((modules[base], node.attr))
            for module, name in pairs:
                place = self.defined(module, name)
                if place:
                    found[place] = None
        return list(found)

    def defined(self, module: str, name: str, depth: int = 0) -> tuple[str, str] | None:
        """The file that defines a name of a module; a package's `__init__.py` may only hand it on."""
        file = self.module(module)
        tree = self.tree(file) if file else None
        if file is None or tree is None or depth > 3 or not file.is_relative_to(self.root):
            return None
        for node in tree.body:
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and node.name == name:
                return file.relative_to(self.root).as_posix(), name
            if isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    if (alias.asname or alias.name) == name:
                        return self.defined(self.absolute(module, file, node), alias.name, depth + 1)
        return None

    @staticmethod
    def absolute(module: str, file: Path, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        parts = module.split(".")
        keep = len(parts) - node.level + (file.name == "__init__.py")
        return ".".join([*parts[:keep], *([node.module] if node.module else [])])

    def helpers(self, path: str, name: str) -> list[str]:
        """Functions and classes of the same file that a function uses, directly or not."""
        tree = self.tree(self.root / path)
        if tree is None:
            return []
        nodes: dict[str, ast.AST] = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
        nodes |= {dotted: node for dotted, node in functions_in(tree) if "." not in dotted}
        seen, waiting = {name}, [name]
        while waiting:
            node = nodes.get(waiting.pop())
            called = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)} & set(nodes) if node else set()
            waiting += sorted(called - seen)
            seen |= called
        return sorted(seen - {name})
