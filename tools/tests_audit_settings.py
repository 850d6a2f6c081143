"""Whether pytest's settings, hooks and automatic fixtures changed so that tests run no more or mean less."""

from __future__ import annotations

import ast
import fnmatch
import posixpath
from collections.abc import Iterator, Mapping, Sequence

from .assertions import TestNode, called_name
from .pytest_settings import FILES, Settings, read_settings, words

DEFAULT_FILES = ("test_*.py", "*_test.py")
DEFAULTS = {"python_files": list(DEFAULT_FILES), "python_classes": ["Test"], "python_functions": ["test"]}
DESELECTING = {
    "-k", "-m", "--ignore", "--ignore-glob", "--deselect", "--collect-only", "--co", "--lf", "--last-failed", "--sw",
    "--stepwise", "--noconftest", "--confcutdir", "--override-ini", "-o", "-c", "--rootdir",
}  # fmt: skip
WITHOUT_VALUE = {"--collect-only", "--co", "--lf", "--last-failed", "--sw", "--stepwise", "--noconftest"}
HOOKS = {
    "pytest_runtest_makereport", "pytest_runtest_protocol", "pytest_runtest_call", "pytest_runtest_setup",
    "pytest_runtest_teardown", "pytest_runtest_logreport", "pytest_runtestloop", "pytest_pyfunc_call",
    "pytest_collection", "pytest_collection_modifyitems", "pytest_ignore_collect", "pytest_collect_file",
    "pytest_collect_directory", "pytest_itemcollected", "pytest_make_collect_report", "pytest_pycollect_makeitem",
    "pytest_pycollect_makemodule", "pytest_report_teststatus", "pytest_exception_interact", "pytest_fixture_setup",
    "pytest_cmdline_main", "pytest_load_initial_conftests",
}  # fmt: skip
CAREFUL_HOOKS = {"pytest_configure", "pytest_sessionstart", "pytest_sessionfinish"}
"""Hooks that mostly do harmless things: they matter when they assign to something they were given."""

PATCHING = {"setattr", "delattr", "setitem", "delitem"}


def python_files(sources: Mapping[str, str | None]) -> set[str]:
    """The patterns of test file names that the configuration files among these set."""
    found: set[str] = set()
    for path, text in sources.items():
        if text is not None and posixpath.basename(path) in FILES:
            found |= set(words((read_settings(path, text) or {}).get("python_files")))
    return found


def settings_weakened(
    before: Mapping[str, str | None], after: Mapping[str, str | None], tests: Sequence[str]
) -> list[str]:
    """What the pytest settings of a folder no longer let run.

    Args:
        before: Path -> text of the configuration files (other files are passed over).
        after: The same after the change.
        tests: Paths of the test files there were.
    """
    paths = [path for path in {**before, **after} if posixpath.basename(path) in FILES]
    found: list[str] = []
    for folder in sorted({posixpath.dirname(path) for path in paths}):
        (_, old), (name, new) = _effective(folder, before), _effective(folder, after)
        if old != new:
            path = posixpath.join(folder, name or _effective(folder, before)[0])
            inside = [posixpath.relpath(test, folder or ".") for test in tests]
            inside = [test for test in inside if not test.startswith("..")]
            found += [f"{path}: {what}; restore it." for what in _compare(old, new, inside)]
    return found


def conftest_weakened(path: str, old: ast.Module | None, new: ast.Module, *, hooks: bool = True) -> Iterator[str]:
    """What a `conftest.py` (or a plugin beside the tests) has got that changes what tests do or say.

    Args:
        path: The file, for the messages.
        old: What it was; None for a new file.
        new: What it is.
        hooks: Whether pytest would call hooks of this file; for a test file it does not.
    """
    before, after = _functions(old), _functions(new)
    for name, node in after.items():
        if name in before and _dump(before[name]) == _dump(node):
            continue
        what = "was changed" if name in before else "was added"
        if hooks and (name in HOOKS or (name in CAREFUL_HOOKS and _assigns(node))):
            yield f"{path}: the hook `{name}` {what}, which can change which tests run and how they end; restore it."
        elif (patch := _patching(node)) and not (name in before and _patching(before[name])):
            yield f"{path}: the automatic fixture `{name}` {what}; it replaces code everywhere ({patch}); restore it."
    if not hooks:
        return
    for name in ("collect_ignore", "collect_ignore_glob"):
        more = [entry for entry in _assigned(new, name) if entry not in _assigned(old, name)]
        if more:
            yield f"{path}: `{name}` leaves out more ({', '.join(more)}); restore it."
    known = {ast.unparse(node) for node in (old.body if old else [])}
    modules = _imported(new)
    for statement in new.body:
        if ast.unparse(statement) in known:
            continue
        for target in statement.targets if isinstance(statement, ast.Assign) else []:
            base = target.value if isinstance(target, (ast.Attribute, ast.Subscript)) else None
            if base is not None and called_name(base).partition(".")[0] in modules:
                yield f"{path}: line {statement.lineno} replaces `{ast.unparse(target)}` for all tests; restore it."


def _effective(folder: str, sources: Mapping[str, str | None]) -> tuple[str, Settings]:
    for name in FILES:
        text = sources.get(posixpath.join(folder, name))
        settings = read_settings(name, text) if text is not None else None
        if settings is not None:
            return name, settings
    return "", {}


def _compare(old: Settings, new: Settings, tests: Sequence[str]) -> Iterator[str]:
    for key, default in DEFAULTS.items():
        patterns, patterns_now = words(old.get(key)) or default, words(new.get(key)) or default
        gone = [pattern for pattern in patterns if pattern not in patterns_now]
        if key == "python_files":
            lost = [t for t in tests if _matches(t, patterns) and not _matches(t, patterns_now)]
            gone = gone if lost else []
        if gone and "*" not in patterns_now:
            yield f"`{key}` no longer has {', '.join(gone)}, so fewer tests are collected"
    yield from _fewer_paths(old, new, tests)
    added = [d for d in words(new.get("norecursedirs")) if d not in words(old.get("norecursedirs"))]
    hidden = [t for t in tests for d in added if any(fnmatch.fnmatch(p, d) for p in t.split("/")[:-1])]
    if hidden:
        yield f"`norecursedirs` now leaves out {hidden[0]}"
    options, options_now = _options(old), _options(new)
    for option in options_now:
        if option[0] in DESELECTING and option not in options:
            yield f"`addopts` has got `{' '.join(option).strip()}`, so fewer tests run"
    for option in options:
        if option[0] in ("--doctest-modules", "--doctest-glob") and option not in options_now:
            yield f"`addopts` has lost `{option[0]}`, so fewer tests run"
    if _true(old.get("xfail_strict")) and not _true(new.get("xfail_strict")):
        yield "`xfail_strict` was switched off"


def _fewer_paths(old: Settings, new: Settings, tests: Sequence[str]) -> Iterator[str]:
    paths, paths_now = words(old.get("testpaths")), words(new.get("testpaths"))
    if not paths_now or paths == paths_now:
        return
    lost = [p for p in paths if not _below(p, paths_now)]
    left_out = [t for t in tests if (not paths or _below(t, paths)) and not _below(t, paths_now)]
    if lost and (left_out or not tests):
        yield f"`testpaths` no longer has {', '.join(lost)}"
    elif left_out:
        yield f"`testpaths` leaves out {left_out[0]}"


def _below(path: str, folders: Sequence[str]) -> bool:
    parents = [path]
    while parents[-1]:
        parents.append(posixpath.dirname(parents[-1]))
    for folder in folders:
        folder = posixpath.normpath(folder)
        if folder == "." or any(fnmatch.fnmatch(parent, folder) for parent in parents if parent):
            return True
    return False


def _matches(path: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatch(posixpath.basename(path), p) or fnmatch.fnmatch(path, p) for p in patterns)


def _options(settings: Settings) -> list[tuple[str, str]]:
    """`addopts` as pairs of option and value."""
    found: list[tuple[str, str]] = []
    parts = words(settings.get("addopts"))
    while parts:
        part = parts.pop(0)
        if part.startswith("--"):
            name, _, value = part.partition("=")
            if not value and name in DESELECTING - WITHOUT_VALUE and parts:
                value = parts.pop(0)
        elif part[:2] in ("-k", "-m", "-o", "-c", "-p"):
            name, value = part[:2], part[2:].lstrip("=") or (parts.pop(0) if parts else "")
        else:
            name, value = part, ""
        found.append((name, value))
    return found


def _true(value: str | list[str] | None) -> bool:
    return isinstance(value, str) and value.strip().lower() in ("true", "1", "yes", "on")


def _functions(tree: ast.Module | None) -> dict[str, TestNode]:
    found = [node for node in ast.walk(tree) if isinstance(node, TestNode)] if tree else []
    return {node.name: node for node in found}


def _dump(node: TestNode) -> str:
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    return "".join(ast.dump(part) for part in [*node.decorator_list, node.args, *body])


def _assigns(node: TestNode) -> bool:
    """True when a hook sets attributes or ends the process, which `config.addinivalue_line` does not."""
    targets = [t for n in ast.walk(node) if isinstance(n, ast.Assign) for t in n.targets]
    calls = {called_name(n) for n in ast.walk(node) if isinstance(n, ast.Call)}
    risky = {"setattr", "sys.exit", "os._exit", "pytest.exit"}
    return (
        bool(calls & risky)
        or any(c.endswith(".register") for c in calls)
        or any(isinstance(t, ast.Attribute) and not called_name(t).startswith("self.") for t in targets)
    )


def _patching(node: TestNode) -> str:
    """How an automatic fixture replaces code; empty when it is none or does not."""
    return _patches(node) if _is_autouse(node) else ""


def _is_autouse(node: TestNode) -> bool:
    for decorator in node.decorator_list:
        if isinstance(decorator, ast.Call) and called_name(decorator).endswith("fixture"):
            return any(
                k.arg == "autouse" and isinstance(k.value, ast.Constant) and bool(k.value.value)
                for k in decorator.keywords
            )
    return False


def _patches(node: TestNode) -> str:
    """The call with which a function replaces code; changing the environment or the folder replaces none."""
    for call in ast.walk(node):
        if isinstance(call, ast.Call):
            name = called_name(call)
            parts = name.split(".")
            if (len(parts) > 1 and parts[-1] in PATCHING) or name == "setattr" or "patch" in parts:
                return " ".join(ast.unparse(call).split())[:80]
    return ""


def _assigned(tree: ast.Module | None, name: str) -> list[str]:
    found: list[str] = []
    for node in ast.walk(tree) if tree else []:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        value = getattr(node, "value", None)
        if isinstance(node, ast.Call) and called_name(node).rpartition(".")[0] == name:  # collect_ignore.append(…)
            found += [ast.unparse(argument) for argument in node.args]
        elif target is not None and called_name(target) == name and value is not None:
            found += (
                [ast.unparse(e) for e in value.elts]
                if isinstance(value, (ast.List, ast.Tuple))
                else [ast.unparse(value)]
            )
    return found


def _imported(tree: ast.Module) -> set[str]:
    return {
        (alias.asname or alias.name).partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for alias in node.names
    }
