"""Repairs how the tasks of a drafted pipeline are wired, where the signatures of its components leave one way only.

What is replaced would surely fail while the pipeline is compiled: `task.output` of a task with several outputs, an
output that the task does not have, an output's bare name, a task where its output is meant, a parameter with a URI
where an artifact is meant, an output given as an argument, an argument under another name than the one that is lacking,
a `return` of a pipeline that says to return nothing. Where more than one would fit, nothing is changed. What else is
removed, `task.output.path = …`, KFP takes and does nothing with.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator, Mapping
from pathlib import Path

from ...tools.kfp_rules_decisions import OF_ARTIFACTS
from ...tools.syntax import parse_python
from .scaffold import AS_FILES, Signature, components_of, decorated
from .sources import code_sources

IMPORTER = {"artifact": "Artifact"}
"""What the task of a dsl.importer gives; its type is that of the call."""

Outputs = dict[str, str]
"""The outputs of a task: name -> type."""


def known_components(root: Path) -> dict[str, Signature]:
    """The components of a repository, by name; a name that two have is left out."""
    found: dict[str, list[Signature]] = {}
    for _, source in code_sources(root):
        for signature in components_of(source):
            found.setdefault(signature.name, []).append(signature)
    return {name: signatures[0] for name, signatures in found.items() if len(signatures) == 1}


def wired(source: str, components: Mapping[str, Signature]) -> str:
    """The module with the references to outputs mended that can only mean one of them.

    Args:
        source: A module with pipelines. One that does not parse comes back as it is.
        components: The components that it may call, by name.
    """
    source = called_right(source, components)
    try:
        tree = parse_python(source)
    except (SyntaxError, ValueError):
        return source
    bound = {name for node in ast.walk(tree) for name in bindings(node)} | {*vars(builtins), *components}
    changes: dict[tuple[int, int, int, int], str] = {}
    new: dict[int, list[str]] = {}
    lost: list[ast.stmt] = []
    for function in tree.body:
        if isinstance(function, ast.FunctionDef) and decorated(function, "pipeline"):
            tasks = tasks_of(function, components)
            imported = importers_of(function)
            for node, wanted in uses(function, components):
                text = meant(node, wanted, tasks, bound)
                if not text and "dsl" in bound and is_uri(node, wanted[1], function):
                    parameter = ast.unparse(node)
                    if parameter not in imported:
                        imported[parameter] = f"imported_{parameter}"
                        made = f"dsl.importer(artifact_uri={parameter}, artifact_class=dsl.{wanted[1]})"
                        new.setdefault(place_in(function), []).append(f"imported_{parameter} = {made}")
                    text = f"{imported[parameter]}.output"
                if text and node.end_lineno is not None and node.end_col_offset is not None:
                    changes[(node.lineno, node.col_offset, node.end_lineno, node.end_col_offset)] = text
            lost += [node for node in function.body if is_lost(node, tasks)]
            if function.returns is None:
                lost += [node for node in function.body[1:] if isinstance(node, ast.Return) and node.value is not None]
    lines = source.encode().splitlines(keepends=True)
    for (line, start, last, end), text in sorted(changes.items(), reverse=True):
        if line == last:
            row = lines[line - 1]
            lines[line - 1] = row[:start] + text.encode() + row[end:]
    for statement in lost:
        for at in range(statement.lineno - 1, statement.end_lineno or statement.lineno):
            lines[at] = b""
    for line, added in sorted(new.items(), reverse=True):
        first = lines[line - 1].decode()
        indent = first[: len(first) - len(first.lstrip())]
        lines[line - 1 : line - 1] = [f"{indent}{text}\n".encode() for text in added]
    return b"".join(lines).decode()


def called_right(source: str, components: Mapping[str, Signature]) -> str:
    """The module with the arguments of its steps named as the components name them, where that is certain.

    One with an unknown name stands for the one input that the call lacks. An argument that names an output is left out
    otherwise: KFP makes the outputs.
    """
    try:
        tree = parse_python(source)
    except (SyntaxError, ValueError):
        return source
    for call in ast.walk(tree):
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in components):
            continue
        arguments = named_right(call, components[call.func.id])
        if arguments != [(item.arg, item.value) for item in call.keywords] and call.end_lineno:
            call.keywords = [ast.keyword(arg=name, value=value) for name, value in arguments]
            lines = source.encode().splitlines(keepends=True)
            before, after = lines[call.lineno - 1][: call.col_offset], lines[call.end_lineno - 1][call.end_col_offset :]
            lines[call.lineno - 1 : call.end_lineno] = [before + ast.unparse(call).encode() + after]
            return called_right(b"".join(lines).decode(), components)
    return source


def named_right(call: ast.Call, signature: Signature) -> list[tuple[str | None, ast.expr]]:
    """The keyword arguments of a step as they are meant."""
    arguments = [(item.arg, item.value) for item in call.keywords]
    if call.args or any(name is None for name, _ in arguments):
        return arguments
    unknown = [name for name, _ in arguments if name not in signature.takes]
    strange = [name for name in unknown if name not in signature.outputs] or unknown
    given = {name for name, _ in arguments}
    lacking = [name for name in signature.takes if name not in given and name not in signature.defaults]
    if len(strange) == len(lacking) == 1:
        arguments = [(lacking[0] if name == strange[0] else name, value) for name, value in arguments]
    return [item for item in arguments if item[0] not in signature.outputs or item[0] in signature.takes]


def is_lost(node: ast.stmt, tasks: Mapping[str, Outputs]) -> bool:
    """Whether a statement sets the path, uri or metadata of an output, of which nothing comes (lint rule K21)."""
    target = node.targets[0] if isinstance(node, ast.Assign) and len(node.targets) == 1 else None
    if not isinstance(target, ast.Attribute) or target.attr not in OF_ARTIFACTS:
        return False
    of = target.value.value if isinstance(target.value, ast.Subscript) else target.value
    named = isinstance(of, ast.Attribute) and of.attr in ("output", "outputs") and isinstance(of.value, ast.Name)
    return named and ast.unparse(of).partition(".")[0] in tasks


def is_uri(node: ast.expr, kind: str, function: ast.FunctionDef) -> bool:
    """Whether a text parameter of a pipeline is given to an input that takes an artifact of KFP's own types."""
    texts = [item.arg for item in function.args.args if item.annotation and ast.unparse(item.annotation) == "str"]
    return isinstance(node, ast.Name) and node.id in texts and kind in AS_FILES


def importers_of(function: ast.FunctionDef) -> dict[str, str]:
    """The tasks of a pipeline that import what a parameter names: parameter -> task."""
    found: dict[str, str] = {}
    for node in function.body:
        if not (isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)):
            continue
        call = node.value
        if isinstance(call, ast.Call) and ast.unparse(call.func).rpartition(".")[2] == "importer":
            uris = [ast.unparse(item.value) for item in call.keywords if item.arg == "artifact_uri"]
            found |= dict.fromkeys([*uris, *(ast.unparse(value) for value in call.args[:1])], node.targets[0].id)
    return found


def place_in(function: ast.FunctionDef) -> int:
    """The line of the first statement of a function after its docstring."""
    documented = ast.get_docstring(function) is not None and len(function.body) > 1
    return function.body[1 if documented else 0].lineno


def bindings(node: ast.AST) -> list[str]:
    """The names that a node binds anywhere in a module; where they count is not looked at."""
    if isinstance(node, ast.Name):
        return [] if isinstance(node.ctx, ast.Load) else [node.id]
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.Import | ast.ImportFrom):
        return [(alias.asname or alias.name).partition(".")[0] for alias in node.names]
    return [node.arg] if isinstance(node, ast.arg) else []


def tasks_of(function: ast.FunctionDef, components: Mapping[str, Signature]) -> dict[str, Outputs]:
    """The names in a pipeline that stand for one task, with its outputs."""
    found: dict[str, Outputs] = {}
    often: set[str] = set()
    for node in ast.walk(function):
        if not isinstance(node, ast.Assign) or len(node.targets) != 1 or not isinstance(node.targets[0], ast.Name):
            continue
        name, outputs = node.targets[0].id, outputs_of(node.value, components)
        if name in found or outputs is None:
            often.add(name)
        else:
            found[name] = outputs
    return {name: outputs for name, outputs in found.items() if name not in often}


def outputs_of(value: ast.expr, components: Mapping[str, Signature]) -> Outputs | None:
    """What the task has that an expression makes; None for anything else."""
    while (
        isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and isinstance(value.func.value, ast.Call)
    ):
        value = value.func.value  # task(…).set_retry(…)
    if not isinstance(value, ast.Call):
        return None
    called = ast.unparse(value.func)
    if called.rpartition(".")[2] == "importer":
        kinds = [ast.unparse(item.value).rpartition(".")[2] for item in value.keywords if item.arg == "artifact_class"]
        return {"artifact": kinds[0]} if kinds else dict(IMPORTER)
    return components[called].gives if called in components else None


def uses(function: ast.FunctionDef, components: Mapping[str, Signature]) -> Iterator[tuple[ast.expr, tuple[str, str]]]:
    """Expressions that may refer to an output, with the name and the type of what they are given to."""
    told: dict[int, tuple[str, str]] = {}
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in components:
            takes = components[node.func.id].takes
            told |= {id(item.value): (item.arg or "", takes.get(item.arg or "", "")) for item in node.keywords}
        elif isinstance(node, ast.Compare) and len(node.comparators) == 1:
            other = node.comparators[0]
            if isinstance(other, ast.Constant):
                told[id(node.left)] = ("", type(other.value).__name__)
    for node in ast.walk(function):
        if isinstance(node, ast.Name | ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Load):
            yield node, told.get(id(node), ("", ""))


def meant(node: ast.expr, wanted: tuple[str, str], tasks: Mapping[str, Outputs], bound: set[str]) -> str:
    """What stands for an expression instead; empty to leave it."""
    if isinstance(node, ast.Name):
        if node.id in tasks:
            output = fitting_output(tasks[node.id], wanted) if wanted[1] else ""
            return text_of(node.id, output, tasks) if output else ""
        owners = [task for task, outputs in tasks.items() if node.id in outputs]
        return text_of(owners[0], node.id, tasks) if node.id not in bound and len(owners) == 1 else ""
    key = ""
    if isinstance(node, ast.Subscript):
        part, index = node.value, node.slice
        if not (isinstance(part, ast.Attribute) and part.attr == "outputs" and isinstance(index, ast.Constant)):
            return ""
        node, key = part, str(index.value)
    elif not (isinstance(node, ast.Attribute) and node.attr == "output"):
        return ""
    if not (isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in tasks):
        return ""
    task, outputs = node.value.id, tasks[node.value.id]
    if key in outputs or (not key and len(outputs) == 1):
        return ""
    output = fitting_output(outputs, wanted)
    return text_of(task, output, tasks) if output else ""


def fitting_output(outputs: Outputs, wanted: tuple[str, str]) -> str:
    """The one output of a task that is meant where something of a name and a type is wanted; empty if none is."""
    name, kind = wanted
    fitting = [output for output, of in outputs.items() if kind and fits(of, kind)]
    if name in fitting:
        return name
    if not kind and len(outputs) == 1:
        fitting = list(outputs)
    return fitting[0] if len(fitting) == 1 else ""


def fits(given: str, taken: str) -> bool:
    """Whether an output of one type may go into an input of another."""
    return given == taken or (taken == "Artifact" and given[:1].isupper()) or (given == "int" and taken == "float")


def text_of(task: str, output: str, tasks: Mapping[str, Outputs]) -> str:
    """How an output is written."""
    return f"{task}.output" if len(tasks[task]) == 1 else f'{task}.outputs["{output}"]'
