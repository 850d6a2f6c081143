"""The parts that spec.md and plan.md are made of: sections, list items, bold fields."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from .lines import BULLET, Document, Heading, Line, column, heading
from .phases import clean_title

_FIELD = re.compile(r"^\s*(?:[-*+]\s+)?\*\*([^*]{1,80}?)\s*(?::\*\*|：\*\*|\*\*\s*[:：])\s*(.*)$")
_LABEL = re.compile(
    r"^(?:Feature Specification|Implementation Plan|Tasks|Specification|Spec|Plan|Change|Proposal)\s*[:：]\s*", re.I
)
_NUMBERED = re.compile(r"^[ \t]*(?:>[ \t]*)*(\d{1,9})[.)][ \t]+")


def sections(document: Document) -> list[Section]:
    """The sections of a document; the first one, without heading, holds what stands before all headings."""
    result = [Section(heading=None)]
    stack: list[Heading] = []
    for line in document.lines:
        found = heading(line)
        if found is None:
            result[-1].lines.append(line)
            continue
        stack = [outer for outer in stack if outer.level < found.level]
        result.append(Section(heading=found, above=tuple(stack)))
        stack.append(found)
    return result


def items(lines: Sequence[Line]) -> Iterator[Item]:
    """The list items and paragraphs of the lines, wrapped lines joined; code and comments stay out."""
    current: Item | None = None
    for line in lines:
        if line.blank or line.hidden:
            if current and not current.bullet:
                yield current
                current = None
            elif current:
                current.closed = True
            continue
        bullet = BULLET.match(line.text)
        col = column(line.text)
        if bullet or current is None or (current.closed and col <= current.col) or _FIELD.match(line.text):
            if current:
                yield current
            number = _NUMBERED.match(line.text)
            text = line.text[bullet.end() :] if bullet else line.text
            current = Item(
                line=line.number,
                text=text.strip(),
                col=col,
                bullet=bullet is not None,
                number=int(number[1]) if number else None,
            )
        else:
            current.text = f"{current.text} {line.text.strip()}"
            current.closed = False
    if current:
        yield current


def as_field(text: str) -> tuple[str, str] | None:
    """`**Status**: Draft` or `**Status:** Draft` as a pair."""
    match = _FIELD.match(text)
    return (match[1].strip(), match[2].strip()) if match else None


def document_title(parts: Sequence[Section]) -> str:
    """The first heading of level 1 without a label such as "Feature Specification:"."""
    for part in parts:
        if part.heading and part.heading.level == 1:
            return _LABEL.sub("", part.title)
    return ""


@dataclass(slots=True)
class Item:
    """A list item or a paragraph."""

    line: int
    text: str
    col: int = 0
    bullet: bool = False
    number: int | None = None
    closed: bool = False


@dataclass(slots=True)
class Section:
    """A heading, the headings above it (outermost first), and the lines up to the next heading."""

    heading: Heading | None
    above: tuple[Heading, ...] = ()
    lines: list[Line] = field(default_factory=list)

    @property
    def title(self) -> str:
        return clean_title(self.heading.title) if self.heading else ""

    @property
    def line(self) -> int:
        return self.heading.line if self.heading else 0

    def within(self, pattern: re.Pattern[str]) -> bool:
        """Whether its own heading or one above it matches."""
        return any(pattern.search(found.title) for found in (*self.above, *([self.heading] if self.heading else [])))

    @property
    def text(self) -> str:
        return "\n".join(item.text for item in items(self.lines))
