"""K24: a file that a component uses after the `with` block that opened it."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from .kfp_source import Definition, Problem, Source, at, short

OF_FILES = {"read", "readline", "readlines", "write", "writelines", "seek", "flush", "truncate"}
OF_WRITERS = {"writerow", "writerows", "writeheader"}
LAZY = {"csv.reader", "csv.DictReader", "csv.writer", "csv.DictWriter"}
"""What is made of a file and reads or writes it only later."""
TAKES = {
    *("json.load", "json.dump", "pickle.load", "pickle.dump", "yaml.safe_load", "yaml.load", "yaml.safe_dump"),
    *("yaml.dump", "tomllib.load", "joblib.load", "joblib.dump", "list", "tuple", "set", "sorted", "next", "sum"),
    *("enumerate", "zip", "map", "filter", "min", "max", "any", "all"),
}
"""Calls that read or write what they are given, by position."""


def problems(source: Source) -> Iterator[Problem]:
    """The files that lightweight components of a module use when they are closed."""
    for item in source.definitions:
        if item.kind == "component":
            for body in blocks(item.node):
                for place, statement in enumerate(body):
                    if isinstance(statement, ast.With):
                        yield from used_after(item, statement, body[place + 1 :])


def blocks(node: ast.AST) -> Iterator[list[ast.stmt]]:
    """All lists of statements of a function, without those of functions and classes inside."""
    for name in ("body", "orelse", "finalbody", "handlers", "cases"):
        inner = getattr(node, name, None)
        if not isinstance(inner, list):
            continue
        if inner and isinstance(inner[0], ast.stmt):
            yield inner
        for child in inner:
            if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                yield from blocks(child)


def used_after(item: Definition, block: ast.With, after: list[ast.stmt]) -> Iterator[Problem]:
    """The first use of each file that a block opened, in the statements that surely come after it.

    Only those of the same list are looked at: elsewhere the name may stand for something else. What is in a `try` may
    expect the error.
    """
    for name, made_of in opened_by(block):
        for statement in after:
            inner = list(outside_functions(statement))
            named = [node for node in inner if isinstance(node, ast.Name) and node.id == name]
            if any(not isinstance(node.ctx, ast.Load) for node in named) or isinstance(statement, ast.Try):
                break
            use = next((node for node in inner if uses(node, name)), None) if named else None
            if use is not None:
                file = f"`{name}`" if name == made_of else f"`{made_of}` through `{name}`"
                yield at(
                    use,
                    "K24",
                    f"component `{item.name}` uses {file} in `{short(use)}` after the block that opened it "
                    f"(line {block.lineno}): the file is closed there, and the step fails with a ValueError. Do it "
                    "inside the block, or keep what you need in a list.",
                )
                break


def outside_functions(node: ast.AST) -> Iterator[ast.AST]:
    """A node and all in it, without functions and classes: there the name may be a parameter."""
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
        yield node
        for child in ast.iter_child_nodes(node):
            yield from outside_functions(child)


def opened_by(block: ast.With) -> Iterator[tuple[str, str]]:
    """Name -> the file behind it: files that a block opens, and what is made of them in it and bound to a name."""
    for item in block.items:
        call, name = item.context_expr, item.optional_vars
        opens = isinstance(call, ast.Call) and ast.unparse(call.func).rpartition(".")[2] == "open"
        if not opens or not isinstance(name, ast.Name):
            continue
        yield name.id, name.id
        for statement in block.body:
            if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
                made = statement.value
                first = made.args[:1] if isinstance(made, ast.Call) and ast.unparse(made.func) in LAZY else []
                if any(is_name(argument, name.id) for argument in first):
                    yield statement.targets[0].id, name.id


def uses(node: ast.AST, name: str) -> bool:
    """Whether it reads or writes the file, or what was made of it, and does not only mention it."""
    if isinstance(node, ast.For):
        return is_name(node.iter, name)
    if isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
        return any(is_name(part.iter, name) for part in node.generators)
    if not isinstance(node, ast.Call):
        return False
    if isinstance(node.func, ast.Attribute) and is_name(node.func.value, name):
        return node.func.attr in OF_FILES | OF_WRITERS
    return ast.unparse(node.func) in TAKES | LAZY and any(is_name(argument, name) for argument in node.args)


def is_name(node: ast.expr, name: str) -> bool:
    """Whether an expression is just this name."""
    return isinstance(node, ast.Name) and node.id == name
