"""Small changes to functions (mutants) that a test of them should notice.

Own set, not mutmut or cosmic-ray: mutmut needs libcst, textual and setproctitle in the interpreter of the project under
work and puts trampolines into the functions, which a KFP component (sent to the cluster as its source text) would carry
along; cosmic-ray starts a whole pytest for each mutant and needs a database and aiohttp. For a dozen mutants within a
few seconds, on one function, the standard library does.

Not made is what changes nothing that a test should look at: docstrings, annotations, decorators (images, packages),
what is printed or logged, texts of errors, encodings and modes of `open`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from itertools import zip_longest
from typing import TypeGuard

from pydantic import BaseModel, ConfigDict, Field

from .assertions import called_name
from .syntax import parse_python

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef

COMPARISONS: dict[type[ast.cmpop], tuple[str, str]] = {
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
    ast.In: ("in", "not in"),
    ast.NotIn: ("not in", "in"),
    ast.Is: ("is", "is not"),
    ast.IsNot: ("is not", "is"),
}
ARITHMETIC: dict[type[ast.operator], tuple[str, str]] = {
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "/"),
    ast.Div: ("/", "*"),
    ast.FloorDiv: ("//", "*"),
    ast.Mod: ("%", "*"),
    ast.Pow: ("**", "*"),
}
QUIET = {"print", "warn", "info", "debug", "warning", "error", "exception", "critical", "log", "echo", "secho", "flush"}
"""Calls whose arguments nobody tests."""

SETTINGS = {"encoding", "newline", "errors", "mode", "description", "display_name", "help", "indent", "name"}
"""Keywords whose text changes little or nothing of the result."""

KINDS = ("removed", "compared", "result", "logic", "arithmetic", "default", "number", "text")
"""In the order of how much a test should notice them."""


class Mutant(BaseModel):
    """One changed function.

    Attributes:
        path: The file.
        line: Where the change is.
        function: The function it is in.
        kind: One of `KINDS`.
        change: In words: "changing `>` to `>=`".
        before: What is replaced; empty where much is.
        after: What comes there.
        source: The whole file with the change.
    """

    model_config = ConfigDict(extra="forbid")

    path: str
    line: int
    function: str
    kind: str
    change: str
    before: str = ""
    after: str = ""
    source: str = Field(repr=False)

    def __str__(self) -> str:
        return f"{self.change} on line {self.line} of {self.path}"

    @property
    def brief(self) -> str:
        """One short line: "shop/keep.py:2: `<` → `<=`"."""
        what = f"`{_cut(self.before)}` → `{_cut(self.after)}`" if self.before else self.change
        return f"{self.path}:{self.line}: {what}"


def mutants_of(path: str, source: str, functions: Iterable[str]) -> list[Mutant]:
    """All mutants of some functions of a file.

    Args:
        path: The file's name, for the messages.
        source: Its text.
        functions: Dotted names of functions (`f`, `Class.method`); a class stands for all its methods.

    Returns:
        Mutants that parse and differ from the file, by function, the most telling kinds first and mixed.
    """
    data = source.encode()
    starts = _line_starts(data)
    tree = parse_python(source)
    original = ast.dump(tree)
    found: list[Mutant] = []
    for name, node in functions_in(tree):
        if not any(name == wanted or name.startswith(f"{wanted}.") for wanted in functions):
            continue
        made: dict[str, list[Mutant]] = {kind: [] for kind in KINDS}
        for kind, at, (start, end), text, change in _edits(node, data, starts):
            changed = (data[:start] + text.encode() + data[end:]).decode()
            try:
                if ast.dump(parse_python(changed)) == original:
                    continue
            except (SyntaxError, ValueError):
                continue
            before = data[start:end].decode()
            mutant = Mutant(
                path=path, line=at, function=name, kind=kind, change=change, before=before, after=text, source=changed
            )
            made[kind].append(mutant)
        # One of each kind in turn: a dozen of the same kind says less than a few of each.
        found += [m for row in zip_longest(*made.values()) for m in row if m is not None]
    return found


def functions_in(tree: ast.Module) -> Iterator[tuple[str, FunctionNode]]:
    """The functions of a module and the methods of its classes, by dotted name; nested functions are part of theirs."""
    for node, prefix in _walk(tree.body, ""):
        yield prefix + node.name, node


def _walk(body: list[ast.stmt], prefix: str) -> Iterator[tuple[FunctionNode, str]]:
    for node in body:
        if isinstance(node, FunctionNode):
            yield node, prefix
        elif isinstance(node, ast.ClassDef):
            yield from _walk(node.body, f"{prefix}{node.name}.")
        elif isinstance(node, (ast.If, ast.Try, ast.With)):
            yield from _walk([*node.body, *getattr(node, "orelse", [])], prefix)


def _line_starts(data: bytes) -> list[int]:
    starts = [0]
    for line in data.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    return starts


Edit = tuple[str, int, tuple[int, int], str, str]
"""Kind, line, the bytes to replace, their new text, the change in words."""


def _edits(function: FunctionNode, data: bytes, starts: list[int]) -> Iterator[Edit]:
    def begin(node: ast.expr | ast.stmt) -> int:
        return starts[node.lineno - 1] + node.col_offset

    def finish(node: ast.expr | ast.stmt) -> int:
        assert node.end_lineno is not None and node.end_col_offset is not None
        return starts[node.end_lineno - 1] + node.end_col_offset

    def text(node: ast.expr | ast.stmt) -> str:
        return data[begin(node) : finish(node)].decode()

    def between(left: ast.expr, right: ast.expr, old: str, new: str) -> tuple[tuple[int, int], str] | None:
        """The edit that replaces an operator, which stands nowhere in the tree, between its two sides."""
        gap = data[finish(left) : begin(right)].decode()
        place = gap.find(old)
        if place < 0 or "#" in gap:
            return None
        start = finish(left) + len(gap[:place].encode())
        return (start, start + len(old)), new

    def swap(kind: str, left: ast.expr, right: ast.expr, old: str, new: str) -> Iterator[Edit]:
        edit = between(left, right, old, new)
        if edit:
            yield kind, left.end_lineno or left.lineno, edit[0], edit[1], f"changing `{old}` to `{new}`"

    for default in [*function.args.defaults, *(d for d in function.args.kw_defaults if d)]:
        if isinstance(default, ast.Constant) and (new := _other(default.value)) is not None:
            change = f"changing the default `{text(default)}` to `{new}`"
            yield "default", default.lineno, (begin(default), finish(default)), new, change
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    for node in _tested(body):
        whole = (begin(node), finish(node)) if isinstance(node, (ast.expr, ast.stmt)) else (0, 0)
        if isinstance(node, ast.Compare) and len(node.ops) == 1:
            yield from swap("compared", node.left, node.comparators[0], *COMPARISONS[type(node.ops[0])])
        elif isinstance(node, ast.BoolOp):
            old, new = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
            yield from swap("logic", node.values[0], node.values[1], old, new)
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            yield "logic", node.lineno, whole, f"({text(node.operand)})", f"taking `not` away from `{_cut(text(node))}`"
        elif isinstance(node, (ast.BinOp, ast.AugAssign)) and type(node.op) in ARITHMETIC:
            left, right = (node.left, node.right) if isinstance(node, ast.BinOp) else (node.target, node.value)
            old, new = ARITHMETIC[type(node.op)]
            if isinstance(node, ast.AugAssign):
                yield "removed", node.lineno, whole, "pass", f"removing `{_cut(text(node))}`"
                old, new = f"{old}=", f"{new}="
            if not any(isinstance(side, ast.JoinedStr) or _is_text(side) for side in (left, right)):
                yield from swap("arithmetic", left, right, old, new)
        elif isinstance(node, (ast.If, ast.While)) and isinstance(node.test, (ast.Name, ast.Call, ast.Attribute)):
            at, old = (begin(node.test), finish(node.test)), text(node.test)
            yield "logic", node.lineno, at, f"(not {old})", f"turning `{_cut(old)}` into its opposite"
        elif isinstance(node, ast.Return) and node.value is not None:
            if not (isinstance(node.value, ast.Constant) and node.value.value is None):
                change = f"returning None instead of `{_cut(text(node.value))}`"
                yield "result", node.lineno, whole, "return None", change
        elif _can_go(node):
            yield "removed", node.lineno, whole, "pass", f"removing `{_cut(text(node))}`"
        elif isinstance(node, ast.Constant) and (other := _other(node.value)) is not None:
            kind = "text" if isinstance(node.value, str) else "number"
            yield kind, node.lineno, whole, other, f"changing `{_cut(text(node))}` to `{_cut(other)}`"


def _tested(body: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Every node a test should look at; what it should not look at is left out with all that is below it."""
    for node in body:
        if isinstance(node, ast.Expr):
            if isinstance(node.value, ast.Constant) or (
                isinstance(node.value, ast.Call) and called_name(node.value).rpartition(".")[2] in QUIET
            ):
                continue
            yield node
            yield from _tested(ast.iter_child_nodes(node.value))
        elif isinstance(node, ast.Raise):
            yield node  # that it is raised counts, its text does not
        elif isinstance(node, (ast.Import, ast.ImportFrom, ast.JoinedStr, ast.Assert, ast.Global, ast.Nonlocal)):
            continue
        elif isinstance(node, ast.AnnAssign):
            yield from _tested([node.value] if node.value else [])
        elif isinstance(node, FunctionNode):
            yield from _tested(node.body[1:] if ast.get_docstring(node) is not None else node.body)
        elif isinstance(node, ast.ClassDef):
            yield from _tested(node.body)
        elif isinstance(node, ast.Call):
            yield node
            name = called_name(node).rpartition(".")[2]
            yield from _tested([node.func])
            if name in QUIET or name in ("getLogger", "TypeVar"):
                continue
            # The mode of `open(path, "w")` and the step of `round(x, 2)`: only the latter changes a result.
            yield from _tested(node.args[:1] if name == "open" else node.args)
            yield from _tested(k.value for k in node.keywords if k.arg not in SETTINGS)
        else:
            yield node
            yield from _tested(ast.iter_child_nodes(node))


def _can_go(node: ast.AST) -> TypeGuard[ast.stmt]:
    """Statements without which the code still runs, but does less: a call, a raise, setting an item or attribute."""
    if isinstance(node, ast.Assign):
        return isinstance(node.targets[0], (ast.Attribute, ast.Subscript))
    return isinstance(node, ast.Raise) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call))


def _other(value: object) -> str | None:
    """Another value of the same type, as source; None when there is no telling one."""
    if isinstance(value, bool):
        return str(not value)
    if isinstance(value, (int, float)):
        return repr(value + 1)
    if isinstance(value, str) and "\n" not in value.strip("\n"):
        return repr(value + "XX") if value else "'XX'"
    return None


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, (str, bytes))


def _cut(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 60 else text[:59] + "…"
