"""Parameters that a task asks for in so many words, and that the work does not have."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable

from ...tools.syntax import parse_python

MAKES = re.compile(r"^\W*(create|implement|write|define|build)\b.*?\b(component|pipeline)\b", re.I)
KINDS = r"(?:parameters?|arguments?|inputs?|outputs?|artifacts?|datasets?|models?|metrics)"
NAMES = r"(?P<names>`\w+`(?:\s*\([^)]*\))?(?:(?:\s*,\s*(?:and\s+)?|\s+and\s+)`\w+`(?:\s*\([^)]*\))?)*)"
OF_ITS_OWN = {
    "component": re.compile(rf"\b(?:takes?|reads?|writes?|has|have|with)\s+(?:\w+\s+){{0,3}}?{KINDS}\s+{NAMES}", re.I),
    "pipeline": re.compile(rf"\b(?:parameters?|arguments?)\s+{NAMES}", re.I),
}
"""Only what is surely the function's own: `the output `kept` of the step` may be another's."""


def asked_parameters(title: str) -> list[str]:
    """The parameters that a task which makes a component or pipeline says it must have.

    Args:
        title: The task's text, such as "Write the component `keep`: takes the dataset `rows`, has the float
            parameters `low` (default 1.0) and `high`".

    Returns:
        Names in their order, here `rows`, `low`, `high`; empty for any other task.
    """
    makes = MAKES.search(title)
    if not makes:
        return []
    pattern = OF_ITS_OWN[makes.group(2).lower()]
    found = [name for match in pattern.finditer(title) for name in re.findall(r"`(\w+)`", match["names"])]
    return [name for name in dict.fromkeys(found) if name.isidentifier()]


PIECE = r"(?:`[^`]*`|[^`.;])"
"""What stands between two words of one sentence; the dot of `low: float = 0.2` ends none."""
CALLED = r"(?:the\s+)?(?:(?:component|pipeline|function|method)s?\s+)?`(?P<function>[A-Za-z_]\w*)(?:\([^`]*\))?`"
ADDED = (
    re.compile(rf"^\W*(?:add|introduce)\b(?P<what>{PIECE}*?)\sto\s+{CALLED}", re.I),
    re.compile(rf"^\W*(?:give|extend)\s+{CALLED}\s+(?P<what>{PIECE}*)", re.I),
)
WITH_TYPE = r"`[A-Za-z_]\w*(?:\s*[:=][^`]*)?`"
PARAMETERS = re.compile(
    rf"\b(?:parameters?|arguments?)\s+(?P<after>{WITH_TYPE}(?:(?:\s*,\s*(?:and\s+)?|\s+and\s+){WITH_TYPE})*)"
    rf"|(?P<before>{WITH_TYPE})\s+(?:parameter|argument)\b",
    re.I,
)


def added_parameters(title: str) -> tuple[str, list[str]]:
    """The parameters that a task adds to a function it names.

    Args:
        title: The task's text, such as "Add parameter `low: float = 0.2` and the step `keep` to `daily` in …".

    Returns:
        The function and the names, here `daily` and `low`; an empty name where the task adds none.
    """
    found = next((match for pattern in ADDED if (match := pattern.search(title))), None)
    if found is None:
        return "", []
    groups = [match["after"] or match["before"] for match in PARAMETERS.finditer(found["what"])]
    names = [name for group in groups for name in re.findall(r"`([A-Za-z_]\w*)", group)]
    return (found["function"], list(dict.fromkeys(names))) if names else ("", [])


SIGNATURE = re.compile(r"^\W*(?:create|implement|write|define|build|add)\b[^`]*`(?P<name>[A-Za-z_]\w*)\(", re.I)


def asked_signature(title: str) -> tuple[str, list[str]]:
    """The function that a task asks for with its signature in backticks, and the parameters it says it has.

    Args:
        title: The task's text, such as "Create `gross(net: float, vat=0.2) -> float` in …".

    Returns:
        Its name and parameters, here `gross`, `net` and `vat`; an empty name where the task gives no signature.
    """
    found = SIGNATURE.search(title)
    inside = _bracketed(title[found.end() :]) if found else None
    if not found or inside is None:
        return "", []
    try:
        (function,) = parse_python(f"def {found['name']}({inside}): ...").body
    except (SyntaxError, ValueError):
        return "", []
    return found["name"], parameters_of_one(function)


def _bracketed(text: str) -> str | None:
    """What stands before the bracket that closes; None where none does, within one piece of code."""
    depth = 1
    for place, char in enumerate(text):
        depth += (char in "([{") - (char in ")]}")
        if not depth:
            return text[:place]
        if char == "`":
            return None
    return None


def functions_of(sources: Iterable[str]) -> dict[str, set[str]]:
    """The functions of some modules, methods as well, with their parameters; of one name, those of all together."""
    found: dict[str, set[str]] = {}
    for source in sources:
        try:
            nodes = list(ast.walk(parse_python(source)))
        except (SyntaxError, ValueError):
            continue
        for node in nodes:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                found.setdefault(node.name, set()).update(parameters_of_one(node))
    return found


def parameters_of_one(node: ast.AST) -> list[str]:
    """The names of a function's parameters, but not of those that take up the rest."""
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return []
    return [argument.arg for argument in [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]]


def parameters_of(sources: Iterable[str]) -> set[str]:
    """All parameters of all functions in some modules, and what calls pass by keyword."""
    names: set[str] = set()
    for source in sources:
        try:
            nodes = list(ast.walk(parse_python(source)))
        except (SyntaxError, ValueError):
            continue
        for node in nodes:
            names.update(parameters_of_one(node))
            if isinstance(node, ast.keyword) and node.arg:
                names.add(node.arg)
    return names
