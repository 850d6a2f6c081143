"""K05 and K20: docstrings that say what KFP shows, names that KFP keeps."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from .kfp_source import Definition, Problem, Source, at

SNAKE = re.compile(r"_*[a-z][a-z0-9_]*\Z|_+\Z")
SECTION = re.compile(
    r"^[ \t]*(Args|Arguments|Parameters|Params|Inputs)[ \t]*:[ \t]*$|^[ \t]*Parameters[ \t]*\n[ \t]*-{3,}|:param\s",
    re.M,
)

HEADINGS = {"Return", "Returns", "Raises", "Yields", "Outputs", "Example", "Examples", "Note", "Notes", "Todo"}
"""Headings that stand too far in and are taken for parameters."""


def problems(source: Source, policies: frozenset[str] = frozenset()) -> Iterator[Problem]:
    """What is wrong with docstrings and names."""
    for item in source.definitions:
        text = ast.get_docstring(item.node)
        what = "pipeline" if item.kind == "pipeline" else "component"
        if text and SECTION.search(text):
            yield from argument_problems(item, text, source, what)
        elif not text and "docstrings" in policies and "description" not in item.settings:
            yield at(
                item.node,
                "K20",
                f"{what} `{item.name}` has no docstring: KFP shows its first line as the description. Write one line "
                "that says what it does.",
            )
        for name, node in [(item.name, item.node), *((found.arg, found) for found in item.parameters)]:
            if not SNAKE.match(name):
                yield at(
                    node,
                    "K20",
                    f"`{name}` of {what} `{item.name}` is not snake_case: KFP makes a name of its own from it for "
                    f"tasks and the UI. Write `{snake(name)}`.",
                )


def argument_problems(item: Definition, text: str, source: Source, what: str) -> Iterator[Problem]:
    """K05: what the docstring lists and what the function takes, against each other."""
    listed = described(text)
    if not listed:
        return
    have = [parameter.arg for parameter in item.parameters]
    place = item.node.body[0]
    unknown = [name for name in listed if name not in have]
    if unknown:
        yield at(
            place,
            "K05",
            f"the docstring of {what} `{item.name}` describes {words(unknown)}, which it does not take: KFP drops the "
            f"description. It takes {words(have) if have else 'nothing'}.",
        )
    outputs = {parameter.arg for parameter in item.parameters if source.output_kind(parameter)}
    missing = [name for name in have if name not in listed and name not in outputs]
    if missing:
        yield at(
            place,
            "K05",
            f"the docstring of {what} `{item.name}` leaves out {words(missing)}: the input has no description in the "
            "UI. Add it to the list of arguments.",
            "note",
        )


def described(text: str) -> list[str]:
    """The parameters that a docstring lists, as KFP reads it."""
    import docstring_parser

    try:
        found = docstring_parser.parse(text).params
    except docstring_parser.ParseError:
        return []
    arguments = [item for item in found if not item.args or item.args[0] in ("param", "parameter", "arg", "argument")]
    names = [item.arg_name.lstrip("*") for item in arguments]
    return [name for name in names if name.isidentifier() and name not in HEADINGS]


def words(names: list[str]) -> str:
    """Names as text."""
    return ", ".join(f"`{name}`" for name in names[:6]) + (" …" if len(names) > 6 else "")


def snake(name: str) -> str:
    """A name in snake_case."""
    text = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
    return re.sub(r"_{2,}", "_", text)
