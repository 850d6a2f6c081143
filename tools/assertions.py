"""Which assertions of a test can fail, read from its source."""

from __future__ import annotations

import ast
import operator as operators
from collections.abc import Callable, Iterator
from typing import Any

from .syntax import parse_python

TestNode = ast.FunctionDef | ast.AsyncFunctionDef
SWALLOWING = {"AssertionError", "Exception", "BaseException"}
RAISING = {p + name for name in ("raises", "warns", "deprecated_call", "fail") for p in ("pytest.", "")} | {"self.fail"}
COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], object]] = {
    ast.Eq: operators.eq,
    ast.NotEq: operators.ne,
    ast.Lt: operators.lt,
    ast.LtE: operators.le,
    ast.Gt: operators.gt,
    ast.GtE: operators.ge,
    ast.Is: operators.is_,
    ast.IsNot: operators.is_not,
    ast.In: lambda left, right: left in right,
    ast.NotIn: lambda left, right: left not in right,
}
LEAVING = {"skip", "exit", "xfail"}


def count_assertions(source: str) -> dict[str, int]:
    """The number of assertions that can fail, by test function (`test_x` or `Class::test_x`).

    What counts: an `assert` whose condition is not constant, `pytest.raises`/`warns`/`fail`, a call of something named
    `assert…`, and a call of a function of the same file that asserts. What can never be reached or is caught again does
    not count. Source that does not parse has no tests.
    """
    try:
        module = parse_python(source)
    except (SyntaxError, ValueError):
        return {}
    helpers = helper_functions(module)
    return {name: assertions_in(node, helpers) for name, node in test_functions(module).items()}


def test_functions(module: ast.Module) -> dict[str, TestNode]:
    """The functions pytest collects by its default names, also of nested classes and in `if` and `try` blocks."""
    return dict(_tests(module.body, ""))


test_functions.__test__ = False  # type: ignore[attr-defined]


def helper_functions(module: ast.Module) -> dict[str, TestNode]:
    """The functions and methods of a file that are no tests, by their bare name."""
    found = [node for node in ast.walk(module) if isinstance(node, TestNode)]
    return {node.name: node for node in found if not node.name.startswith("test")}


def assertions_in(function: TestNode, helpers: dict[str, TestNode]) -> int:
    """The number of assertions in one function that can fail; a call of an asserting helper counts as one."""
    return len(real_assertions(function, helpers))


def real_assertions(
    function: TestNode, helpers: dict[str, TestNode], _seen: frozenset[str] = frozenset()
) -> list[ast.Assert | ast.Raise | ast.Call]:
    """The assertions in one function that can fail, as nodes; a call of an asserting helper is one."""
    seen = _seen | {function.name}
    nested = {node.name: node for node in ast.walk(function) if isinstance(node, TestNode) and node is not function}
    known = {**helpers, **nested}
    found: list[ast.Assert | ast.Raise | ast.Call] = []
    for node in _reachable(function.body):
        if isinstance(node, ast.Assert):
            counts = constant(node.test) is not True
        elif isinstance(node, ast.Raise):
            counts = "AssertionError" in ast.dump(node)
        elif isinstance(node, ast.Call):
            name = _called(node)
            if called_name(node) in RAISING:
                counts = True
            elif name.startswith(("assert", "_assert")) and name not in known:
                counts = not _constant_call(name, node)
            else:
                counts = name in known and name not in seen and bool(real_assertions(known[name], helpers, seen))
        else:
            continue
        if counts:
            found.append(node)
    return found


def constant(node: ast.expr) -> bool | None:
    """The truth of an expression that does not depend on what is tested; None when it does."""
    match node:
        case ast.Constant(value=value):
            return bool(value)
        case ast.Tuple(elts=elements) | ast.List(elts=elements) | ast.Set(elts=elements):
            return None if any(isinstance(e, ast.Starred) for e in elements) else bool(elements)
        case ast.Dict(keys=keys):
            return None if None in keys else bool(keys)
        case ast.Lambda():
            return True
        case ast.JoinedStr(values=parts):
            return True if any(isinstance(part, ast.Constant) and part.value for part in parts) else None
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            truth = constant(operand)
            return None if truth is None else not truth
        case ast.BoolOp(op=operator, values=values):
            truths = [constant(value) for value in values]
            decisive = isinstance(operator, ast.Or)
            if decisive in truths:
                return decisive
            return None if None in truths else not decisive
        case ast.NamedExpr(value=value):
            return constant(value)
        case ast.Compare(left=left, ops=[operator], comparators=[right]):
            return _compare(left, operator, right)
        case ast.Call(func=ast.Name(id="isinstance"), args=[_, ast.Name(id="object")]):
            return True
        case ast.Call(func=ast.Name(id="bool"), args=[value]):
            return constant(value)
    return None


def called_name(node: ast.expr) -> str:
    """The dotted name of an expression (`pytest.mark.skip`), empty when it is none."""
    if isinstance(node, ast.Call):
        return called_name(node.func)
    if isinstance(node, ast.Attribute):
        return f"{called_name(node.value)}.{node.attr}".lstrip(".")
    return node.id if isinstance(node, ast.Name) else ""


def _tests(body: list[ast.stmt], prefix: str) -> Iterator[tuple[str, TestNode]]:
    for node in body:
        if isinstance(node, TestNode) and node.name.startswith("test"):
            yield prefix + node.name, node
        elif isinstance(node, ast.ClassDef):
            bases = " ".join(called_name(base) for base in node.bases)
            if node.name.startswith("Test") or "TestCase" in bases:
                yield from _tests(node.body, f"{prefix}{node.name}::")
        elif isinstance(node, (ast.If, ast.Try, ast.With)):
            for part in ("body", "orelse", "finalbody"):
                yield from _tests(getattr(node, part, []), prefix)
            for handler in getattr(node, "handlers", []):
                yield from _tests(handler.body, prefix)


def _reachable(body: list[ast.stmt]) -> Iterator[ast.AST]:
    """Every node that is executed when the statements are, and whose failure is not caught again."""
    for statement in body:
        yield from _inside(statement)
        if isinstance(statement, (ast.Return, ast.Raise, ast.Break, ast.Continue)) or _leaves(statement):
            return


def _inside(statement: ast.stmt) -> Iterator[ast.AST]:
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return  # counted where it is called
    if isinstance(statement, (ast.If, ast.While)):
        truth = constant(statement.test)
        yield from ast.walk(statement.test)
        if truth is not False:
            yield from _reachable(statement.body)
        if truth is not True:
            yield from _reachable(statement.orelse)
    elif isinstance(statement, (ast.For, ast.AsyncFor)):
        yield from ast.walk(statement.iter)
        if constant(statement.iter) is not False:
            yield from _reachable(statement.body)
        yield from _reachable(statement.orelse)
    elif isinstance(statement, (ast.With, ast.AsyncWith)):
        for item in statement.items:
            yield from ast.walk(item.context_expr)
        if not any(_suppresses(item.context_expr) for item in statement.items):
            yield from _reachable(statement.body)
    elif isinstance(statement, (ast.Try, ast.TryStar)):
        if not any(_swallows(handler) for handler in statement.handlers):
            yield from _reachable(statement.body)
        for handler in statement.handlers:
            yield from _reachable(handler.body)
        yield from _reachable(statement.orelse)
        yield from _reachable(statement.finalbody)
    elif isinstance(statement, ast.Match):
        for case in statement.cases:
            yield from _reachable(case.body)
    else:
        yield from ast.walk(statement)


def _leaves(statement: ast.stmt) -> bool:
    """`pytest.skip(...)` and the like as a statement of its own: nothing after it runs."""
    return isinstance(statement, ast.Expr) and called_name(statement.value) in {f"pytest.{name}" for name in LEAVING}


def _swallows(handler: ast.ExceptHandler) -> bool:
    kind = handler.type
    names = (
        [called_name(n) for n in kind.elts] if isinstance(kind, ast.Tuple) else [called_name(kind)] if kind else [""]
    )
    if kind is not None and not SWALLOWING.intersection(names):
        return False
    for node in ast.walk(handler):
        if isinstance(node, (ast.Raise, ast.Assert)) or (isinstance(node, ast.Call) and called_name(node) in RAISING):
            return False
    return True


def _suppresses(node: ast.expr) -> bool:
    return (
        isinstance(node, ast.Call)
        and called_name(node).endswith("suppress")
        and bool(SWALLOWING.intersection(called_name(a) for a in node.args))
    )


def _compare(left: ast.expr, operator: ast.cmpop, right: ast.expr) -> bool | None:
    known, other = _literal(left), _literal(right)
    if known is not None and other is not None:
        compare = COMPARISONS.get(type(operator))
        try:
            return None if compare is None else bool(compare(known[0], other[0]))
        except TypeError:
            return None
    same = ast.dump(left) == ast.dump(right) and not any(isinstance(n, (ast.Call, ast.Await)) for n in ast.walk(left))
    if same and isinstance(operator, (ast.Eq, ast.Is, ast.LtE, ast.GtE)):
        return True
    length = isinstance(left, ast.Call) and called_name(left) == "len"
    if length and isinstance(right, ast.Constant) and right.value == 0 and isinstance(operator, ast.GtE):
        return True
    return None


def _literal(node: ast.expr) -> tuple[Any] | None:
    """The value of an expression of literals alone (`1 + 1`, `[1, 2]`), in a tuple; None for any other."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub)):
        left, right = _literal(node.left), _literal(node.right)
        if left is None or right is None:
            return None
        try:
            return (left[0] + right[0] if isinstance(node.op, ast.Add) else left[0] - right[0],)
        except TypeError:
            return None
    try:
        return (ast.literal_eval(node),)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None


def _constant_call(name: str, node: ast.Call) -> bool:
    """True for `self.assertTrue(True)` and the like."""
    name, arguments = name.lower(), node.args
    if name == "asserttrue" and arguments:
        return constant(arguments[0]) is True
    if name == "assertfalse" and arguments:
        return constant(arguments[0]) is False
    if name in ("assertequal", "assertis", "assertequals") and len(arguments) >= 2:
        return _compare(arguments[0], ast.Eq(), arguments[1]) is True
    if name == "assertisnotnone" and arguments:
        return isinstance(arguments[0], ast.Constant) and arguments[0].value is not None
    return False


def _called(node: ast.Call) -> str:
    return called_name(node).rpartition(".")[2]
