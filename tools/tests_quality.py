"""What a test is worth, read from its source: whether it runs, can fail, and looks at what the project does."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from typing import Literal

from pydantic import BaseModel, ConfigDict

from .assertions import (
    TestNode,
    called_name,
    constant,
    helper_functions,
    real_assertions,
    test_functions,
)
from .syntax import parse_python
from .tests_audit_measures import body_of, conditional_nodes

MOCKS = {"Mock", "MagicMock", "AsyncMock", "NonCallableMock", "create_autospec"}
SKIPS = ("pytest.mark.skip", "unittest.skip", "mark.skip", "skip")
CONDITIONAL = ("skipif", "skipIf", "skipUnless")


class Doubt(BaseModel):
    """Something that makes a test worth less, or nothing.

    Attributes:
        severity: `error`: it shows nothing, for certain. `warning`: it may show little.
    """

    model_config = ConfigDict(extra="forbid")

    line: int
    severity: Literal["error", "warning"]
    message: str


def doubts_about(source: str, before: str = "", own: Collection[str] = ()) -> list[Doubt]:
    """What is wrong with the new and changed tests of a file.

    Args:
        source: The file's text.
        before: Its text before the change; tests that stand there unchanged are passed over.
        own: The top-level modules of the project.

    Returns:
        By line. Empty for source that does not parse.
    """
    try:
        tree, old = parse_python(source), parse_python(before)
    except (SyntaxError, ValueError):
        return []
    known = {name: body_of(node) + _marks(node) for name, node in test_functions(old).items()}
    found = list(_of_module(tree, old, own))
    helpers = helper_functions(tree)
    for name, node in test_functions(tree).items():
        if known.get(name) != body_of(node) + _marks(node):
            found += _of_test(name, node, tree, helpers, own)
    return sorted(found, key=lambda doubt: doubt.line)


def why_no_assertion(node: TestNode) -> str:
    """Why a test that has assertions has none that can fail; empty when it simply has none."""
    written = [n for n in ast.walk(node) if isinstance(n, ast.Assert)]
    if not written:
        return ""
    if all(constant(n.test) is True for n in written):
        return "what it asserts is always true"
    for statement in ast.walk(node):
        if isinstance(statement, (ast.Try, ast.TryStar)) and any(n in ast.walk(statement) for n in written):
            return f"its assertions are inside the `try` on line {statement.lineno}, which catches their failure"
        if isinstance(statement, (ast.With, ast.AsyncWith)) and "suppress" in ast.unparse(statement.items[0]):
            return f"its assertions are inside the `with` on line {statement.lineno}, which swallows their failure"
    leaving = next(
        (s for s in node.body if isinstance(s, (ast.Return, ast.Raise)) or "skip" in called_name(_value(s))), None
    )
    if leaving:
        return f"line {leaving.lineno} leaves the test before its assertions"
    return "its assertions are never reached"


def _value(statement: ast.stmt) -> ast.expr:
    return statement.value if isinstance(statement, ast.Expr) else ast.Constant(None)


def _marks(node: TestNode) -> str:
    return "".join(ast.dump(decorator) for decorator in node.decorator_list)


def _of_module(tree: ast.Module, old: ast.Module, own: Collection[str]) -> Iterator[Doubt]:
    """What keeps a whole file from running."""
    there = {ast.unparse(node) for node in old.body}
    for node in tree.body:
        if ast.unparse(node) in there:
            continue
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            name = called_name(node.value)
            if name in ("pytest.skip", "pytest.exit", "pytest.xfail"):
                yield Doubt(
                    line=node.lineno,
                    severity="error",
                    message=f"`{name}` leaves out the whole file, so none of its tests shows anything; take it away",
                )
        if isinstance(node, ast.Assign) and any(called_name(target) == "pytestmark" for target in node.targets):
            yield from _of_marks([node.value], "every test of the file")
        if isinstance(node, ast.ClassDef):
            yield from _of_marks(node.decorator_list, f"every test of {node.name}")
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and called_name(call).endswith("importorskip") and call.args:
            asked = str(call.args[0].value) if isinstance(call.args[0], ast.Constant) else ast.unparse(call.args[0])
            if ast.unparse(call) in ast.unparse(old):
                continue
            mine = asked.partition(".")[0] in own
            yield Doubt(
                line=call.lineno,
                severity="error" if mine else "warning",
                message=f"`importorskip({asked!r})` skips the tests when {asked} cannot be imported"
                + (", which is what they should find out; import it" if mine else ""),
            )


def _of_marks(decorators: list[ast.expr], what: str) -> Iterator[Doubt]:
    """Marks that keep tests from running, or from failing."""
    for decorator in [part for d in decorators for part in (d.elts if isinstance(d, (ast.List, ast.Tuple)) else [d])]:
        name = called_name(decorator)
        arguments = decorator.args if isinstance(decorator, ast.Call) else []
        keywords = {k.arg: k.value for k in decorator.keywords} if isinstance(decorator, ast.Call) else {}
        last = name.rpartition(".")[2]
        if last in CONDITIONAL and arguments:
            truth = constant(arguments[0])
            if isinstance(arguments[0], ast.Constant) and isinstance(arguments[0].value, str):
                truth = {"True": True, "1": True}.get(arguments[0].value.strip())
            if truth is (last != "skipUnless"):
                yield Doubt(
                    line=decorator.lineno,
                    severity="error",
                    message=f"{what} is always skipped (`{_cut(ast.unparse(decorator))}`), so it shows nothing; "
                    "take the mark away",
                )
        elif name in SKIPS or name.endswith(".mark.skip"):
            given = bool(arguments) or "reason" in keywords
            yield Doubt(
                line=decorator.lineno,
                severity="warning" if given else "error",
                message=f"{what} is always skipped, so it shows nothing; take the mark away",
            )
        elif last in ("xfail", "expectedFailure"):
            strict = "strict" in keywords and constant(keywords["strict"]) is True
            yield Doubt(
                line=decorator.lineno,
                severity="warning",
                message=f"{what} is marked as an expected failure"
                + ("" if strict else ", and so cannot fail; take the mark away, or say `strict=True`"),
            )


def _of_test(
    name: str, node: TestNode, tree: ast.Module, helpers: dict[str, TestNode], own: Collection[str]
) -> Iterator[Doubt]:
    yield from _of_marks(node.decorator_list, name)
    assertions = real_assertions(node, helpers)
    written = [n for n in ast.walk(node) if isinstance(n, ast.Assert) and constant(n.test) is not True]
    lost = [n for n in written if n not in assertions and not _in_nested(node, n)]
    if not assertions:
        return  # said elsewhere
    if lost:
        lines = ", ".join(str(n.lineno) for n in lost[:5])
        yield Doubt(
            line=lost[0].lineno,
            severity="warning",
            message=f"{name}: the assertions on line {lines} are never reached, or their failure is caught",
        )
    mocks = _mocks(node)
    if mocks and all(_roots(item) and _roots(item) <= mocks for item in assertions):
        project = _project_names(tree, own)
        used = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)} | {a.arg for a in node.args.args}
        yield Doubt(
            line=node.lineno,
            severity="warning" if used & (project | set(helpers)) or node.args.args else "error",
            message=f"{name} asserts on mocks alone ({', '.join(sorted(mocks))}): it shows what the test itself has "
            "set up; assert what the project returns or writes",
        )
    elif all(item in conditional_nodes(node) | _looped(node) for item in assertions):
        yield Doubt(
            line=node.lineno,
            severity="warning",
            message=f"{name} asserts only under a condition or in a loop, and so nothing when that never comes; "
            "assert once outside of it, such as the number of rows",
        )
    elif all(_is_weak(item) for item in assertions):
        yield Doubt(
            line=node.lineno,
            severity="warning",
            message=f"{name} only asserts that there is something (`{_cut(ast.unparse(assertions[0]))}`); compare it "
            "with the exact value that the specification asks for",
        )
    replaced = _replaced(node)
    for target in sorted(replaced):
        called = {called_name(n).rpartition(".")[2] for n in ast.walk(node) if isinstance(n, ast.Call)}
        last = target.rpartition(".")[2]
        if target.partition(".")[0] in own and last in called and name.endswith(last):
            yield Doubt(
                line=node.lineno,
                severity="warning",
                message=f"{name} replaces `{target}`, the very function that it tests",
            )


def _looped(node: TestNode) -> set[ast.AST]:
    """What runs once for each item of something that may be empty."""
    loops = [n for n in ast.walk(node) if isinstance(n, (ast.For, ast.AsyncFor)) and constant(n.iter) is not True]
    counted = [n for n in loops if called_name(n.iter) not in ("range", "enumerate", "zip", "product")]
    return {inner for loop in counted for statement in loop.body for inner in ast.walk(statement)}


def _in_nested(node: TestNode, inner: ast.AST) -> bool:
    """Whether a node is in a function inside the test, which counts where it is called."""
    nested = [n for n in ast.walk(node) if isinstance(n, (*_FUNCTIONS, ast.ClassDef)) and n is not node]
    return any(inner in ast.walk(function) for function in nested)


_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


def _mocks(node: TestNode) -> set[str]:
    """Local names that are mocks."""
    found: set[str] = set()
    for n in ast.walk(node):
        if isinstance(n, ast.Assign) and called_name(n.value).rpartition(".")[2] in MOCKS:
            found |= {target.id for target in n.targets if isinstance(target, ast.Name)}
        elif isinstance(n, ast.withitem) and "patch" in called_name(n.context_expr).split("."):
            found |= {n.optional_vars.id} if isinstance(n.optional_vars, ast.Name) else set()
    for _ in range(3):  # what a mock gave is a mock
        for n in ast.walk(node):
            if isinstance(n, ast.Assign) and _roots(n.value) and _roots(n.value) <= found:
                found |= {target.id for target in n.targets if isinstance(target, ast.Name)}
    return found


def _roots(node: ast.AST) -> set[str]:
    """The variables an expression looks at."""
    ignored = {"len", "list", "str", "sorted", "any", "all", "isinstance", "call", "mock", "int", "dict"}
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name)} - ignored


def _project_names(tree: ast.Module, own: Collection[str]) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and ((node.module or "").partition(".")[0] in own or node.level):
            names |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {
                (alias.asname or alias.name).partition(".")[0]
                for alias in node.names
                if alias.name.partition(".")[0] in own
            }
    return names


def _is_weak(node: ast.AST) -> bool:
    """`x is not None`, `x`, `isinstance(x, …)`, `hasattr(x, …)`, `callable(x)`: true for nearly everything."""
    if not isinstance(node, ast.Assert):
        return isinstance(node, ast.Call) and called_name(node).endswith(("assertIsNotNone", "assertIsInstance"))
    test = node.test
    if isinstance(test, ast.BoolOp):
        return all(_is_weak(ast.Assert(value)) for value in test.values)
    if isinstance(test, ast.Compare):
        right = test.comparators[0]
        return isinstance(test.ops[0], ast.IsNot) and isinstance(right, ast.Constant) and right.value is None
    if isinstance(test, ast.Call):
        return called_name(test) in ("isinstance", "hasattr", "callable", "bool")
    return isinstance(test, (ast.Name, ast.Attribute))


def _replaced(node: TestNode) -> set[str]:
    """The dotted names that `patch("…")` and `monkeypatch.setattr("…", …)` replace."""
    calls = [n for n in ast.walk(node) if isinstance(n, ast.Call) and n.args]
    return {
        str(call.args[0].value)
        for call in calls
        if called_name(call).rpartition(".")[2] in ("patch", "setattr")
        and isinstance(call.args[0], ast.Constant)
        and "." in str(call.args[0].value)
    }


def _cut(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 70 else text[:69] + "…"
