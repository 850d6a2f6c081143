"""YAML documents as data, with the line of each part; values are read as Kubernetes reads them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import yaml

_DROPPED = {"tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:int", "tag:yaml.org,2002:value"}
_INT = re.compile(r"[-+]?(?:0b[01_]+|0o?[0-7_]+|0x[0-9a-fA-F_]+|0|[1-9][0-9_]*)\Z")
TOO_LARGE = 500_000
"""Parts of a document; some lines of aliases can stand for billions."""
_BASE: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Loader(_BASE):
    """Go's YAML, which kubectl uses, knows no dates and no numbers with a base of 60: `12:30` is text there."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in pairs if tag not in _DROPPED]
    for first, pairs in _BASE.yaml_implicit_resolvers.items()
}
Loader.add_implicit_resolver("tag:yaml.org,2002:int", _INT, list("-+0123456789"))


@dataclass(frozen=True)
class Document:
    """One document of a YAML file.

    Attributes:
        data: What it says.
        node: The same with its places in the text.
    """

    data: Any
    node: yaml.Node

    @property
    def line(self) -> int:
        """Where it begins."""
        return int(self.node.start_mark.line) + 1

    def line_of(self, path: Sequence[str | int]) -> int:
        """The line of a part, or of the nearest thing around it that exists.

        Args:
            path: Keys and indexes from the top, such as `["spec", "containers", 0, "image"]`.
        """
        node, line = self.node, self.line
        for part in path:
            if isinstance(node, yaml.MappingNode):
                found = next(((key, value) for key, value in node.value if key.value == str(part)), None)
                if found is None:
                    return line
                line, node = int(found[0].start_mark.line) + 1, found[1]
            elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
                node = node.value[part]
                line = int(node.start_mark.line) + 1
            else:
                return line
        return line


def size_of(node: yaml.Node, known: dict[int, int]) -> int:
    """How many parts a document has once its aliases are written out; a part that holds itself counts as endless."""
    if id(node) not in known:
        known[id(node)] = TOO_LARGE + 1
        children = [part for pair in node.value for part in pair] if isinstance(node, yaml.MappingNode) else node.value
        known[id(node)] = 1 + sum(size_of(child, known) for child in children if isinstance(child, yaml.Node))
    return known[id(node)]


def documents(text: str) -> list[Document]:
    """The documents of a YAML text; none when it does not parse or has tags of its own."""
    loader = Loader(text)
    found = []
    try:
        while loader.check_node():
            node = loader.get_node()
            if size_of(node, {}) > TOO_LARGE:
                return []
            found.append(Document(loader.construct_document(node), node))
    except (yaml.YAMLError, ValueError, RecursionError):
        return []
    finally:
        loader.dispose()
    return [item for item in found if item.data is not None]


def json_path(text: str) -> list[str | int]:
    """The parts of a JSON path: `$.jobs.t['timeout-minutes'][0]` is `["jobs", "t", "timeout-minutes", 0]`."""
    parts: list[str | int] = []
    for name, quoted, index in re.findall(r"\.([^.\[\]]+)|\['((?:[^'\\]|\\.)*)'\]|\[(\d+)\]", text):
        parts.append(int(index) if index else quoted.replace("\\'", "'") or name)
    return parts
