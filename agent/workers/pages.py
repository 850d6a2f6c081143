"""The part of a documentation page that the code fixes: title, parameters, defaults, docstrings and steps."""

from __future__ import annotations

import ast
import re

from ...tools.syntax import parse_python
from .scaffold import Signature, decorated


def page_head(source: str, name: str, path: str) -> str:
    """How a page on a pipeline or component begins; it ends where the first step or the next section is due.

    Args:
        source: The module.
        name: The function the page is about.
        path: The module's file, relative to the repository.

    Returns:
        Empty when the module has no pipeline or component of that name.
    """
    node = next((item for item in functions(source) if item.name == name), None)
    if node is None:
        return ""
    kind = "pipeline" if decorated(node, "pipeline") else "component"
    parts = [f"# {name.replace('_', ' ').capitalize()}", f"The {kind} `{name}` is in `{path}`."]
    about = summary_of(node)
    if about:
        parts[-1] += f" {about}"
    rows = parameter_rows(node)
    if rows:
        head = ["| Name | Type | Default | Meaning |", "|---|---|---|---|"]
        parts += ["## Parameters", "\n".join([*head, *rows])]
    steps = steps_of(source, node) if kind == "pipeline" else []
    parts.append("## Steps\n\n1. `" + steps[0] + "`" if steps else "## ")
    return "\n\n".join(parts)


def functions(source: str) -> list[ast.FunctionDef]:
    """The pipelines and components of a module."""
    try:
        body = parse_python(source).body
    except (SyntaxError, ValueError):
        return []
    return [node for node in body if isinstance(node, ast.FunctionDef) and decorated(node, "component", "pipeline")]


def summary_of(node: ast.FunctionDef) -> str:
    """The first line of the docstring."""
    return (ast.get_docstring(node) or "").split("\n")[0].strip()


def parameter_rows(node: ast.FunctionDef) -> list[str]:
    """A table row for each parameter: name, annotation, default (`-` for none), what the docstring says."""
    meanings = meanings_of(node)
    defaults = Signature(node).defaults
    rows = []
    for argument in [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]:
        kind = ast.unparse(argument.annotation) if argument.annotation else ""
        default = f"`{defaults[argument.arg]}`" if argument.arg in defaults else "-"
        meaning = meanings.get(argument.arg, "")
        rows.append(
            "| " + " | ".join(cell.replace("|", "\\|") for cell in (f"`{argument.arg}`", kind, default, meaning)) + " |"
        )
    return rows


def meanings_of(node: ast.FunctionDef) -> dict[str, str]:
    """Parameter -> what the docstring says of it, in one line."""
    import docstring_parser

    told = docstring_parser.parse(ast.get_docstring(node) or "").params
    return {item.arg_name: " ".join((item.description or "").split()) for item in told}


def steps_of(source: str, node: ast.FunctionDef) -> list[str]:
    """The imported functions a pipeline calls, in order: its steps."""
    body = parse_python(source).body
    imported = {alias.asname or alias.name for item in body if isinstance(item, ast.ImportFrom) for alias in item.names}
    calls = [item for item in ast.walk(node) if isinstance(item, ast.Call) and isinstance(item.func, ast.Name)]
    calls.sort(key=lambda call: (call.lineno, call.col_offset))
    names = [call.func.id for call in calls if isinstance(call.func, ast.Name)]
    return [name for name in dict.fromkeys(names) if name in imported]


def facts_of(source: str) -> list[str]:
    """What a page on a module's pipelines and components must say, one sentence each, read from the code."""
    facts = []
    for node in functions(source):
        signature = Signature(node)
        kinds = {item.arg: ast.unparse(item.annotation) for item in node.args.args if item.annotation}
        told = [
            f"`{name}` ({kinds.get(name, 'any')}, {f'default {default}' if default else 'no default'})"
            for name in signature.parameters
            for default in [signature.defaults.get(name, "")]
        ]
        if told:
            facts.append(f"The parameters of `{node.name}`: {', '.join(told)}.")
        steps = steps_of(source, node) if decorated(node, "pipeline") else []
        if steps:
            facts.append(f"The steps of `{node.name}`, in order: {', '.join(f'`{name}`' for name in steps)}.")
        columns = written_columns(node)
        if columns:
            facts.append(f"The columns that `{node.name}` writes: {', '.join(f'`{name}`' for name in columns)}.")
    return facts


def written_columns(node: ast.FunctionDef) -> list[str]:
    """The header that a component writes, else the first list of two or more plain names in its body."""
    lists = [names_in(item) for part in node.body for item in ast.walk(part)]
    return header_of(node) or next((names for names in lists if names), [])


def header_of(node: ast.FunctionDef) -> list[str]:
    """The header of the table that a component surely writes: its first row, its field names or its first line."""
    assigned = settled(node)
    for call in [item for item in ast.walk(node) if isinstance(item, ast.Call)]:
        called = ast.unparse(call.func)
        given = call.args[:1] if called.endswith(".writerow") or called in ("','.join", '",".join') else []
        for value in [*given, *field_names(call)]:
            if names := names_in(assigned.get(ast.unparse(value), value)):
                return names
        lines = [value.value for value in call.args if isinstance(value, ast.Constant)]
        for line in lines if called.endswith(".write") else []:
            if isinstance(line, str) and re.fullmatch(r"[A-Za-z_]\w*(?:,[A-Za-z_]\w*)+\n", line):
                return line.strip().split(",")
    return []


def field_names(call: ast.Call) -> list[ast.expr]:
    """What a csv.DictWriter is given as its columns; empty for any other call."""
    if ast.unparse(call.func).rpartition(".")[2] != "DictWriter":
        return []
    return [word.value for word in call.keywords if word.arg == "fieldnames"] or call.args[1:2]


def settled(node: ast.FunctionDef) -> dict[str, ast.expr]:
    """Name -> its value, for names that a function binds once and does not add to."""
    found: dict[str, ast.expr] = {}
    changed: set[str] = set()
    for item in ast.walk(node):
        if isinstance(item, ast.Assign):
            names = {ast.unparse(target) for target in item.targets}
            changed |= names & set(found)
            found |= dict.fromkeys(names, item.value)
        elif isinstance(item, ast.AugAssign):
            changed.add(ast.unparse(item.target))
        elif isinstance(item, ast.Call) and isinstance(item.func, ast.Attribute):
            changed |= (
                {ast.unparse(item.func.value)} if item.func.attr in ("append", "extend", "insert", "remove") else set()
            )
    return {name: value for name, value in found.items() if name not in changed}


def names_in(node: ast.AST) -> list[str]:
    """The plain names in a list or tuple of nothing else, if they are two or more."""
    if not isinstance(node, ast.List | ast.Tuple) or len(node.elts) < 2:
        return []
    names = [part.value for part in node.elts if isinstance(part, ast.Constant) and isinstance(part.value, str)]
    return names if len(names) == len(node.elts) and all(name.isidentifier() for name in names) else []
