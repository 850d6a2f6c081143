"""K23: an output that a component reads before it has written it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from .kfp_source import Definition, Function, Problem, Source, at, own_nodes, short

READERS = re.compile(
    r"(?:^|\.)(?:read_(?:csv|json|parquet|table|excel|feather|pickle|fwf|text|bytes)|loadtxt|genfromtxt)$"
)
TEXT_OF = ("read_text", "read_bytes", "open")


def problems(source: Source) -> Iterator[Problem]:
    """The outputs of a module's lightweight components whose first use is to read them."""
    for item in source.definitions:
        if item.kind == "component":
            yield from read_first(item, source)


def read_first(item: Definition, source: Source) -> Iterator[Problem]:
    """Outputs of one component that nothing has written when they are read: there is no such file.

    Only the first mention of an output counts, and only where it surely reads. Whatever comes first elsewhere may
    write, and what stands in a `try` may expect the file to be missing.
    """
    function = item.node
    tried = {id(inner) for node in own_nodes(function) if isinstance(node, ast.Try) for inner in ast.walk(node)}
    calls = [node for node in own_nodes(function) if isinstance(node, ast.Call)]
    for parameter in item.parameters:
        if not source.output_kind(parameter):
            continue
        path = parameter.arg if isinstance(parameter.annotation, ast.Call) else f"{parameter.arg}.path"
        first = first_mention(function, parameter.arg)
        call = next((node for node in calls if first is not None and reads(node, path) and holds(node, first)), None)
        if call is not None and id(call) not in tried:
            yield at(
                call,
                "K23",
                f"component `{item.name}` reads its output `{parameter.arg}` with `{short(call)}` before it has "
                "written it: there is no such file yet, and the step fails. Read an input, or open it for writing.",
            )


def first_mention(function: Function, name: str) -> ast.Name | None:
    """Where a function uses a parameter first; nested functions count where they stand."""
    uses = [
        node for inner in function.body for node in ast.walk(inner) if isinstance(node, ast.Name) and node.id == name
    ]
    return min(uses, key=lambda node: (node.lineno, node.col_offset), default=None)


def holds(call: ast.Call, name: ast.Name) -> bool:
    """Whether a name is part of what a call is given, or of what it is called on."""
    return any(node is name for node in ast.walk(call))


def reads(call: ast.Call, path: str) -> bool:
    """Whether a call reads the file at a path: `open(p)`, `pandas.read_csv(p)`, `Path(p).read_text()`."""
    called = ast.unparse(call.func)
    if called == "open" or READERS.search(called):
        given = call.args[0] if call.args else None
        return given is not None and ast.unparse(given) == path and (called != "open" or only_reads(call, 1))
    if isinstance(call.func, ast.Attribute) and call.func.attr in TEXT_OF and isinstance(call.func.value, ast.Call):
        made = call.func.value
        of_path = ast.unparse(made.func).rpartition(".")[2] == "Path" and [ast.unparse(a) for a in made.args] == [path]
        return of_path and (call.func.attr != "open" or only_reads(call, 0))
    return False


def only_reads(call: ast.Call, place: int) -> bool:
    """Whether the mode of an `open` needs the file to be there: none, or one with r."""
    given = [item.value for item in call.keywords if item.arg == "mode"] or call.args[place : place + 1]
    if not given:
        return not any(item.arg is None for item in call.keywords)
    mode = given[0].value if isinstance(given[0], ast.Constant) else None
    return isinstance(mode, str) and "r" in mode
