"""Ways to make tests pass that are none: names what a change adds that patches, stops, hides from or outwits the tests.

Compares sources before and after a change, as `tests_audit` does; what was there before is not held against the change.
"""

from __future__ import annotations

import ast
import posixpath
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from .assertions import TestNode, called_name, constant
from .findings import Finding, Rule, Severity, in_order
from .pytest_settings import FILES, read_settings, words
from .syntax import parse_python
from .tests_audit_settings import HOOKS

Sources = Mapping[str, str | None]
Hit = tuple[str, int, Severity, str]
"""Rule, line, severity, message."""

RULES = (
    Rule(id="T01", name="ends-the-run", summary="Ends the interpreter, so that no test can fail any more"),
    Rule(id="T02", name="patches-the-runner", summary="Replaces parts of pytest, unittest or the exceptions they use"),
    Rule(id="T03", name="knows-it-is-tested", summary="Code finds out whether it is tested, and can do otherwise then"),
    Rule(id="T04", name="equal-to-all", summary="Objects that are equal to everything pass every comparison"),
    Rule(id="T05", name="start-up-file", summary="Python runs this file at its start, before any test"),
    Rule(id="T06", name="hook-of-pytest", summary="A hook of pytest where none belongs can change how tests end"),
    Rule(id="T07", name="plugin", summary="A plugin of pytest that was not there before", severity="warning"),
    Rule(id="T08", name="asserts-off", summary="Assertions are compiled away, or no longer explained"),
    Rule(
        id="T09", name="touches-the-record", summary="Reaches for the record that kfpilot keeps of a run of the tests"
    ),
    Rule(id="T10", name="shadowed-module", summary="A new module hides one of pytest's, Python's or a library's"),
    Rule(id="T11", name="not-measured", summary="Takes lines out of the coverage", severity="warning"),
)

RUNNER = {"pytest", "_pytest", "pluggy", "unittest", "coverage", "iniconfig", "doctest"}
PYTEST_NAMES = {
    "raises", "approx", "fail", "skip", "warns", "mark", "param", "fixture", "importorskip", "xfail", "exit", "main",
    "Item", "Function", "Module", "Class", "Session", "Config", "TestReport", "CallInfo", "ExceptionInfo",
}  # fmt: skip
SESSION_STATE = {"testsfailed", "testscollected", "shouldfail", "shouldstop", "exitstatus"}
TEST_VARIABLES = {"PYTEST_CURRENT_TEST", "PYTEST_VERSION", "PYTEST_XDIST_WORKER"}
SELF_LOOKS = re.compile(r"sys\.(?:modules|argv|orig_argv)|inspect\.stack|_getframe|f_code|environ")
RECORD = re.compile(r"_?kfpilot_pytest", re.I)
START_UP = ("sitecustomize.py", "usercustomize.py")
COMMON = {
    "abc", "argparse", "ast", "asyncio", "base64", "builtins", "collections", "contextlib", "copy", "csv",
    "dataclasses",
    "datetime", "decimal", "enum", "functools", "glob", "hashlib", "importlib", "inspect", "io", "itertools", "json",
    "logging", "math", "operator", "os", "pathlib", "pickle", "random", "re", "shutil", "signal", "socket", "sqlite3",
    "statistics", "string", "subprocess", "sys", "tempfile", "textwrap", "threading", "time", "traceback", "types",
    "typing", "uuid", "warnings", "zipfile",
}  # fmt: skip
"""Modules of Python that nearly every program imports: hiding one is a mistake at the least."""


def tampering(before: Sources, after: Sources, is_test: Callable[[str], bool]) -> list[Finding]:
    """What a change adds that makes the outcome of tests worth less.

    Args:
        before: Path -> text of the changed files before (None, or no entry, for a new file).
        after: The same after; files that are gone are passed over.
        is_test: Whether a path belongs to the tests.

    Returns:
        Errors for what is certain, warnings for what may have a good reason.
    """
    found: list[Finding] = []
    for path, text in after.items():
        if text is None or text == before.get(path):
            continue
        name = posixpath.basename(path)
        hits: list[Hit] = []
        old: list[Hit] = []
        if name in FILES:
            hits, old = list(_settings(path, text)), list(_settings(path, before.get(path) or ""))
        elif name.endswith(".pth"):
            hits = list(_start_up_lines(text))
        elif name.endswith(".py"):
            hits, old = _python(path, text, is_test(path)), _python(path, before.get(path) or "", is_test(path))
        if name in START_UP and before.get(path) is None:
            hits.append(("T05", 1, "error", "Python runs this file at its start, before any test; remove it"))
        known = Counter((rule, message) for rule, _, _, message in old)
        for rule, line, severity, message in hits:
            if known[rule, message]:
                known[rule, message] -= 1
                continue
            found.append(Finding(rule=rule, path=path, line=line, message=message, severity=severity))
    return in_order(found)


def shadowed(
    path: str, top: str, installed: Callable[[str], bool], standard: frozenset[str] | set[str]
) -> Finding | None:
    """A new module or package that is imported in place of another one.

    Args:
        path: Its file.
        top: The name it is imported by.
        installed: Whether a name is installed in the project's interpreter.
        standard: The names of Python's own modules.
    """
    if top in RUNNER or top in COMMON:
        severity: Severity = "error"
        whose = "of the test runner" if top in RUNNER else "of Python"
    elif top in standard and top != "test":
        severity, whose = "warning", "of Python"
    elif top not in standard and installed(top):
        severity, whose = "error", "that is installed"
    else:
        return None
    message = f"is imported in place of the module `{top}` {whose}, everywhere; give it another name"
    return Finding(rule="T10", path=path, message=message, severity=severity)


def _start_up_lines(text: str) -> Iterator[Hit]:
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith(("import ", "import\t")):
            yield "T05", number, "error", "Python runs this line of a .pth file at its start; remove the file"


def _settings(path: str, text: str) -> Iterator[Hit]:
    """What the settings load, and what they say about assertions."""
    settings = read_settings(path, text) or {}
    parts = words(settings.get("addopts"))
    for number, part in enumerate(parts):
        value = part[2:] if part.startswith("-p") and len(part) > 2 else ""
        if part == "-p" and number + 1 < len(parts):
            value = parts[number + 1]
        if value in ("no:python", "no:unittest", "no:assertion", "no:skipping", "no:runner", "no:main"):
            yield (
                "T07",
                1,
                "error",
                f"`addopts` has got `-p {value}`: without that part of pytest tests mean less; remove it",
            )
        elif value and value != "no:cacheprovider":
            yield (
                "T07",
                1,
                "warning",
                f"`addopts` has got `-p {value}`: a plugin can change which tests run and how they end",
            )
        if part == "--assert=plain" or (part == "--assert" and parts[number + 1 : number + 2] == ["plain"]):
            yield "T08", 1, "warning", "`addopts` has got `--assert=plain`: failing assertions are no longer explained"
    if "PYTHONOPTIMIZE" in text:
        yield "T08", 1, "error", "PYTHONOPTIMIZE takes all assertions out of the tests; remove it"
    if "pytest11" in text:
        yield (
            "T07",
            1,
            "warning",
            "the entry point `pytest11` is a plugin of pytest, loaded once the project is installed",
        )


def _python(path: str, text: str, is_test: bool) -> list[Hit]:
    try:
        tree = parse_python(text)
    except (SyntaxError, ValueError):
        return []
    imports = _imports(tree)
    hits = [*_ends(tree, imports), *_patches(tree, imports), *_hooks(path, tree, is_test), *_equal(tree, is_test)]
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 1)
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if RECORD.search(node.value):
                hits.append(
                    ("T09", line, "error", f"`{_short(node.value)}` is for kfpilot's record of the tests alone")
                )
            if node.value == "PYTHONOPTIMIZE":
                hits.append(("T08", line, "error", "PYTHONOPTIMIZE takes all assertions out of the tests; remove it"))
            if node.value in TEST_VARIABLES and not is_test:
                hits.append(_knows(line, node.value))
        elif isinstance(node, (ast.Name, ast.Attribute)) and RECORD.search(_last(node)):
            hits.append(("T09", line, "error", f"`{_last(node)}` is for kfpilot's record of the tests alone"))
        elif not is_test and isinstance(node, (ast.Compare, ast.Call)) and _looks_at_itself(node):
            hits.append(_knows(line, _short(ast.unparse(node))))
    docstring = ast.get_docstring(tree) or ""
    if "PYTEST_DONT_REWRITE" in docstring:
        hits.append(
            ("T08", 1, "warning", "PYTEST_DONT_REWRITE: failing assertions of this file are no longer explained")
        )
    for number, row in enumerate(text.splitlines(), 1):
        if not is_test and re.search(r"#\s*pragma:\s*no\s*cover", row):
            hits.append(("T11", number, "warning", f"`{_short(row.strip())}` is taken out of the coverage"))
    return hits


def _knows(line: int, what: str) -> Hit:
    message = f"`{what}` finds out whether the code is tested; code must do the same, tested or not: remove it"
    return "T03", line, "error", message


def _looks_at_itself(node: ast.Compare | ast.Call) -> bool:
    """`"pytest" in sys.modules`, `sys.modules.get("pytest")`, `any("pytest" in f.filename for f in …)`."""
    names = {"pytest", "_pytest", "py.test", "unittest"}
    if isinstance(node, ast.Call):
        look = called_name(node) in ("sys.modules.get", "sys.modules.__contains__", "sys.modules.keys", "any")
        if not look:
            return False
    said = any(
        isinstance(n, ast.Constant) and isinstance(n.value, str) and n.value.lower() in names for n in ast.walk(node)
    )
    return said and bool(SELF_LOOKS.search(ast.unparse(node)))


def _ends(tree: ast.Module, imports: Mapping[str, str]) -> Iterator[Hit]:
    """What ends the interpreter instead of a test."""
    forks = any(isinstance(n, ast.Attribute) and n.attr == "fork" for n in ast.walk(tree))
    for node in ast.walk(tree):
        name = _real(node, imports) if isinstance(node, (ast.Attribute, ast.Name)) else ""
        if name in ("os._exit", "os.abort", "pytest.exit", "_pytest.outcomes.exit"):
            # A child that was forked ends in this way, rightly.
            certain: Severity = "warning" if forks else "error"
            yield "T01", getattr(node, "lineno", 1), certain, f"`{name}` ends the whole run of the tests; remove it"
        elif isinstance(node, ast.Constant) and node.value == "_exit":
            yield "T01", node.lineno, "error", "`_exit` ends the whole run of the tests; remove it"
        elif isinstance(node, ast.Call) and called_name(node) == "os.kill" and "getpid" in ast.unparse(node):
            yield "T01", node.lineno, "error", "`os.kill(os.getpid(), …)` ends the whole run of the tests; remove it"
    for part in _at_import(tree.body):
        calls = [n for n in ast.walk(part) if isinstance(n, ast.Call)] if isinstance(part, ast.Expr) else []
        ends = any(called_name(call) in ("sys.exit", "exit", "quit") for call in calls)
        if ends or (isinstance(part, ast.Raise) and part.exc and called_name(part.exc) == "SystemExit"):
            yield "T01", part.lineno, "error", "ends the interpreter when it is imported; remove it"


def _at_import(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that run when a module is imported; not those of a script."""
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        if isinstance(node, ast.If) and "__name__" in ast.unparse(node.test):
            continue
        yield node
        for part in ("body", "orelse", "finalbody"):
            yield from _at_import(getattr(node, part, []))


def _patches(tree: ast.Module, imports: Mapping[str, str]) -> Iterator[Hit]:
    """What replaces parts of the test runner."""
    for node in ast.walk(tree):
        targets: list[ast.expr] = []
        if isinstance(node, (ast.Assign, ast.Delete)):
            targets = list(node.targets)
        elif isinstance(node, ast.AugAssign):
            targets = [node.target]
        for target in targets:
            name = _real(target, imports) if isinstance(target, ast.Attribute) else ""
            if isinstance(target, ast.Subscript) and _real(target.value, imports) == "sys.modules":
                name = f"sys.modules.{_text(target.slice)}"
            if _is_runner(name):
                yield "T02", target.lineno, "error", f"replaces `{name}`, which judges the tests; remove it"
            elif isinstance(target, ast.Attribute) and target.attr in SESSION_STATE and "self." not in name:
                yield "T02", target.lineno, "error", f"sets `{ast.unparse(target)}`, pytest's own count; remove it"
        if isinstance(node, ast.Call):
            name = _patched_by(node, imports)
            if _is_runner(name):
                yield "T02", node.lineno, "error", f"replaces `{name}`, which judges the tests; remove it"
            elif name in ("sys.modules.kfp", "sys.modules.kfp.dsl"):
                yield "T02", node.lineno, "warning", "replaces kfp: the tests no longer show that kfp takes the code"
        if isinstance(node, ast.Attribute) and node.attr == "pluginmanager":
            text = "reaches for pytest's plugins, which can change how tests end; remove it"
            yield "T02", node.lineno, "error", text


def _patched_by(node: ast.Call, imports: Mapping[str, str]) -> str:
    """The dotted name that a call of `setattr`, `setitem`, `delattr` or `patch` replaces."""
    called = called_name(node)
    last = called.rpartition(".")[2]
    arguments = node.args
    if last not in ("setattr", "delattr", "setitem", "delitem", "patch", "object", "dict") or not arguments:
        return ""
    if last in ("object", "dict") and "patch" not in called:
        return ""
    if _text(arguments[0]):
        return _text(arguments[0])
    base = _real(arguments[0], imports)
    if last == "dict" and base == "sys.modules" and len(arguments) > 1 and isinstance(arguments[1], ast.Dict):
        names = [f"{base}.{_text(key)}" for key in arguments[1].keys if key is not None]
        return next((name for name in names if _is_runner(name) or name == "sys.modules.kfp"), "")
    return f"{base}.{_text(arguments[1])}" if base and len(arguments) > 1 and _text(arguments[1]) else ""


def _is_runner(name: str) -> bool:
    top, _, rest = name.partition(".")
    if name.startswith("sys.modules."):
        return name.split(".")[2] in ("pytest", "_pytest", "unittest", "pluggy")
    if top == "pytest":
        return rest.partition(".")[0] in PYTEST_NAMES
    if top == "unittest":
        return "TestCase" in rest or rest.rpartition(".")[2].startswith(("assert", "fail"))
    if top == "builtins":
        return rest in ("AssertionError", "Exception", "BaseException")
    return top in ("_pytest", "pluggy") and bool(rest)


def _hooks(path: str, tree: ast.Module, is_test: bool) -> Iterator[Hit]:
    """Hooks of pytest in code, or under another name than that of a function; `tests_audit` names those of conftest."""
    for node in tree.body:
        names: list[str] = []
        if isinstance(node, TestNode) and not is_test:
            names = [node.name]
        elif isinstance(node, ast.Assign):
            names = [target.id for target in node.targets if isinstance(target, ast.Name)]
            if "pytest_plugins" in names:
                what = _short(ast.unparse(node.value))
                yield "T07", node.lineno, "warning", f"loads the plugins {what}: they can change how tests end"
        elif isinstance(node, ast.ImportFrom):
            names = [alias.asname or alias.name for alias in node.names]
        for name in names:
            if name in HOOKS:
                yield "T06", node.lineno, "error", f"the hook `{name}` can change how tests end; remove it"
    for named in ast.walk(tree):
        if isinstance(named, ast.Constant) and isinstance(named.value, str) and named.value in HOOKS:
            yield "T06", named.lineno, "error", f"the hook `{named.value}` can change how tests end; remove it"


def _equal(tree: ast.Module, is_test: bool) -> Iterator[Hit]:
    """Methods of comparison that give one answer whatever they are asked."""
    for owner in ast.walk(tree):
        if not isinstance(owner, ast.ClassDef):
            continue
        for node in owner.body:
            name, answer = "", None
            if isinstance(node, ast.FunctionDef):
                body = node.body[1:] if ast.get_docstring(node) is not None else node.body
                if len(body) == 1 and isinstance(body[0], ast.Return) and body[0].value is not None:
                    name, answer = node.name, constant(body[0].value)
            elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Lambda):
                name, answer = called_name(node.targets[0]), constant(node.value.body)
            if (name, answer) in (("__eq__", True), ("__ne__", False)):
                message = f"`{owner.name}.{name}` is {answer} for everything, so every comparison with it holds"
                # In tests it may stand for "any value", as unittest.mock.ANY does.
                yield "T04", node.lineno, "warning" if is_test else "error", message


def _imports(tree: ast.Module) -> dict[str, str]:
    """Local name -> what was imported under it."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                found[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else alias.name.partition(".")[0]
                )
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return found


def _real(node: ast.expr, imports: Mapping[str, str]) -> str:
    """The dotted name of an expression, as it is called where it comes from; empty for local names."""
    top, dot, rest = called_name(node).partition(".") if not isinstance(node, ast.Call) else ("", "", "")
    return f"{imports[top]}{dot}{rest}" if top in imports else ""


def _text(node: ast.expr) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _last(node: ast.Name | ast.Attribute) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 60 else text[:59] + "…"
