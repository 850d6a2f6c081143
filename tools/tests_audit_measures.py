"""What is measured of one test, to compare it before and after a change."""

from __future__ import annotations

import ast
from collections import Counter

from .assertions import TestNode, called_name, constant

MARKERS = {"skip", "skipif", "xfail", "skipIf", "skipUnless", "expectedFailure"}
SKIP_CALLS = {"pytest.skip", "pytest.xfail", "pytest.importorskip", "importorskip", "self.skipTest"}


def body_of(node: TestNode) -> str:
    """What a function does, without its name, decorators and docstring."""
    statements = node.body[1:] if ast.get_docstring(node) is not None else node.body
    return ast.dump(node.args) + "".join(ast.dump(statement) for statement in statements)


def is_empty(node: TestNode) -> bool:
    """True when a function does nothing at all."""
    return all(
        isinstance(n, ast.Pass) or (isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant)) for n in node.body
    )


def text_of(node: ast.AST) -> str:
    """An assertion without its message, which may be reworded."""
    return ast.unparse(ast.Assert(node.test, None)) if isinstance(node, ast.Assert) else ast.unparse(node)


def constants_in(node: TestNode) -> int:
    """The number of assertions that are always true."""
    return sum(isinstance(n, ast.Assert) and constant(n.test) is True for n in ast.walk(node))


def markers_in(decorators: list[ast.expr]) -> Counter[str]:
    """The skip and xfail markers among decorators, also inside `pytest.param(…, marks=…)`."""
    names = (
        called_name(node).rpartition(".")[2]
        for decorator in decorators
        for node in ast.walk(decorator)
        if isinstance(node, (ast.Attribute, ast.Name))
    )
    return Counter(name for name in names if name in MARKERS)


def skip_calls(node: ast.AST) -> Counter[str]:
    """The calls and exceptions with which code skips a test while it runs."""
    calls = [called_name(n) for n in ast.walk(node) if isinstance(n, ast.Call)]
    raised = [called_name(n.exc) for n in ast.walk(node) if isinstance(n, ast.Raise) and n.exc]
    return Counter(n for n in calls if n in SKIP_CALLS) + Counter(
        n for n in raised if n.endswith(("SkipTest", "skip.Exception"))
    )


def module_calls(tree: ast.Module) -> Counter[str]:
    """The same for what a module does when it is imported."""
    rest = [node for node in tree.body if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))]
    return sum((skip_calls(node) for node in rest), Counter())


def has_init(node: ast.ClassDef) -> bool:
    """True for a class that pytest does not collect for its constructor."""
    return any(isinstance(n, ast.FunctionDef) and n.name == "__init__" for n in node.body)


def fixture_params(node: TestNode) -> int:
    """How many params a fixture has."""
    for decorator in node.decorator_list:
        if isinstance(decorator, ast.Call) and called_name(decorator).endswith("fixture"):
            for keyword in decorator.keywords:
                if keyword.arg == "params" and isinstance(keyword.value, (ast.List, ast.Tuple)):
                    return len(keyword.value.elts)
    return 0


def loop_lengths(node: TestNode) -> list[int]:
    """How often literal loops that assert run."""
    return [
        len(n.iter.elts)
        for n in ast.walk(node)
        if isinstance(n, ast.For)
        and isinstance(n.iter, (ast.List, ast.Tuple, ast.Set))
        and any(isinstance(inner, ast.Assert) and constant(inner.test) is not True for inner in ast.walk(n))
    ]


def conditional_nodes(node: TestNode) -> set[ast.AST]:
    """Everything that only runs under a condition."""
    branches = [n for n in ast.walk(node) if isinstance(n, (ast.If, ast.ExceptHandler, ast.Match))]
    return {inner for branch in branches for inner in ast.walk(branch)}


def compared(nodes: list[ast.Assert | ast.Raise | ast.Call]) -> set[str]:
    """The left sides of the assertions that compare for equality."""
    return {
        ast.unparse(n.test.left)
        for n in nodes
        if isinstance(n, ast.Assert) and isinstance(n.test, ast.Compare) and isinstance(n.test.ops[0], ast.Eq)
    }


def is_looser(test: ast.expr, left: str) -> bool:
    """True for `left`, `left is not None`, `left != …` and `isinstance(left, …)`."""
    if ast.unparse(test) == left:
        return True
    if isinstance(test, ast.Compare) and isinstance(test.ops[0], (ast.IsNot, ast.NotEq)):
        return ast.unparse(test.left) == left
    return isinstance(test, ast.Call) and called_name(test) == "isinstance" and ast.unparse(test.args[0]) == left


def raised(nodes: list[ast.Assert | ast.Raise | ast.Call]) -> set[str]:
    """The exceptions that `pytest.raises` expects."""
    calls = [n for n in nodes if isinstance(n, ast.Call) and called_name(n).endswith("raises") and n.args]
    return {called_name(e) for n in calls for e in getattr(n.args[0], "elts", [n.args[0]])}


def switched_off(tree: ast.Module) -> set[str]:
    """Names of tests and classes that the module takes away again after it has defined them."""
    defined: set[str] = set()
    off: set[str] = set()
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            defined.add(node.name)
            off.discard(node.name)
        targets = node.targets if isinstance(node, (ast.Assign, ast.Delete)) else []
        off |= {called_name(target) for target in targets} & defined
        for target in targets:  # test_x.__test__ = False
            name, _, attribute = called_name(target).rpartition(".")
            if attribute == "__test__":
                off.add(name)
        if isinstance(node, ast.ClassDef) and any(_is_no_test(n) for n in node.body):
            off.add(node.name)
        if _is_no_test(node):
            off |= {n.name for n in tree.body if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))}
    return off


def _is_no_test(node: ast.stmt) -> bool:
    if not isinstance(node, ast.Assign) or called_name(node.targets[0]) != "__test__":
        return False
    return constant(node.value) is False


def short(text: str) -> str:
    """An expression on one line, cut to fit a message."""
    text = " ".join(text.split())
    return text if len(text) <= 80 else text[:79] + "…"
