"""Reads files out of a model's answer: fenced blocks, or the whole answer for Markdown."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable

from ...tools.syntax import parse_python

FENCE = re.compile(r"^(?P<mark>`{3,}|~{3,})[ \t]*(?P<info>[^\n`]*)\n(?P<body>.*?)(?:^(?P=mark)[ \t]*$|\Z)", re.M | re.S)
GLUED = re.compile(r"(?<=[^\s`])```[ \t]*(?:\n|\Z)")
"""A fence that was closed at the end of the last line of code."""
BACKTICKED = re.compile(r"`([A-Za-z_][\w-]*)`")
WORDS = re.compile(r"[A-Za-z_]\w*")
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
        blocks = [GLUED.split(match.group("body"), maxsplit=1)[0] for match in FENCE.finditer(answer)]
        text = max(blocks, key=len, default="").strip("\n").rstrip()
    return text + "\n" if text.strip() else None


def is_whole(answer: str, path: str) -> bool:
    """Whether the file in an answer is there to its end, although the answer was cut off at its length limit."""
    if path.endswith((".md", ".rst", ".txt")):
        return bool(WRAPPED.match(answer))
    longest = max(FENCE.finditer(answer), key=lambda match: len(match["body"]), default=None)
    return longest is not None and longest[0].rstrip().endswith(f"\n{longest['mark']}")


def without_echo(content: str, told: Iterable[str]) -> str:
    """A file without the comments that only say again what the request told of how to write it."""
    said = {" ".join(text.split()).strip(" .").lower() for text in told}
    lines = content.splitlines(keepends=True)
    return "".join(
        line for line in lines if not (line.lstrip().startswith("#") and line.strip(" #.\n\t").lower() in said)
    )


def copied_from(example: str, content: str, known: set[str]) -> list[str]:
    """What a page has taken over from the example it was shown, which is about another project.

    Args:
        example: The recipe.
        content: The page that came of it.
        known: Every word of the repository the page is for.

    Returns:
        Phrases of five words that both have, and names in backticks that only the example knows. Headings, tables,
        commands and code are form, not content.
    """
    phrases = {phrase for line in example.splitlines() for phrase in phrases_of(line)}
    copied = [phrase for line in content.splitlines() for phrase in phrases_of(line) if phrase in phrases]
    names = set(BACKTICKED.findall(example)) & set(BACKTICKED.findall(content))
    return list(dict.fromkeys(copied)) + sorted(f"`{name}`" for name in names if not set(WORDS.findall(name)) & known)


def rows_copied(example: str, content: str) -> list[str]:
    """The first lines of tables and other texts of several lines in tests that are those of the example, word for word.

    Args:
        example: The recipe, a Python file.
        content: The tests that came of it.
    """
    theirs = texts_of(content)
    return list(dict.fromkeys(text.split("\n")[0] for text in texts_of(example) if text in theirs))


def texts_of(source: str) -> list[str]:
    """The strings of several lines in a Python file, in order; none if it does not parse."""
    try:
        tree = parse_python(source)
    except (SyntaxError, ValueError):
        return []
    values = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return [value for value in values if "\n" in value.strip()]


def phrases_of(line: str) -> list[str]:
    """Every five words in a row of a line of prose, in lower case."""
    if line.startswith(("    ", "\t")) or line.strip()[:1] in ("#", "|", "`", "$", ""):
        return []
    words = [word.lower() for word in WORDS.findall(line)]
    return [" ".join(words[at : at + 5]) for at in range(len(words) - 4)]
