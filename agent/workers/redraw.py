"""Draws single test functions again: those that passed stay, each that failed keeps its name and gets a new body.

No test is dropped on the way: the file is whole again only when every name of the draft is there and passes.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterable

from pydantic import BaseModel

from ...tools.syntax import parse_python
from ..documents.models import Story
from .wanted import without_refs

FAILED = re.compile(r"^(?P<path>[^\s:]+\.py)::(?:\w+::)*(?P<name>test_\w+)(?:\[.*?\])? (?:failed|error)\b", re.M)
UNNAMED = re.compile(r"^the task names `(?P<name>[^`]+)`, and no changed file (?:does|has that value)\b")
BEGINS = re.compile(r":\s|\.\s+(?=[A-Z0-9`])")
PARTS = (re.compile(r"[;.]\s"), re.compile(r",\s(?:and\s)?|\.\s"))
"""What parts the demands of a task: semicolons where it has any, else commas."""
OPEN = re.compile(r"(?:from|given|for|when|with|if|of)(?:\s+\S+){,2}$", re.I)
LISTED = re.compile(r"(?:\S+\s+){1,3}and\s")
"""The end of an enumeration: `…, b and c`."""
GROUPED = re.compile(r"`[^`]*`|\"[^\"]*\"|\([^()]*\)|\[[^\[\]]*\]")
MOST_CLAUSES = 8
NUMBER = re.compile(r"(?<![\w.-])\d+(?:\.\d+)?(?![\w-]|\.\d)")
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


def plan_redraw(source: str, failed: set[str]) -> Redraw | None:
    """What to keep and what to draw again.

    Args:
        source: The draft.
        failed: The names of its tests that failed.

    Returns:
        None when the draft cannot be taken apart.
    """
    try:
        body = parse_python(source).body
    except (SyntaxError, ValueError):
        return None
    tests = [node for node in body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]
    again = [node for node in tests if node.name in failed]
    if not again or len({node.name for node in again}) != len(failed):
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


def scenario_heads(story: Story, about: str = "") -> dict[str, str]:
    """A test to draw for each acceptance scenario of a story: its name, and its signature with the scenario below.

    Args:
        story: The story.
        about: The function under test, for the name of the test where the file tests several.
    """
    heads = {}
    under = f"{about}_" if about else ""
    for scenario in story.scenarios:
        name = f"test_{under}{re.sub(r'[^a-z0-9]+', '_', story.key.lower())}_scenario_{scenario.number}"
        said = " ".join(scenario.text.replace("**", "").split())
        heads[name] = head_of(name, said + ("" if said.endswith(".") else "."), "")
    return heads


def head_of(name: str, said: str, arguments: str) -> str:
    """The first lines of a test: its signature, and below it what it is to test."""
    told = " ".join(said.replace("\\", "").replace('"""', "").split()).rstrip('"')
    text = textwrap.wrap(told, 110, break_long_words=False)
    return "\n    ".join([f"def {name}({arguments}):", f'"""{text[0]}', *text[1:]]) + '"""'


def task_head(title: str, stem: str) -> dict[str, str]:
    """One test to draw for all that a task says: a small model that writes several makes some up, which then fail.

    Args:
        title: What the task says.
        stem: What the test file is called after.
    """
    name = f"test_{re.sub(r'[^a-z0-9]+', '_', stem.lower()).strip('_')}_as_asked"
    return {name: head_of(name, without_refs(title), "tmp_path")}


def clauses_of(title: str) -> list[str]:
    """What a tests task asks for, part by part: `Test x in y: a, b, c` gives a, b and c.

    Nothing in brackets, quotes and backticks parts anything. One or two words belong to the part before, and the start
    of a condition to the one after it.
    """
    said = without_refs(title)
    blank = GROUPED.sub(lambda match: "_" * len(match.group()), said)
    begins = BEGINS.search(blank)
    if not begins:
        return []
    start = begins.end()
    ends = PARTS[0] if ";" in blank[start:] else PARTS[1]
    parts: list[str] = []
    for end, after in [
        *((match.start(), match.end()) for match in ends.finditer(blank, start)),
        (len(said), len(said)),
    ]:
        text = said[start:end].strip(" .")
        start = after
        if parts and (0 < len(text.split()) < 3 or OPEN.match(parts[-1]) or LISTED.match(text)):
            parts[-1] = f"{parts[-1]}, {text}"
        elif text:
            parts.append(text)
    return parts


def clause_heads(title: str, arguments: str = "") -> dict[str, str]:
    """A test to draw for each part of what a tests task says; empty where it is one part, or too many.

    A small model that is to test five things at once forgets two of them.

    Args:
        title: What the task says.
        arguments: What the tests take.
    """
    clauses = clauses_of(title)
    return heads_of(clauses, arguments) if 1 < len(clauses) <= MOST_CLAUSES else {}


def heads_of(clauses: list[str], arguments: str = "") -> dict[str, str]:
    """Name of a test -> its signature with the clause below."""
    heads: dict[str, str] = {}
    for clause in clauses:
        words = [word for word in re.findall(r"[a-z0-9]+", clause.lower()) if word not in ("the", "a", "an", "and")]
        name = "test_" + "_".join(words[:6])
        name = name if name not in heads else f"{name}_{len(heads) + 1}"
        heads[name] = head_of(name, clause, arguments)
    return heads


def numbers_left_out(source: str, failed: set[str]) -> list[str]:
    """What failed tests do not have of the numbers in their own docstring, which is the scenario: one sentence each.

    Args:
        source: The draft.
        failed: The names of its tests that failed.
    """
    try:
        body = parse_python(source).body
    except (SyntaxError, ValueError):
        return []
    told = []
    for node in [node for node in body if isinstance(node, ast.FunctionDef) and node.name in failed]:
        said = ast.get_docstring(node) or ""
        values = [
            str(item.value) for part in node.body[1:] for item in ast.walk(part) if isinstance(item, ast.Constant)
        ]
        there = {float(number) for value in values for number in NUMBER.findall(value)}
        missing = [number for number in dict.fromkeys(NUMBER.findall(said)) if float(number) not in there]
        told += [f"{node.name}: its rows have no {' and no '.join(missing)}"] if missing else []
    return told


def missing_names(source: str, failures: list[str], title: str) -> Redraw | None:
    """All tests of a draft that leaves out names of the task, and one more for each part of the task with such a name.

    Where the draft has one for the part already, one more for each `name=value` that it leaves out.

    Returns:
        None when the draft was refused for anything else too, or the task says nothing of a name but the name.
    """
    found = [UNNAMED.match(failure) for failure in failures]
    names = [match["name"] for match in found if match]
    clauses = [clause for clause in clauses_of(title) if any(named(name, clause) for name in names)]
    if not names or len(names) < len(found) or not clauses:
        return None
    there = names_of_tests(source)
    arguments = "tmp_path" if "(tmp_path)" in source else ""
    heads = {name: head for name, head in heads_of(clauses, arguments).items() if name not in there}
    # A test of a part that says two things may have one of them only.
    values = [f"With {name}: {clause}" for clause in clauses for name in names if "=" in name and named(name, clause)]
    heads = heads or {name: head for name, head in heads_of(values, arguments).items() if name not in there}
    return Redraw(kept=source.rstrip() + "\n", heads=heads) if heads and there else None


def named(name: str, clause: str) -> bool:
    """Whether a part of a task has a name or a `name=value`, and not as part of another word."""
    return bool(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", clause))


def whole_tests(source: str, begun: str) -> str | None:
    """A test file that was cut off, without the test it was cut off in; None where no whole one is new in it.

    Args:
        source: What there is of the file.
        begun: What was there before.
    """
    lines = source.splitlines()
    starts = [at for at, line in enumerate(lines) if re.match(r"(?:@|(?:async )?def |class )", line)]
    for end in reversed(starts):
        text = "\n".join(lines[:end]).rstrip() + "\n"
        try:
            parse_python(text)
        except (SyntaxError, ValueError):
            continue
        return text if names_of_tests(text) - names_of_tests(begun) else None
    return None


def names_of_tests(source: str) -> set[str]:
    """The tests that a text defines, also one that is cut off."""
    return set(re.findall(r"^def (test_\w+)\(", source, re.M))


def one_function(text: str, name: str) -> str | None:
    """The function of that name at the start of a text, what comes after it cut off; None if it does not parse."""
    lines = text.splitlines()
    for end in range(len(lines), 0, -1):
        try:
            body = parse_python("\n".join(lines[:end])).body
        except (SyntaxError, ValueError):
            continue
        first = body[0] if body else None
        if isinstance(first, ast.FunctionDef) and first.name == name:
            return "\n".join(lines[: first.end_lineno]) + "\n"
        return None
    return None
