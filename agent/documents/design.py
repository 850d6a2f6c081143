"""design.md (Kiro, OpenSpec) as sections: what it says of each part, and the file in which it puts a name."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .models import DesignPart
from .refs import find_files, find_symbols
from .sections import Section

_TOLD = re.compile(r"^(?:\d+\.?\s*)?(?:overview|summary|introduction|context|testing strategy|architecture)\b", re.I)
"""What a request tells anyway, or what is for those who look at the whole."""
_DEFINED = re.compile(r"^[ \t]*(?:async[ \t]+)?(?:def|class)[ \t]+([A-Za-z_]\w*)", re.M)


def design_parts(parts: Sequence[Section]) -> list[DesignPart]:
    """The sections that say something, in their order."""
    found = []
    for part in parts:
        text = "\n".join(line.text for line in part.lines).strip("\n")
        above = part.above[1:] if part.above and part.above[0].level == 1 else part.above
        titles = [*(heading.title for heading in above), part.title]
        if part.heading and part.heading.level > 1 and text.strip() and not any(_TOLD.match(name) for name in titles):
            found.append(DesignPart(line=part.line, title=part.title, text=text))
    return found


def places(parts: Sequence[Section]) -> dict[str, str]:
    """The file in which the design puts a name: that of a section which names one Python file and defines the name."""
    found: dict[str, str] = {}
    for part in parts:
        prose = "\n".join(line.text for line in part.lines if not line.hidden)
        code = "\n".join(line.text for line in part.lines if line.hidden == "code")
        files = [path for path in find_files(f"{part.title}\n{prose}\n{_comments(code)}") if path.endswith(".py")]
        if len(files) == 1:
            for name in _DEFINED.findall(code):
                found.setdefault(name, files[0])
    return found


def _comments(code: str) -> str:
    """Paths at the head of a block: `# src/shop/prices.py`."""
    return "\n".join(re.findall(r"^#\s*(\S+\.py)\s*$", code, re.M))


def names_in(text: str) -> set[str]:
    """The names of code that a text gives in backticks or defines."""
    return {*find_symbols(text), *_DEFINED.findall(text)}
