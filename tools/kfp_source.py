"""A Python module as the KFP rules see it: its components, its pipelines, what their parameters are."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

from .findings import Severity
from .kfp_names import Names, walk
from .syntax import parse_python

Function = ast.FunctionDef | ast.AsyncFunctionDef
DECORATORS = {
    "kfp.dsl.component": "component",
    "kfp.dsl.container_component": "container",
    "kfp.dsl.notebook_component": "container",
    "kfp.dsl.pipeline": "pipeline",
}
PARAMETER_TYPES = {"str", "int", "float", "bool", "dict", "list", "Dict", "List", "String", "Integer", "Float", "Bool"}


class Problem(NamedTuple):
    """What a rule has found in a module; without a severity it is the rule's own."""

    rule: str
    line: int
    column: int
    message: str
    severity: Severity | None = None


def at(node: ast.AST, rule: str, message: str, severity: Severity | None = None) -> Problem:
    """A problem at the place of a node."""
    return Problem(rule, getattr(node, "lineno", 1), getattr(node, "col_offset", 0) + 1, message, severity)


@dataclass(frozen=True)
class Definition:
    """A function that becomes a component or a pipeline.

    Attributes:
        node: The function.
        kind: What the decorator makes of it.
        settings: The arguments of the decorator by name.
        settled: Every argument of the decorator has a name, so what is not in `settings` is not set.
    """

    node: Function
    kind: Literal["component", "container", "pipeline"]
    settings: dict[str, ast.expr]
    settled: bool

    @property
    def name(self) -> str:
        """The name in Python."""
        return self.node.name

    @property
    def first_line(self) -> int:
        """The line of the first decorator."""
        return min([self.node.lineno, *(item.lineno for item in self.node.decorator_list)])

    @property
    def alone(self) -> bool:
        """Whether the step runs only the source of the function, and the decorator says so outright."""
        whole_image = self.settings.get("target_image")  # then the module is in the image, not only the function
        return self.kind == "component" and self.settled and (whole_image is None or is_none(whole_image))

    @cached_property
    def parameters(self) -> list[ast.arg]:
        """The parameters."""
        return parameters_of(self.node)

    @cached_property
    def defaults(self) -> dict[str, ast.expr]:
        """The parameters that have a default value."""
        arguments = self.node.args
        positional = [*arguments.posonlyargs, *arguments.args]
        pairs = list(zip(reversed(positional), reversed(arguments.defaults), strict=False))
        pairs += [
            (item, value) for item, value in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if value
        ]
        return {item.arg: value for item, value in pairs}


class Source:
    """A parsed module.

    Args:
        text: Its source.

    Raises:
        SyntaxError, ValueError: It does not parse.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.tree = parse_python(text)
        self.nodes = walk(self.tree)
        self.names = Names(self.tree)
        self.definitions = list(self._definitions())

    def _definitions(self) -> Iterator[Definition]:
        for node in self.nodes:
            if not isinstance(node, Function):
                continue
            for decorator in node.decorator_list:
                call = decorator if isinstance(decorator, ast.Call) else None
                kind = DECORATORS.get(self.names.resolve(call.func if call else decorator))
                if kind is None:
                    continue
                keywords = call.keywords if call else []
                settings = {keyword.arg: keyword.value for keyword in keywords if keyword.arg}
                settled = len(settings) == len(keywords) and not (call and call.args)
                yield Definition(node, kind, settings, settled)  # type: ignore[arg-type]
                break

    @cached_property
    def components(self) -> dict[str, Definition]:
        """Components of the module by name; names that are defined twice settle nothing and are left out."""
        found = [item for item in self.definitions if item.kind != "pipeline"]
        names = [item.name for item in found]
        return {item.name: item for item in found if names.count(item.name) == 1}

    @property
    def pipelines(self) -> list[Definition]:
        """The pipelines."""
        return [item for item in self.definitions if item.kind == "pipeline"]

    def output_kind(self, parameter: ast.arg) -> Literal["", "artifact", "parameter"]:
        """Whether a parameter of a component is an output of it, and of which sort."""
        note = parameter.annotation
        if isinstance(note, ast.Subscript) and self.names.resolve(note.value) in ("kfp.dsl.Output",):
            return "artifact"
        if isinstance(note, ast.Call) and self.names.resolve(note.func) == "kfp.dsl.OutputPath":
            given = ast.unparse(note.args[0]).strip("'\"").rpartition(".")[2] if note.args else ""
            return "parameter" if given.partition("[")[0] in PARAMETER_TYPES else "artifact"
        return ""

    def is_parameter(self, returns: ast.expr) -> bool:
        """Whether a return annotation stands for values, not for an artifact."""
        if isinstance(returns, ast.Name) and self.names.is_named_tuple(returns.id):
            return True
        outer = returns.value if isinstance(returns, ast.Subscript) else returns
        name = ast.unparse(outer.func if isinstance(outer, ast.Call) else outer).strip("'\"").rpartition(".")[2]
        return name in PARAMETER_TYPES | {"NamedTuple"}

    def gives_artifact(self, component: Definition, output: str) -> bool:
        """Whether an output of a component is surely an artifact."""
        if output == "Output" and component.node.returns is not None:
            return self.names.resolve(component.node.returns) in {f"kfp.dsl.{name}" for name in ARTIFACTS}
        found = [item for item in component.parameters if item.arg == output]
        if output == "":  # the one output there is
            found = [item for item in component.parameters if self.output_kind(item)]
            if component.node.returns is not None and not is_none(component.node.returns):
                return not found and self.gives_artifact(component, "Output")
        return len(found) == 1 and self.output_kind(found[0]) == "artifact"


ARTIFACTS = ("Artifact", "Dataset", "Model", "Metrics", "ClassificationMetrics", "HTML", "Markdown")


def parameters_of(function: Function) -> list[ast.arg]:
    """All parameters that can be given by name."""
    return [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]


def is_none(node: ast.expr | None) -> bool:
    """Whether an expression is the literal None."""
    return isinstance(node, ast.Constant) and node.value is None


def own_nodes(function: Function) -> Iterator[ast.AST]:
    """All nodes of a function's body without those inside nested functions and classes."""
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
            waiting.extend(ast.iter_child_nodes(node))


def short(node: ast.AST, limit: int = 60) -> str:
    """An expression as text, on one line and not too long."""
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= limit else text[: limit - 1] + "…"
