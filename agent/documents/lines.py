"""Lines of a Markdown file with their byte offsets; which of them are code or comments; its headings."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ..errors import UserError

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

Hidden = Literal["", "code", "comment"]

BOM = b"\xef\xbb\xbf"
BULLET = re.compile(r"^[ \t]*(?:>[ \t]*)*(?:[-*+•]|\d{1,9}[.)])[ \t]+")
_LINE = re.compile(r"([^\r\n]*)(\r\n|\n|\r|\Z)")
_HEADING = re.compile(r"^ {0,3}(#{1,6})[ \t]+(.*?)(?:[ \t]+#+)?[ \t]*$")
_FENCE_END = re.compile(r"^[ \t>]*(?:`{3,}|~{3,})[ \t]*$")


def read_bytes(path: Path) -> bytes:
    """Reads a document.

    Raises:
        UserError: The file is missing or cannot be read.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise UserError("The file does not exist.", where=path, mend="Create it, or name another feature.") from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise UserError(
            f"The file cannot be read: {reason}.", where=path, mend="Check its type and permissions."
        ) from error


def decode(data: bytes, path: Path) -> str:
    """The text without its byte order mark.

    Raises:
        UserError: The bytes are not UTF-8.
    """
    try:
        return data.removeprefix(BOM).decode("utf-8")
    except UnicodeDecodeError as error:
        before = data.removeprefix(BOM)[: error.start]
        line = len(re.findall(rb"\r\n|\n|\r", before)) + 1
        raise UserError(
            f"The file is not UTF-8: byte 0x{error.object[error.start]:02x} cannot be decoded.",
            where=path,
            line=line,
            mend="Save it as UTF-8 (for example `iconv -f ISO-8859-1 -t UTF-8`).",
        ) from None


def scan(data: bytes, path: Path) -> Document:
    """Splits a document into lines at LF, CRLF and CR, as CommonMark does; no other character ends a line."""
    text = decode(data, path)
    offset = len(BOM) if data.startswith(BOM) else 0
    plain: list[tuple[str, int, int]] = []
    position = 0
    while position < len(text):
        match = _LINE.match(text, position)
        if match is None:  # every string matches; this only tells the type checker so
            break
        size = len(match[1]) if match[1].isascii() else len(match[1].encode())
        plain.append((match[1], offset, size))
        offset += size + len(match[2])
        position = match.end()
    hidden, unclosed = _hidden(text, len(plain))
    lines = [
        Line(number=index + 1, start=start, size=size, text=content, hidden=hidden.get(index, ""))
        for index, (content, start, size) in enumerate(plain)
    ]
    return Document(path=path, data=data, lines=lines, unclosed=unclosed)


def column(text: str) -> int:
    """The column of the first character that is not blank; a tab goes to the next multiple of four."""
    result = 0
    for char in text:
        if char == "\t":
            result += 4 - result % 4
        elif char in " >":
            result += 1
        else:
            break
    return result


def heading(line: Line) -> Heading | None:
    """The ATX heading that stands on the line, if one does."""
    if line.hidden or "#" not in line.text[:4]:
        return None
    match = _HEADING.match(line.text)
    return Heading(line=line.number, level=len(match[1]), title=match[2].strip()) if match else None


@lru_cache(maxsize=1)
def _blocks_only() -> MarkdownIt:
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark")
    parser.core.ruler.enableOnly(["normalize", "block"])
    return parser


def _hidden(text: str, count: int) -> tuple[dict[int, Hidden], list[int]]:
    """Which lines (0-based) stand in fenced code or comments, and where one begins that is never closed."""
    if "```" not in text and "~~~" not in text and "<!--" not in text:
        return {}, []
    found: dict[int, Hidden] = {}
    unclosed: list[int] = []
    source = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for token in _blocks_only().parse(text):
        if token.map is None:
            continue
        first, end = token.map[0], min(token.map[1], count)
        if token.type == "fence":
            found.update(dict.fromkeys(range(first, end), "code"))
            if end - first < 2 or not _FENCE_END.match(source[end - 1]):
                unclosed.append(first + 1)
        elif token.type == "html_block" and token.content.lstrip().startswith("<!--"):
            found.update(dict.fromkeys(range(first, end), "comment"))
            if "-->" not in token.content:
                unclosed.append(first + 1)
    return found, unclosed


@dataclass(frozen=True, slots=True)
class Line:
    """One line: `start` and `size` are bytes, and neither the line's end nor a byte order mark is part of it."""

    number: int
    start: int
    size: int
    text: str
    hidden: Hidden = ""

    @property
    def blank(self) -> bool:
        return not self.text.strip()

    def offset(self, index: int) -> int:
        """Byte offset in the file of the character at that index of the text."""
        return self.start + len(self.text[:index].encode())


@dataclass(frozen=True, slots=True)
class Heading:
    """An ATX heading."""

    line: int
    level: int
    title: str


@dataclass(frozen=True, slots=True)
class Document:
    """A scanned file. `unclosed` holds the lines of code fences and comments that nothing closes."""

    path: Path
    data: bytes
    lines: Sequence[Line]
    unclosed: Sequence[int]

    def raw(self, first: int, last: int) -> str:
        """The text from one line to another (1-based, both included), as written, without the last line's end."""
        start, end = self.lines[first - 1], self.lines[last - 1]
        return self.data[start.start : end.start + end.size].decode()
