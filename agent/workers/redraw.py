"""Draws single test functions again: those that passed stay, each that failed keeps its name and gets a new body.

No test is dropped on the way: the file is whole again only when every name of the draft is there and passes.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterable

from pydantic import BaseModel

from ..documents.models import Story

FAILED = re.compile(r"^(?P<path>[^\s:]+\.py)::(?:\w+::)*(?P<name>test_\w+)(?:\[.*?\])? (?:failed|error)\b", re.M)
IDLE = re.compile(r"^(?P<path>[^\s:]+\.py): (?:\w+::)*(?P<name>test_\w+) asserts nothing", re.M)


class Redraw(BaseModel):
    """A draft of which some tests passed.

    Attributes:
        kept: The file without the tests that failed.
        heads: Name of each test to draw again -> its first lines, decorators and signature.
    """

    kept: str
    heads: dict[str, str]


def failed_tests(failures: Iterable[str], path: str) -> set[str]:
    """The names of a file's tests that the verifier's findings speak of.

    Returns:
        Empty when a finding is about anything else: then it is not a matter of single tests.
    """
    names = set()
    for failure in failures:
        found = FAILED.match(failure) or IDLE.match(failure)
        if not found or found.group("path") != path:
            return set()
        names.add(found.group("name"))
    return names


def plan_redraw(source: str, failed: set[str], even_all: bool = False) -> Redraw | None:
    """What to keep and what to draw again.

    Args:
        source: The draft.
        failed: The names of its tests that failed.
        even_all: Go on also when none passed.

    Returns:
        None when the draft cannot be taken apart.
    """
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError):
        return None
    tests = [node for node in body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]
    again = [node for node in tests if node.name in failed]
    if not again or len({node.name for node in again}) != len(failed) or (len(again) == len(tests) and not even_all):
        return None
    lines = source.splitlines()
    heads = {node.name: "\n".join(lines[first_line(node) : head_end(node)]) for node in again}
    if any(not head.rstrip().endswith((":", '"""')) for head in heads.values()):
        return None
    for node in reversed(again):
        del lines[first_line(node) : node.end_lineno]
    return Redraw(kept="\n".join(lines).rstrip() + "\n", heads=heads)


def first_line(node: ast.FunctionDef) -> int:
    """Index of a function's first line, its decorators included."""
    return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)]) - 1


def head_end(node: ast.FunctionDef) -> int:
    """Index of the line after a function's signature and docstring."""
    if ast.get_docstring(node) is not None and len(node.body) > 1:
        return node.body[0].end_lineno or node.lineno
    return node.body[0].lineno - 1


def scenario_heads(story: Story) -> dict[str, str]:
    """A test to draw for each acceptance scenario of a story: its name, and its signature with the scenario below."""
    heads = {}
    for scenario in story.scenarios:
        name = f"test_{re.sub(r'[^a-z0-9]+', '_', story.key.lower())}_scenario_{scenario.number}"
        said = " ".join(scenario.text.replace("**", "").replace("\\", "").replace('"""', "").split())
        text = textwrap.wrap(said.rstrip('"') + ("" if said.endswith(".") else "."), 110)
        heads[name] = "\n    ".join([f"def {name}():", f'"""{text[0]}', *text[1:]]) + '"""'
    return heads


def task_head(title: str, stem: str) -> dict[str, str]:
    """One test to draw for all that a task says: a small model that writes several makes some up, which then fail.

    Args:
        title: What the task says.
        stem: What the test file is called after.
    """
    name = f"test_{re.sub(r'[^a-z0-9]+', '_', stem.lower()).strip('_')}_as_asked"
    plain = re.sub(r"\s*\([^()]*\b[A-Z]{1,4}-?\d+\b[^()]*\)", "", title)
    said = " ".join(plain.replace("\\", "").replace('"""', "").split()).rstrip('"')
    text = textwrap.wrap(said, 110, break_long_words=False)
    return {name: "\n    ".join([f"def {name}(tmp_path):", f'"""{text[0]}', *text[1:]]) + '"""'}


def names_of_tests(source: str) -> set[str]:
    """The tests that a text defines, also one that is cut off."""
    return set(re.findall(r"^def (test_\w+)\(", source, re.M))


def one_function(text: str, name: str) -> str | None:
    """The function of that name at the start of a text, what comes after it cut off; None if it does not parse."""
    lines = text.splitlines()
    for end in range(len(lines), 0, -1):
        try:
            body = ast.parse("\n".join(lines[:end])).body
        except (SyntaxError, ValueError):
            continue
        first = body[0] if body else None
        if isinstance(first, ast.FunctionDef) and first.name == name:
            return "\n".join(lines[: first.end_lineno]) + "\n"
        return None
    return None
