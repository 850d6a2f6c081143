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
    """

    def __init__(self, node: ast.FunctionDef) -> None:
        self.name = node.name
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


def find_component(source: str, name: str) -> Signature | None:
    """The component of that name in a module; None if it is none, or the module does not parse."""
    from .mend import is_component

    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError):
        return None
    for node in body:
        if isinstance(node, ast.FunctionDef) and node.name == name and is_component(node):
            return Signature(node)
    return None


def run_helper(signature: Signature) -> str:
    """A test helper `run` that calls the component; empty when the signature does not fix it.

    Each input artifact is a text, in the order of the signature. With one output artifact the helper returns its text,
    with several a tuple of texts; plain parameters go through by name.
    """
    if not signature.plain or not signature.inputs or not signature.outputs:
        return ""
    single = len(signature.inputs) == 1
    texts = ["text"] if single else [f"{name}_text" for name in signature.inputs]
    head = ["tmp_path", *texts] + (["**parameters"] if signature.parameters else [])
    lines = [f"def run({', '.join(head)}):"]
    for (name, kind), text in zip(signature.inputs.items(), texts, strict=True):
        lines.append(f'    (tmp_path / "{name}.csv").write_text({text})')
        lines.append(f'    {name} = dsl.{kind}(name="{name}", uri=str(tmp_path / "{name}.csv"))')
    for name, kind in signature.outputs.items():
        lines.append(f'    {name} = dsl.{kind}(name="{name}", uri=str(tmp_path / "{name}.csv"))')
    passed = [f"{name}={name}" for name in [*signature.inputs, *signature.outputs]]
    passed += ["**parameters"] if signature.parameters else []
    lines.append(f"    {signature.name}.python_func({', '.join(passed)})")
    read = [f'(tmp_path / "{name}.csv").read_text()' for name in signature.outputs]
    lines.append(f"    return {', '.join(read)}")
    return "\n".join(lines) + "\n"
