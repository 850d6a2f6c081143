"""What the names of a module stand for, as far as its source settles it."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Set


def words(text: str) -> frozenset[str]:
    """The words of a text: a list of names that stays readable."""
    return frozenset(text.split())


def walk(node: ast.AST) -> list[ast.AST]:
    """What `ast.walk` gives, remembered with the node: many rules look at the same functions."""
    found: list[ast.AST] | None = node.__dict__.get("_walked")
    if found is None:
        found = list(ast.walk(node))
        node._walked = found  # type: ignore[attr-defined]
    return found


DSL_STAR = words(
    "component container_component pipeline notebook_component importer If Elif Else Condition OneOf "
    "ParallelFor Collected ExitHandler Input Output InputPath OutputPath Artifact Dataset Model Metrics "
    "ClassificationMetrics SlicedClassificationMetrics HTML Markdown ContainerSpec"
)
"""The names of `from kfp.dsl import *` that matter to a check."""

IN_DSL = re.compile(
    r"kfp\.dsl\.(?:component_decorator|container_component_decorator|pipeline_context|structures|importer_node"
    r"|for_loop|tasks_group|types\.artifact_types|types\.type_annotations)\.(?=\w+$)"
)
"""Modules inside kfp.dsl from which some people import what kfp.dsl itself offers."""


class Names:
    """The bindings of a module.

    Attributes:
        imports: Name -> dotted name of what was imported under it (anywhere in the file).
        statements: Name -> the import statement of the module's top level that binds it, alone.
        functions: Functions of the module's top level.
        classes: Classes of the module's top level.
        assigned: Names assigned at the module's top level.
        constants: Names assigned exactly once there, with their value.
    """

    def __init__(self, tree: ast.Module) -> None:
        self.imports: dict[str, str] = {}
        self.statements: dict[str, str] = {}
        self.functions: dict[str, ast.FunctionDef] = {}
        self.classes: dict[str, ast.ClassDef] = {}
        self.assigned: set[str] = set()
        self.constants: dict[str, ast.expr] = {}
        self._star = False
        self._collect_imports(tree)
        counts: Counter[str] = Counter()
        for node in walk(tree):
            if isinstance(node, ast.Name) and isinstance(node.ctx, (ast.Store, ast.Del)):
                counts[node.id] += 1
        for statement in tree.body:
            self._collect(statement, counts)

    def _collect_imports(self, tree: ast.Module) -> None:
        top_level = {id(node) for node in tree.body}
        for statement in tree.body:
            if isinstance(statement, (ast.If, ast.Try)):
                top_level.update(id(node) for node in ast.walk(statement))
        for node in walk(tree):
            if isinstance(node, ast.Import):
                for item in node.names:
                    name = item.asname or item.name.partition(".")[0]
                    self.imports.setdefault(name, item.name if item.asname else name)
                    if id(node) in top_level:
                        self.statements[name] = ast.unparse(ast.Import(names=[item]))
            elif isinstance(node, ast.ImportFrom):
                module = "." * node.level + (node.module or "")
                for item in node.names:
                    if item.name == "*":
                        self._star |= module in ("kfp.dsl", "kfp.v2.dsl")
                        continue
                    name = item.asname or item.name
                    self.imports.setdefault(name, f"{module}.{item.name}")
                    if id(node) in top_level:
                        alone = ast.ImportFrom(module=node.module, names=[item], level=node.level)
                        self.statements[name] = ast.unparse(alone)

    def _collect(self, statement: ast.stmt, counts: Counter[str]) -> None:
        if isinstance(statement, ast.FunctionDef):
            self.functions[statement.name] = statement
        elif isinstance(statement, ast.ClassDef):
            self.classes[statement.name] = statement
        elif isinstance(statement, (ast.Assign, ast.AnnAssign)):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            for target in targets:
                for node in ast.walk(target):
                    if isinstance(node, ast.Name):
                        self.assigned.add(node.id)
                if isinstance(target, ast.Name) and statement.value is not None and counts[target.id] == 1:
                    self.constants[target.id] = statement.value

    def resolve(self, node: ast.expr) -> str:
        """The dotted name that an expression such as `dsl.component` stands for, or an empty text."""
        if isinstance(node, ast.Attribute):
            base = self.resolve(node.value)
            dotted = f"{base}.{node.attr}" if base else ""
        elif isinstance(node, ast.Name):
            dotted = self.imports.get(node.id, "")
            if not dotted and self._star and node.id in DSL_STAR:
                dotted = f"kfp.dsl.{node.id}"
        else:
            return ""
        if dotted.startswith("kfp.v2."):
            dotted = "kfp." + dotted.removeprefix("kfp.v2.")
        return IN_DSL.sub("kfp.dsl.", dotted) if dotted.startswith("kfp.dsl.") else dotted

    def is_named_tuple(self, name: str) -> bool:
        """Whether a class of this module is a named tuple."""
        bases = self.classes[name].bases if name in self.classes else []
        return any(ast.unparse(base).rpartition(".")[2] == "NamedTuple" for base in bases)


def constant_text(node: ast.expr, names: Names) -> str | None:
    """The text of a literal, or of a name that stands for one; None if the source does not say."""
    if isinstance(node, ast.Name):
        node = names.constants.get(node.id, node)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def guarded_lines(tree: ast.AST, errors: Set[str]) -> set[int]:
    """Lines inside a `try` that catches one of these errors (or everything): a failure there is foreseen."""
    lines: set[int] = set()
    for node in walk(tree):
        if not isinstance(node, ast.Try):
            continue
        caught: set[str] = set()
        for handler in node.handlers:
            kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
            caught |= {ast.unparse(kind).rpartition(".")[2] if kind else "BaseException" for kind in kinds}
        if caught & (errors | {"Exception", "BaseException"}):
            for statement in node.body:
                lines.update(range(statement.lineno, (statement.end_lineno or statement.lineno) + 1))
    return lines
