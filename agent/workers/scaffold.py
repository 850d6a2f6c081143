"""The part of a component's test that its signature fixes: artifacts made, `python_func` called, output read."""

from __future__ import annotations

import ast
import re

ARTIFACT = re.compile(r"^(?:\w+\.)*(Input|Output)\[(?:\w+\.)*(\w+)\]$")
AS_FILES = ("Dataset", "Artifact", "Model", "HTML", "Markdown")


class Signature:
    """A component's parameters, sorted by what a test has to do for them.

    Attributes:
        inputs: Input artifact -> its type.
        outputs: Output artifact -> its type.
        parameters: Plain parameters.
        plain: Whether all artifacts are files that a test can write and read as text.
        defaults: Parameter -> its default as source text.
        returns: The annotation of what it returns; empty without one.
        columns: Names the body looks up in brackets (`row["status"]`), in order.
    """

    def __init__(self, node: ast.FunctionDef) -> None:
        self.name = node.name
        self.columns = columns_of(node)
        self.inputs: dict[str, str] = {}
        self.outputs: dict[str, str] = {}
        self.parameters: list[str] = []
        self.plain = True
        for argument in [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]:
            text = ast.unparse(argument.annotation) if argument.annotation else ""
            found = ARTIFACT.match(text)
            if found:
                (self.inputs if found.group(1) == "Input" else self.outputs)[argument.arg] = found.group(2)
                self.plain &= found.group(2) in AS_FILES
            elif re.search(r"(Input|Output)(Path)?\b", text):
                self.plain = False
            else:
                self.parameters.append(argument.arg)
        self.defaults = defaults_of(node)
        returns = ast.unparse(node.returns) if node.returns else "None"
        self.returns = "" if returns in ("None", "dsl.ContainerSpec") else returns


def columns_of(node: ast.FunctionDef) -> list[str]:
    """The string keys a function reads with `name["key"]`: for rows of a table, its columns."""
    reads = [
        item
        for item in ast.walk(node)
        if isinstance(item, ast.Subscript)
        and isinstance(item.ctx, ast.Load)
        and isinstance(item.value, ast.Name)
        and isinstance(item.slice, ast.Constant)
        and isinstance(item.slice.value, str)
    ]
    reads.sort(key=lambda item: (item.lineno, item.col_offset))
    return list(dict.fromkeys(str(item.slice.value) for item in reads if isinstance(item.slice, ast.Constant)))


def defaults_of(node: ast.FunctionDef) -> dict[str, str]:
    """Parameters that have a default, with its source text."""
    positional = [*node.args.posonlyargs, *node.args.args]
    late = positional[len(positional) - len(node.args.defaults) :]
    found = {argument.arg: ast.unparse(value) for argument, value in zip(late, node.args.defaults, strict=True)}
    for argument, value in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True):
        if value is not None:
            found[argument.arg] = ast.unparse(value)
    return found


def components_of(source: str) -> list[Signature]:
    """All components of a module."""
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError):
        return []
    return [Signature(node) for node in body if isinstance(node, ast.FunctionDef) and decorated(node, "component")]


def as_step(signature: Signature, module: str) -> str:
    """How a pipeline imports and calls the component, and what it gets from it."""
    passed = [f"{name}=<artifact>" for name in signature.inputs]
    passed += [f"{name}={signature.defaults.get(name, '<value>')}" for name in signature.parameters]
    gives = [f'step.outputs["{name}"]' for name in signature.outputs]
    gives += ["step.output"] if signature.returns and not gives else []
    gives += ['step.outputs["Output"]'] if signature.returns and signature.outputs else []
    got = f"  # gives {', '.join(gives)}" if gives else ""
    return f"from {module} import {signature.name}\nstep = {signature.name}({', '.join(passed)}){got}"


def find_component(source: str, name: str) -> Signature | None:
    """The component of that name in a module; None if there is none, or the module does not parse."""
    return next((signature for signature in components_of(source) if signature.name == name), None)


def run_helper(signature: Signature) -> str:
    """A test helper `run` that calls the component in a folder of its own; empty when the signature does not fix it.

    Each input artifact is a text, in the order of the signature. With one output artifact the helper returns its text,
    with several a tuple of texts; plain parameters go through by name. It needs no fixture, so a test is one line.
    """
    if not signature.plain or not signature.inputs or not signature.outputs:
        return ""
    single = len(signature.inputs) == 1
    texts = ["text"] if single else [f"{name}_text" for name in signature.inputs]
    head = texts + (["**parameters"] if signature.parameters else [])
    lines = [f"def run({', '.join(head)}):"]
    if signature.columns and single:
        sample = ",".join(signature.columns)
        lines.append(f'    """Runs {signature.name} on a CSV text; its first line is the header, such as {sample}."""')
    lines.append("    with TemporaryDirectory() as folder:")
    for name, kind in [*signature.inputs.items(), *signature.outputs.items()]:
        lines.append(f'        {name} = dsl.{kind}(name="{name}", uri=f"{{folder}}/{name}.csv")')
    for name, text in zip(signature.inputs, texts, strict=True):
        lines.append(f"        Path({name}.path).write_text({text})")
    passed = [f"{name}={name}" for name in [*signature.inputs, *signature.outputs]]
    passed += ["**parameters"] if signature.parameters else []
    lines.append(f"        {signature.name}.python_func({', '.join(passed)})")
    lines.append(f"        return {', '.join(f'Path({name}.path).read_text()' for name in signature.outputs)}")
    return "\n".join(lines) + "\n"


def compile_helper(pipeline: str) -> str:
    """A test helper that compiles a pipeline and returns its tasks as the compiled YAML has them."""
    return f"""def compile_tasks(tmp_path):
    package = tmp_path / "{pipeline}.yaml"
    compiler.Compiler().compile(pipeline_func={pipeline}, package_path=str(package))
    return next(yaml.safe_load_all(package.read_text()))["root"]["dag"]["tasks"]
"""


def decorated(node: ast.FunctionDef, *names: str) -> bool:
    """Whether a function has one of these decorators, as `@name`, `@dsl.name`, with or without arguments."""
    for decorator in node.decorator_list:
        target = decorator.func if isinstance(decorator, ast.Call) else decorator
        if (target.attr if isinstance(target, ast.Attribute) else getattr(target, "id", "")) in names:
            return True
    return False
