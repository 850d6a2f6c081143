"""Reads files out of a model's answer: fenced blocks, or the whole answer for Markdown."""

from __future__ import annotations

import re

FENCE = re.compile(r"^(?P<mark>`{3,}|~{3,})[ \t]*(?P<info>[^\n`]*)\n(?P<body>.*?)(?:^(?P=mark)[ \t]*$|\Z)", re.M | re.S)
WRAPPED = re.compile(r"\A\s*```(?:markdown|md)?[ \t]*\n(?P<body>.*?)\n?```\s*\Z", re.S)


def file_from(answer: str, path: str) -> str | None:
    """The content for a file: the longest fenced block, or for Markdown the answer itself.

    Args:
        answer: The model's text, its prefill included.
        path: The file it is for.

    Returns:
        The content with a final newline, or None when the answer holds none.
    """
    if path.endswith((".md", ".rst", ".txt")):
        wrapped = WRAPPED.match(answer)
        text = (wrapped.group("body") if wrapped and "```" not in wrapped.group("body") else answer).strip()
    else:
        blocks = [match.group("body") for match in FENCE.finditer(answer)]
        text = max(blocks, key=len, default="").strip("\n").rstrip()
    return text + "\n" if text.strip() else None
