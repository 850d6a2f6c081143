"""Mechanical repairs of a draft: what a tool can put right needs no further draft.

They only move, remove or redirect imports; behaviour is the model's to write and the verifier's to judge.
"""

from __future__ import annotations

import ast
import json
import re
import sys
import textwrap
from collections.abc import Sequence, Set
from pathlib import Path

from ...tools import processes
from ...tools.syntax import parse_python
from ..planner.paths import role_of_path
from .imports import dsl_imports, missing_imports, own_imports
from .scaffold import Signature, decorated, gives_rows, helper_names


def mend_python(root: Path, path: str, components: Sequence[Signature] = ()) -> None:
    """Put a drafted Python file in order: imports into the components that use them, unused ones out, formatted.

    Args:
        root: The worktree.
        path: The file, relative to it. A file that does not parse is left as it is.
        components: In a test: the components that it is about, which outside a pipeline run by `python_func`.
    """
    file = root / path
    text = file.read_text(encoding="utf-8")
    names = frozenset(component.name for component in components)
    imported = missing_imports(root, own_imports(root, dsl_imports(text)))
    mended = call_python_func(imports_into_components(imported), names)
    if role_of_path(path) == "tests":
        mended = compiled_asserted(lists_sorted(texts_dedented(mended)))
        called = [helper_names(components, taken) for taken in (False, True)]
        helpers = {names[item.name] for item in components if gives_rows(item) for names in called}
        mended = last_line_ended(mended, helpers)
    if mended != text:
        file.write_text(mended, encoding="utf-8")
    ruff = [sys.executable, "-P", "-m", "ruff"]
    env = processes.clean_env()
    processes.run(
        [*ruff, "check", "--no-cache", "--quiet", "--fix-only", "--select=F401,I001", "--", path],
        cwd=root,
        env=env,
        timeout=60,
    )
    processes.run([*ruff, "format", "--no-cache", "--quiet", "--", path], cwd=root, env=env, timeout=60)


def imports_into_components(source: str) -> str:
    """Copy module-level imports that a component's body uses into that body (only there they exist in a cluster).

    Imports of kfp stay; the copy at the module's top is left for `ruff` to remove when nothing else uses it.
    """
    try:
        tree = parse_python(source)
    except (SyntaxError, ValueError):
        return source
    lines = source.splitlines(keepends=True)
    imports: dict[str, str] = {}
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom) and not is_kfp(node):
            text = ast.unparse(node)
            for alias in node.names:
                imports[(alias.asname or alias.name).split(".")[0]] = text
    inserts: list[tuple[int, str]] = []
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef) or not decorated(node, "component"):
            continue
        used = {name.id for item in node.body for name in ast.walk(item) if isinstance(name, ast.Name)}
        local = {
            (alias.asname or alias.name).split(".")[0]
            for item in ast.walk(node)
            if isinstance(item, ast.Import | ast.ImportFrom)
            for alias in item.names
        }
        needed = sorted({text for name, text in imports.items() if name in used - local})
        has_doc = ast.get_docstring(node) is not None and len(node.body) > 1
        first = node.body[1] if has_doc else node.body[0]
        if needed:
            indent = " " * first.col_offset
            inserts.append((first.lineno - 1, "".join(f"{indent}{text}\n" for text in needed) + "\n"))
    for at, text in sorted(inserts, reverse=True):
        lines.insert(at, text)
    return "".join(lines)


HEADER = re.compile(r"\n\w+(?:,\w+)+\n")


def texts_dedented(source: str) -> str:
    """Rows that a test gives in triple quotes, indented like the code around them, without that indentation.

    Only texts that begin with a line break and are indented in every line: what is read or compared is never like that,
    and a text is dedented wherever it stands, so that input and expectation stay alike. Before the header of a table a
    line break alone goes too: `csv` would take the empty line for the header.
    """
    try:
        tree = parse_python(source)
    except (SyntaxError, ValueError):
        return source
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    prose |= {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    lines = source.splitlines(keepends=True)
    found = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose
    ]
    for node in sorted(found, key=lambda node: -node.lineno):
        text = str(node.value)
        plain = textwrap.dedent(text)
        indented = all(line[:1] in (" ", "\t") for line in text.split("\n") if line.strip())
        # A backslash after the quotes takes the first line break away.
        begins = text.startswith("\n") or lines[node.lineno - 1].rstrip().endswith("\\")
        if node.end_lineno == node.lineno or not begins or not text.strip():
            continue
        if indented:
            put(lines, node, plain.removeprefix("\n").rstrip() + "\n")
        elif HEADER.match(text):
            put(lines, node, text.removeprefix("\n"))
    return "".join(lines)


def lists_sorted(source: str) -> str:
    """`sorted(…) == ["b", "a"]` with the list in order: as it stands no code can pass it, and what is in it stays."""
    try:
        tree = parse_python(source)
    except (SyntaxError, ValueError):
        return source
    lines = source.splitlines(keepends=True)
    compared = [node for node in ast.walk(tree) if isinstance(node, ast.Compare)]
    for node in sorted(compared, key=lambda node: (-node.lineno, -node.col_offset)):
        called, listed = node.left, node.comparators[0]
        by_name = isinstance(called, ast.Call) and ast.unparse(called.func) == "sorted" and not called.keywords
        equal = len(node.ops) == 1 and isinstance(node.ops[0], ast.Eq)
        if not by_name or not equal or not isinstance(listed, ast.List) or listed.lineno != listed.end_lineno:
            continue
        values = [item.value for item in listed.elts if isinstance(item, ast.Constant) and isinstance(item.value, str)]
        if len(values) == len(listed.elts) and values != sorted(values):
            put(lines, listed, sorted(values))
    return "".join(lines)


def last_line_ended(source: str, helpers: Set[str]) -> str:
    """`run(…) == "a,b\\n1,2"` with the last line's end: a table that is written row by row has it, whatever is in it.

    Args:
        source: Tests.
        helpers: Those of their helpers that give the text of the one table that a component writes.
    """
    if not helpers:
        return source
    try:
        tree = parse_python(source)
    except (SyntaxError, ValueError):
        return source
    short: list[tuple[ast.Constant, str]] = []
    for function in [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name not in helpers]:
        assigned = [node for node in ast.walk(function) if isinstance(node, ast.Assign)]
        given = {ast.unparse(to) for node in assigned if is_call(node.value, *helpers) for to in node.targets}
        for node in ast.walk(function):
            if not isinstance(node, ast.Compare) or len(node.ops) > 1 or not isinstance(node.ops[0], ast.Eq):
                continue
            text, whole = node.comparators[0], is_call(node.left, *helpers) or ast.unparse(node.left) in given
            if whole and isinstance(text, ast.Constant) and isinstance(text.value, str):
                short += [(text, text.value)] if text.value and not text.value.endswith("\n") else []
    lines = source.splitlines(keepends=True)
    for node, rows in sorted(short, key=lambda found: (-found[0].lineno, -found[0].col_offset)):
        put(lines, node, f"{rows}\n")
    return "".join(lines)


def compiled_asserted(source: str) -> str:
    """A test that only compiles a pipeline, with an assertion that there are tasks: that it compiles is what is asked.

    Args:
        source: Tests; those without the helper `compile_tasks` stay as they are.
    """
    if "def compile_tasks(" not in source:
        return source
    try:
        tree = parse_python(source)
    except (SyntaxError, ValueError):
        return source
    lines = source.splitlines(keepends=True)
    for function in reversed([node for node in tree.body if isinstance(node, ast.FunctionDef)]):
        last = function.body[-1]
        if not function.name.startswith("test_") or any(
            isinstance(n, ast.Assert | ast.With) for n in ast.walk(function)
        ):
            continue
        indent, at = " " * last.col_offset, last.end_lineno or last.lineno
        if isinstance(last, ast.Expr) and is_call(last.value, "compile_tasks") and last.lineno == at:
            lines[at - 1] = f"{indent}assert {lines[at - 1].lstrip()}"
        elif isinstance(last, ast.Assign) and is_call(last.value, "compile_tasks"):
            lines.insert(at, f"{indent}assert {ast.unparse(last.targets[0])}\n")
    return "".join(lines)


def put(lines: list[str], node: ast.expr, value: str | list[str]) -> None:
    """Put a text, or a list of texts, in the place of an expression; later places must have had their turn."""
    # Offsets of the parser count bytes.
    before = lines[node.lineno - 1].encode()[: node.col_offset].decode()
    after = lines[node.end_lineno - 1].encode()[node.end_col_offset :].decode()  # type: ignore[operator]
    lines[node.lineno - 1 : node.end_lineno] = [f"{before}{json.dumps(value, ensure_ascii=False)}{after}"]


def is_call(node: ast.expr, *names: str) -> bool:
    """Whether it is a call of one of these functions."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names


def call_python_func(source: str, components: frozenset[str]) -> str:
    """Turn `component(…)` into `component.python_func(…)` in a test that neither builds a pipeline nor runs locally."""
    if not components or re.search(r"\blocal\.init\b|@(dsl\.)?pipeline\b", source):
        return source
    try:
        tree = parse_python(source)
    except (SyntaxError, ValueError):
        return source
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    ends = sorted(
        ((name.end_lineno or 0, name.end_col_offset or 0) for name in calls if name.id in components), reverse=True
    )
    lines = source.splitlines(keepends=True)
    for line, column in ends:
        # Offsets of the parser count bytes.
        data = lines[line - 1].encode()
        lines[line - 1] = (data[:column] + b".python_func" + data[column:]).decode()
    return "".join(lines)


def is_kfp(node: ast.Import | ast.ImportFrom) -> bool:
    """True for imports of kfp, which a component gets in any case."""
    names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
    return any(name.split(".")[0] in ("kfp", "__future__", "typing") for name in names) or bool(
        getattr(node, "level", 0)
    )
