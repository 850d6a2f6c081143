"""Changes to YAML and JSON files that tests of these files should notice.

The text is edited where the parser says that a value stands, so that comments and form stay: some tests look at text.
"""

from __future__ import annotations

import json
import re
import string
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from .mutants import Mutant

if TYPE_CHECKING:
    import yaml

MOST_EDITS = 5_000
LARGEST = 500_000
ADDED = "kfpilotXX"
LETTERS = string.ascii_lowercase, string.ascii_uppercase, string.digits
SHIFTED = str.maketrans("".join(LETTERS), "".join(letters[3:] + letters[:3] for letters in LETTERS))
"""Of a text that was changed like this no word is left: a test that looks for one of them in the file must notice."""

PROPERTIES = re.compile(r"(?:[&!]\S*[ \t]+)*")
TYPES = ("str", "int", "float", "bool", "null", "timestamp")
NAMES = {
    "value": "changing every value",
    "key": "renaming every key",
    "entry": "adding an entry to every list and mapping",
}


class Edit(NamedTuple):
    """One change of a text.

    Attributes:
        kind: `value`, `key` or `entry`.
        start: The first character that goes.
        end: The one after the last; the same as the start for what is only added.
        text: What comes there.
        apart: The same, where nothing of the old text may be left.
        line: Counted from 1.
        word: The key that the change is about.
        change: In words.
    """

    kind: str
    start: int
    end: int
    text: str
    apart: str
    line: int
    word: str
    change: str


def whole_mutants(path: str, source: str) -> list[Mutant]:
    """The file with all values changed, with all keys renamed, and with one more entry in all lists and mappings.

    Args:
        path: The file's name; with `.json` it stays JSON.
        source: Its text.

    Returns:
        Those that parse; none if the file does not.
    """
    edits = [edit._replace(text=edit.apart) for edit in edits_of(source)]
    found = (
        mutant(path, source, [edit for edit in edits if edit.kind == kind], kind, change)
        for kind, change in NAMES.items()
    )
    return [item for item in found if item]


def single_mutants(path: str, source: str, words: Iterable[str]) -> list[Mutant]:
    """The file with one value or key changed; what the words speak of first.

    Args:
        path: The file's name.
        source: Its text.
        words: Words of the tests.
    """
    said = {word for word in words if word}

    def rank(edit: Edit) -> int:
        value = source[edit.start : edit.end].strip("'\"")
        if said & {edit.word, value}:
            return 0
        return 1 if any(len(word) > 3 and word in value for word in said) else 2

    edits = [edit for edit in edits_of(source) if edit.kind != "entry"]
    edits.sort(key=lambda edit: (rank(edit), edit.start))
    found = (mutant(path, source, [edit], edit.kind, edit.change) for edit in edits[:200])
    return [item for item in found if item]


def mutant(path: str, source: str, edits: list[Edit], kind: str, change: str) -> Mutant | None:
    """The text with some edits, if it still parses."""
    if not edits:
        return None
    text = source
    # From behind. Of two at one place the inner one comes later, and stands behind the outer one.
    for _, edit in sorted(enumerate(edits), key=lambda pair: (pair[1].start, pair[0]), reverse=True):
        text = text[: edit.start] + edit.text + text[edit.end :]
    if text == source or not parses(path, text):
        return None
    before, after = (source[edits[0].start : edits[0].end], edits[0].text) if len(edits) == 1 else ("", "")
    line = min(edit.line for edit in edits)
    return Mutant(path=path, line=line, function="", kind=kind, change=change, before=before, after=after, source=text)


def parses(path: str, text: str) -> bool:
    """Whether the text is YAML, or JSON."""
    import yaml

    try:
        if path.endswith(".json"):
            json.loads(text)
        else:
            list(yaml.compose_all(text, Loader=yaml.SafeLoader))
    except (ValueError, RecursionError, yaml.YAMLError):
        return False
    return True


def edits_of(source: str) -> list[Edit]:
    """Every place of a text that can be changed; none if it does not parse, or is too large."""
    import yaml

    if len(source) > LARGEST:
        return []
    found: list[Edit] = []
    try:
        for document in yaml.compose_all(source, Loader=yaml.SafeLoader):
            for edit in edits_in(document, source, "", set()):
                found.append(edit)
                if len(found) == MOST_EDITS:
                    return found
    except (RecursionError, yaml.YAMLError):
        return []
    return found


def edits_in(node: yaml.Node | None, source: str, key: str, seen: set[int]) -> Iterator[Edit]:
    """The edits of a node and of all below it; what an anchor stands for is met once."""
    import yaml

    if node is None or id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.ScalarNode):
        yield from edits_of_scalar(node, source, key)
    elif isinstance(node, yaml.SequenceNode):
        yield from added(node, source, key, "XX", [item.start_mark for item in node.value])
        for item in node.value:
            yield from edits_in(item, source, key, seen)
    elif isinstance(node, yaml.MappingNode):
        yield from added(node, source, key, f'"{ADDED}": "XX"', [name.start_mark for name, _ in node.value])
        for name, value in node.value:
            plain = isinstance(name, yaml.ScalarNode) and name.tag.endswith(":str") and name.style not in ("|", ">")
            if plain and id(name) not in seen:
                seen.add(id(name))
                start, end = span(name, source)
                said = f"renaming the key `{cut(name.value)}`"
                yield Edit(
                    "key", start, end, quoted(broken(name.value)), quoted(apart(name.value)),
                    name.start_mark.line + 1, name.value, said,
                )  # fmt: skip
            yield from edits_in(value, source, str(name.value) if plain else key, seen)


def edits_of_scalar(node: Any, source: str, key: str) -> Iterator[Edit]:
    """Another value of the same type."""
    kind = node.tag.removeprefix("tag:yaml.org,2002:")
    start, end = span(node, source)
    if kind not in TYPES or start >= end:
        return
    old, tail = source[start:end], ""
    if node.style in ("|", ">"):
        tail = "\n"
    new = other(kind, node.value)
    whole = quoted(apart(node.value)) if new == quoted(broken(node.value)) else new
    said = f"changing `{cut(old)}` to `{cut(new)}`" + (f" at `{cut(key)}`" if key else "")
    yield Edit("value", start, end, new + tail, whole + tail, node.start_mark.line + 1, key, said)


def other(kind: str, value: str) -> str:
    """Another value of a type, as it is written."""
    try:
        if kind == "bool":
            return "false" if value.lower() in ("true", "yes", "on") else "true"
        if kind == "int":
            return str(int(value.replace("_", "")) + 1)
        if kind == "float":
            return str(float(value.replace("_", "")) + 1)
    except ValueError:
        pass  # 0x1F, 0o17
    return quoted(broken(value))


def broken(text: str) -> str:
    """A text that does not hold the old one any more."""
    return text[:1] + "XX" + text[1:]


def apart(text: str) -> str:
    """A text that holds no word of the old one any more."""
    new = text.translate(SHIFTED)
    return new if new != text else broken(text)


def quoted(text: str) -> str:
    """A text as YAML and JSON have it."""
    return json.dumps(text, ensure_ascii=False)


def added(node: Any, source: str, key: str, entry: str, marks: list[Any]) -> Iterator[Edit]:
    """One more entry, in front of the others."""
    said = f"adding an entry at `{cut(key)}`"
    if node.flow_style:
        start = span(node, source)[0] + 1
        text = (json.dumps(entry) if entry == "XX" else entry) + (", " if marks else "")
        yield Edit("entry", start, start, text, text, node.start_mark.line + 1, key, said)
    elif marks:
        # Of a list the mark stands behind the dash.
        start, indent = marks[0].index, " " * node.start_mark.column
        again = f"\n{indent}- " if entry == "XX" else f"\n{' ' * marks[0].column}"
        yield Edit("entry", start, start, entry + again, entry + again, marks[0].line + 1, key, said)


def span(node: Any, source: str) -> tuple[int, int]:
    """Where a node's text stands, without anchor and tag."""
    start, end = node.start_mark.index, node.end_mark.index
    found = PROPERTIES.match(source, start, end)
    return (found.end() if found else start), end


def cut(text: str) -> str:
    """A text on one line, not too long."""
    text = " ".join(text.split())
    return text if len(text) <= 40 else text[:39] + "…"
