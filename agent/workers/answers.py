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


def copied_from(example: str, content: str) -> list[str]:
    """Sentences of an example, which is about another project, that an answer repeats word for word.

    Args:
        example: The recipe that was shown.
        content: The page that came of it.

    Returns:
        The repeated lines of prose; headings, tables, lists of commands and short lines are form, not content.
    """
    known = {line.strip() for line in example.splitlines() if is_prose(line)}
    return [line.strip() for line in content.splitlines() if is_prose(line) and line.strip() in known]


def is_prose(line: str) -> bool:
    """A line of at least five words that is no heading, table, command or code."""
    return (
        len(line.split()) >= 5
        and not line.startswith(("    ", "\t"))
        and line.strip()[:1] not in ("#", "|", "`", "$", "")
    )
