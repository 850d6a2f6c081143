"""Whether what a page says of the project's own functions is so: names that exist, defaults that are the code's."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from . import search
from .syntax import parse_python

NAME = re.compile(r"`([A-Za-z_][A-Za-z0-9_]*)(?:\(\))?`")
SNAKE = re.compile(r"(?<![\w/.`(-])[a-z][a-z0-9]*(?:_[a-z0-9]+)+(?![\w/`.(-]*[/.(]\w)")
"""A word with an underscore in plain text: nobody writes one that is no name of something."""
ROW = re.compile(r"^\s*\|(.+)\|\s*$")
RULE = re.compile(r"^[\s:|-]+$")
NO_DEFAULT = re.compile(r"\W*(?:(?:none|no|not|required|mandatory|must|n/a)\b.*)?", re.I | re.S)
"""What a cell says of a parameter without a default: nothing, a dash, "none, it must be given", "required"."""
OTHER_DOCUMENTS = ("specs/", ".specify/", ".kiro/", "openspec/")


def fact_problems(root: Path, path: str) -> list[str]:
    """Statements of a page that are surely wrong.

    Args:
        root: The repository.
        path: The page, relative to it.

    Returns:
        One sentence each, with its line. Looked at are names that have an underscore, names in backticks that stand
        first in a table row, and the column `Default` of tables whose rows begin with a parameter.
    """
    text = (root / path).read_text(encoding="utf-8", errors="replace")
    known = words_of(root, path)
    signatures = functions_of(root)
    # KFP writes names with hyphens, and a page may name only the file.
    said = {name.replace("-", "_") for name in re.findall(r"`([\w-]+)(?:\(\))?`", text)} | set(
        re.findall(r"(\w+)\.py\b", text)
    )
    spoken = {name for name in said if name in signatures}
    problems: list[str] = []
    columns: list[str] = []
    for number, line in prose(text):
        row = ROW.match(line)
        cells = [cell.strip() for cell in row.group(1).split("|")] if row else []
        if not row:
            columns = []
        elif not columns:
            columns = [cell.lower().strip("* ") for cell in cells]
        names = {name for name in NAME.findall(line) if "_" in name}
        if not line.startswith(("    ", "\t")):
            names |= set(SNAKE.findall(re.sub(r"`[^`]*`|https?://\S+|\]\([^)]*\)", " ", line)))
        first = NAME.fullmatch(cells[0]) if cells else None
        if first:
            names.add(first.group(1))
        problems += [
            f"line {number}: `{name}` is a name that nothing in the repository has; name only what exists"
            for name in sorted(names - known)
        ]
        if first and "default" in columns and not RULE.match(line):
            at = columns.index("default")
            value = cells[at] if at < len(cells) else ""
            problems += default_problem(number, first.group(1), value, {name: signatures[name] for name in spoken})
    return problems


def prose(text: str) -> list[tuple[int, str]]:
    """Numbered lines outside fenced code."""
    result, fence = [], ""
    for number, line in enumerate(text.splitlines(), 1):
        mark = re.match(r"\s*(```+|~~~+)", line)
        if mark:
            fence = "" if fence and mark.group(1).startswith(fence) else fence or mark.group(1)
        elif not fence:
            result.append((number, line))
    return result


def words_of(root: Path, page: str) -> set[str]:
    """Every word of the repository's files, the page itself and the feature documents left out."""
    words: set[str] = set()
    for path in search.files(root):
        file = root / path
        if path == page or path.startswith(OTHER_DOCUMENTS) or file.stat().st_size > 500_000:
            continue
        words |= set(re.findall(r"[A-Za-z_][A-Za-z0-9_]*", file.read_bytes().decode("utf-8", "replace")))
        words |= set(re.findall(r"[A-Za-z_][A-Za-z0-9_]*", path))
    return words


def functions_of(root: Path) -> dict[str, dict[str, str | None]]:
    """Function -> parameter -> its default as source text (None without one), for the project's own modules.

    A name that two modules define is left out: which of them is meant cannot be told.
    """
    found: dict[str, dict[str, str | None]] = {}
    twice: set[str] = set()
    for path in search.files(root, glob="*.py"):
        try:
            body = parse_python((root / path).read_bytes()).body
        except (SyntaxError, ValueError):
            continue
        for node in body:
            if isinstance(node, ast.FunctionDef):
                twice |= {node.name} & set(found)
                found[node.name] = parameters(node)
    return {name: value for name, value in found.items() if name not in twice}


def parameters(node: ast.FunctionDef) -> dict[str, str | None]:
    """The parameters with their defaults."""
    positional = [*node.args.posonlyargs, *node.args.args]
    defaults = [None] * (len(positional) - len(node.args.defaults)) + [ast.unparse(item) for item in node.args.defaults]
    result = {argument.arg: default for argument, default in zip(positional, defaults, strict=True)}
    for argument, value in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True):
        result[argument.arg] = None if value is None else ast.unparse(value)
    return result


def default_problem(line: int, name: str, said: str, spoken: dict[str, dict[str, str | None]]) -> list[str]:
    """A default in a table that none of the functions the page speaks of has."""
    having = {function: values[name] for function, values in spoken.items() if name in values}
    if not having or any(same_default(said, default) for default in having.values()):
        return []
    true = ", ".join(f"{function}: {default or 'none'}" for function, default in sorted(having.items()))
    return [f"line {line}: the default of `{name}` is not {said or 'empty'} (in the code, {true})"]


def same_default(said: str, default: str | None) -> bool:
    """Whether a table's cell means this default."""
    if default is None:
        return bool(NO_DEFAULT.fullmatch(said))
    plain, value = said.strip().strip("`*").strip(), default.strip("\"'")
    if plain.strip("\"'") == value or plain.lower() == default.lower():
        return True
    # "`paid`, which is what sales wants": the value with words around it.
    return bool(value) and any(token.strip("\"'") == value for token in re.findall(r"`([^`]+)`", said))
