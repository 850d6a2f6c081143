"""Signatures that a task describes: `component `keep` with the input dataset `rows` and the integer parameter `n``."""

from __future__ import annotations

import re

from pydantic import BaseModel

from .typed import kind_of

NAMED = re.compile(
    r"\b(?:component|step) `(?P<name>[a-z_]\w*)`(?P<rest>[^`]{0,40}\b(?:input|output|parameter)s?\b)", re.I
)
NAMES = r"(?P<names>`\w+`(?:(?:, and |, | and )`\w+`)*)"
ARTIFACTS = re.compile(
    rf"\b(?P<way>input|output)s?(?: (?P<kind>dataset|model|metrics|html|markdown|artifact|csv|file|table)s?)? {NAMES}",
    re.I,
)
PARAMETERS = re.compile(
    rf"(?:\b(?P<kind>int|float|str|bool|number|text)\w*,? )?parameters? {NAMES}"
    r"(?:,? \(?(?:with )?(?:the |a )?(?:default|which is|by default)(?: value)?(?: is| of|:)? "
    r"`?(?P<default>[^\s`,;)]+?)`?(?=[\s,;)]|\.(?:\s|\Z)|\Z))?",
    re.I,
)
KINDS = {"dataset": "Dataset", "model": "Model", "metrics": "Metrics", "html": "HTML", "markdown": "Markdown"}
PLAIN = {"number": "float", "text": "str"}
END = re.compile(r"[.;]\s|\Z")


class Described(BaseModel):
    """A component as prose describes it.

    Attributes:
        name: The function.
        arguments: Its parameters as in Python: `rows: dsl.Input[dsl.Dataset], n: int = 1`.
        end: Where in the text the sentence ends that describes it.
    """

    name: str
    arguments: str
    end: int


def described(text: str) -> list[Described]:
    """The components of which a sentence gives the inputs and outputs, each with its parameters in the order told.

    Args:
        text: What a task says.

    Returns:
        Without those of which a parameter has no type and no default that tells it.
    """
    found = []
    for match in NAMED.finditer(text):
        end = END.search(text, match.end())
        stop = end.start() if end else len(text)
        sentence = text[match.start("rest") : stop]
        parts = [(item.start(), argument) for item in ARTIFACTS.finditer(sentence) for argument in artifacts(item)]
        parts += [(item.start(), argument) for item in PARAMETERS.finditer(sentence) for argument in parameters(item)]
        arguments = [argument for _, argument in sorted(parts, key=lambda part: ("=" in part[1], part[0]))]
        if parts and all(": " in argument for argument in arguments) and "[" in arguments[0]:
            found.append(Described(name=match["name"], arguments=", ".join(arguments), end=stop))
    return found


def artifacts(match: re.Match[str]) -> list[str]:
    """The input or output artifacts of a match, as parameters."""
    way, said = match["way"].capitalize(), (match["kind"] or "").lower()
    return [
        f"{name}: dsl.{way}[dsl.{KINDS.get(said) or kind_of(name)}]" for name in re.findall(r"`(\w+)`", match["names"])
    ]


def parameters(match: re.Match[str]) -> list[str]:
    """The plain parameters of a match; without a type where neither a word nor the default tells it."""
    kind, default = (match["kind"] or "").lower(), match["default"] or ""
    if re.fullmatch(r"-?\d+", default):
        kind = kind or "int"
    elif re.fullmatch(r"-?\d*\.\d+", default):
        kind = kind or "float"
    elif default.lower() in ("true", "false"):
        kind, default = "bool", default.capitalize()
    elif default:
        kind, default = kind or "str", repr(default.strip("\"'"))
    kind = PLAIN.get(kind, kind)
    told = f": {kind}" if kind else ""
    return [f"{name}{told}{f' = {default}' if default else ''}" for name in re.findall(r"`(\w+)`", match["names"])]
