"""Types of a signature that a task gives without them, where the task or the repository leaves no doubt.

`double(orders, doubled, times=2)`: reads the CSV `orders`, writes to `doubled`, so one is an input, one an output, and
the default says the rest. A small model that has to find these out mixes them up, or invents a type.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from pathlib import Path

from ...tools import search
from ..planner.paths import role_of_path
from .scaffold import decorated

READS = r"\b(?:reads?|takes?|loads?|opens?|given)\b[^`.;:]{{0,40}}`{name}`"
WRITES = (
    r"\b(?:writes?|saves?|stores?|puts?|logs?)\b[^.;:]{{0,60}}?\b(?:in)?to\s+(?:the\s+)?(?:\w+\s+){{0,3}}`{name}`",
    r"\b(?:writes?|saves?|stores?|logs?)\s+(?:an?\s+|the\s+)?(?:\w+\s+){{0,3}}`{name}`",
)
PAGE = r"`{name}`,?\s+(?:(?:as|an?|in)\s+)*(?P<kind>Markdown|HTML)\b"
PLAIN = ("str", "int", "float", "bool")


def with_types(arguments: str, kind: str, text: str, known: Mapping[str, str]) -> str:
    """The parameters of a signature with the types that are certain.

    Args:
        arguments: What stands between the brackets.
        kind: `component` or `pipeline`.
        text: What the task says.
        known: Parameter -> the one type it has in the repository.

    Returns:
        The same again where a parameter stays without a type: one that is made up is worse than none.
    """
    try:
        (node,) = ast.parse(f"def f({arguments}): ...").body
    except (SyntaxError, ValueError):
        return arguments
    if not isinstance(node, ast.FunctionDef):
        return arguments
    spec = node.args
    positional = [*spec.posonlyargs, *spec.args]
    given = dict(zip([item.arg for item in positional[::-1]], spec.defaults[::-1], strict=False))
    given |= {item.arg: value for item, value in zip(spec.kwonlyargs, spec.kw_defaults, strict=True) if value}
    for item in [*positional, *spec.kwonlyargs]:
        if item.annotation is None:
            found = type_of_default(given.get(item.arg)) or (artifact_of(item.arg, text) if kind == "component" else "")
            found = found or known.get(item.arg, "") or ("str" if item.arg.endswith("_uri") else "")
            if not found:
                return arguments
            item.annotation = ast.parse(found, mode="eval").body
    return ast.unparse(spec)


def type_of_default(value: ast.expr | None) -> str:
    """The type of a literal that KFP takes as a parameter; empty for anything else."""
    try:
        found = type(ast.literal_eval(value)).__name__ if value is not None else ""
    except ValueError:
        return ""
    return found if found in PLAIN else ""


def artifact_of(name: str, text: str) -> str:
    """What a component reads or writes under a name, by what its task says; empty where it says neither, or both."""
    read = re.search(READS.format(name=name), text, re.I)
    written = any(re.search(pattern.format(name=name), text, re.I) for pattern in WRITES)
    if bool(read) == written:
        return ""
    page = re.search(PAGE.format(name=name), text)
    kinds = {"metrics": "Metrics", "model": "Model"}
    kind = page["kind"] if page else kinds.get(name.rpartition("_")[2], "Dataset")
    return f"dsl.{'Input' if read else 'Output'}[dsl.{kind}]"


def types_in(root: Path) -> dict[str, str]:
    """Plain parameters of the components and pipelines of a repository that have the same type everywhere."""
    found: dict[str, set[str]] = {}
    for path in search.files(root, glob="*.py"):
        if role_of_path(path) == "code":
            try:
                body = ast.parse((root / path).read_text(encoding="utf-8", errors="replace")).body
            except (SyntaxError, ValueError):
                continue
            for node in body:
                if isinstance(node, ast.FunctionDef) and decorated(node, "component", "pipeline"):
                    for item in [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]:
                        kind = ast.unparse(item.annotation) if item.annotation else ""
                        found.setdefault(item.arg, set()).add(kind)
    return {name: kind for name, kinds in found.items() if len(kinds) == 1 and (kind := min(kinds)) in PLAIN}
