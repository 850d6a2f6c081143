"""Types of a signature that a task gives without them, where the task or the repository leaves no doubt.

`double(orders, doubled, times=2)`: reads the CSV `orders`, writes to `doubled`, so one is an input, one an output, and
the default says the rest. A small model that has to find these out mixes them up, or invents a type.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Set
from pathlib import Path

from pydantic import BaseModel

from ...tools.syntax import parse_expression, parse_python
from .pages import functions
from .sources import code_sources

READS = (
    r"\b(?:reads?|takes?|loads?|opens?|given)\b[^`.;:]{{0,40}}`{name}`",
    r"\binputs?\b:?(?:(?!\boutput|\band\b)[^`.,;:]){{0,40}}`{name}`",
    r"`{name}`,? (?:is|as) (?:an?|the|its) (?:\w+ )?input\b",
)
WRITES = (
    r"\b(?:ends?(?: up)?|lands?|goe?s?|kept|has|have|gets?)\b[^.;:`]{{0,40}}?"
    r"\b(?:in|to|into)\s+(?:the\s+)?(?:\w+\s+){{0,2}}`{name}`",
    r"\b(?:writes?|saves?|stores?|puts?)\b[^.;:`]{{0,60}}?\bin\s+(?:the\s+)?(?:\w+\s+){{0,2}}`{name}`",
    r"\b(?:writes?|saves?|stores?|puts?|logs?)\b[^.;:]{{0,60}}?\b(?:in)?to\s+(?:the\s+)?(?:\w+\s+){{0,3}}`{name}`",
    r"\b(?:writes?|saves?|stores?|logs?)\s+(?:an?\s+|the\s+)?(?:\w+\s+){{0,3}}`{name}`",
    r"\b(?:outputs?|produces?|creates?|makes?)\b:?(?:(?!\binput|\band\b)[^`.,;:]){{0,40}}`{name}`",
    r"`{name}`,? (?:is|as) (?:an?|the|its) (?:\w+ )?output\b",
)
PAGE = r"`{name}`,?\s+(?:(?:as|an?|in)\s+)*(?P<kind>Markdown|HTML)\b"
ABOUT = r"\b(?:in|into|to|as|of|from|over|on|CSV|JSON|Parquet|file|table|dataset|page)\s+(?:\w+\s+){{0,2}}`{name}`"
"""That a text speaks of a name as of something that holds data."""
UNNAMED = re.compile(r"\b(?:CSV|JSON(?: ?L(?:ines)?)?|Parquet|table)\b(?!\s+`)", re.I)
"""A file of which a text does not say which it is."""
PLAIN = ("str", "int", "float", "bool")
RETURNS = re.compile(
    r"\breturns?\b(?:(?P<count> how many| the number of)|[^.;]*?\b(?:an?|as) `?(?P<kind>str|int|float|bool)\w*\b`?)",
    re.I,
)
"""What a component returns, where its signature does not say it: a number that is counted, or a type."""


class Known(BaseModel):
    """What the repository has.

    Attributes:
        plain: Parameter of components and pipelines -> the one type it has.
        outputs: Artifacts that components write.
    """

    plain: dict[str, str] = {}
    outputs: set[str] = set()


def with_types(arguments: str, kind: str, text: str, known: Known, returns: bool = False) -> str:
    """The parameters of a signature with the types that are certain.

    Args:
        arguments: What stands between the brackets.
        kind: `component` or `pipeline`.
        text: What the task says.
        known: What the repository has.
        returns: Whether the function returns something.

    Returns:
        The same again where a parameter stays without a type: one that is made up is worse than none.
    """
    try:
        (node,) = parse_python(f"def f({arguments}): ...").body
    except (SyntaxError, ValueError):
        return arguments
    if not isinstance(node, ast.FunctionDef):
        return arguments
    spec = node.args
    positional = [*spec.posonlyargs, *spec.args]
    given = dict(zip([item.arg for item in positional[::-1]], spec.defaults[::-1], strict=False))
    given |= {item.arg: value for item, value in zip(spec.kwonlyargs, spec.kw_defaults, strict=True) if value}
    types = {
        item.arg: ast.unparse(item.annotation) if item.annotation else "" for item in [*positional, *spec.kwonlyargs]
    }
    for name in [name for name, found in types.items() if not found]:
        types[name] = type_of_default(given.get(name)) or (artifact_of(name, text) if kind == "component" else "")
        types[name] = types[name] or known.plain.get(name, "") or ("str" if name.endswith("_uri") else "")
    if kind == "component":
        types |= by_elimination(types, text, known.outputs, returns)
    if not all(types.values()):
        return arguments
    for item in [*positional, *spec.kwonlyargs]:
        item.annotation = parse_expression(types[item.arg])
    return ast.unparse(spec)


def returned(text: str) -> str:
    """The type of what a component returns, by what its task says; empty where it says none.

    >>> returned("logs `rows` and returns how many were dropped")
    'int'
    >>> returned("returns the share of bad rows as a float")
    'float'
    """
    found = RETURNS.search(text)
    return ("int" if found["count"] else found["kind"].lower()) if found else ""


def by_elimination(types: Mapping[str, str], text: str, outputs: Set[str], returns: bool = False) -> dict[str, str]:
    """The types of what the task says nothing certain of.

    What another component writes is read. One thing that then is left and that the task speaks of as of data is what
    the component writes if it only reads, and what it reads if it only writes. It is what the component writes too
    if the task speaks of a file without its name, and nothing else would come of the component.
    """
    found = {name: f"dsl.Input[dsl.{kind_of(name)}]" for name, kind in types.items() if not kind and name in outputs}
    left = [name for name, kind in types.items() if not kind and name not in found]
    reads = any("Input[" in kind for kind in [*types.values(), *found.values()])
    writes = any("Output[" in kind for kind in types.values())
    about = len(left) == 1 and re.search(ABOUT.format(name=left[0]), text, re.I)
    silent = len(left) == 1 and reads and not returns and UNNAMED.search(text) and f"`{left[0]}`" not in text
    if len(left) == 1 and reads != writes and (about or silent):
        found[left[0]] = f"dsl.{'Output' if reads else 'Input'}[dsl.{kind_of(left[0])}]"
    return found


def type_of_default(value: ast.expr | None) -> str:
    """The type of a literal that KFP takes as a parameter; empty for anything else."""
    try:
        found = type(ast.literal_eval(value)).__name__ if value is not None else ""
    except ValueError:
        return ""
    return found if found in PLAIN else ""


def artifact_of(name: str, text: str) -> str:
    """What a component reads or writes under a name, by what its task says; empty where it says neither, or both."""
    read = any(re.search(pattern.format(name=name), text, re.I) for pattern in READS)
    written = any(re.search(pattern.format(name=name), text, re.I) for pattern in WRITES)
    if read == written:
        return ""
    page = re.search(PAGE.format(name=name), text)
    return f"dsl.{'Input' if read else 'Output'}[dsl.{page['kind'] if page else kind_of(name)}]"


def kind_of(name: str) -> str:
    """The type of an artifact of which nothing is said but its name."""
    return {"metrics": "Metrics", "model": "Model"}.get(name.rpartition("_")[2], "Dataset")


def known_in(root: Path) -> Known:
    """What the components and pipelines of a repository take and write."""
    found: dict[str, set[str]] = {}
    outputs: set[str] = set()
    for _, source in code_sources(root):
        for node in functions(source):
            for item in [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]:
                kind = ast.unparse(item.annotation) if item.annotation else ""
                found.setdefault(item.arg, set()).add(kind)
                outputs |= {item.arg} if re.search(r"\bOutput\[", kind) else set()
    plain = {name: kind for name, kinds in found.items() if len(kinds) == 1 and (kind := min(kinds)) in PLAIN}
    return Known(plain=plain, outputs=outputs)
