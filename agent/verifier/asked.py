"""Parameters that a task asks for in so many words, and that no function of the work has."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable

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


def parameters_of(sources: Iterable[str]) -> set[str]:
    """All parameters of all functions in some modules, and what calls pass by keyword."""
    names: set[str] = set()
    for source in sources:
        try:
            nodes = list(ast.walk(ast.parse(source)))
        except (SyntaxError, ValueError):
            continue
        for node in nodes:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
                names |= {argument.arg for argument in arguments}
            elif isinstance(node, ast.keyword) and node.arg:
                names.add(node.arg)
    return names
