"""Whether a change weakened the tests: compares their sources, and pytest's configuration, before and after."""

from __future__ import annotations

import ast
import fnmatch
import posixpath
from collections import Counter
from collections.abc import Iterator, Mapping

from .assertions import TestNode, called_name, constant, helper_functions, real_assertions, test_functions
from .syntax import parse_python
from .tests_audit_measures import (
    body_of,
    compared,
    conditional_nodes,
    constants_in,
    fixture_params,
    has_init,
    is_empty,
    is_looser,
    loop_lengths,
    markers_in,
    module_calls,
    raised,
    short,
    skip_calls,
    switched_off,
    text_of,
)
from .tests_audit_settings import DEFAULT_FILES, conftest_weakened, python_files, settings_weakened

Sources = Mapping[str, str | None]


def audit(before: Sources, after: Sources) -> list[str]:
    """Name every test that a change weakened.

    Adding and strengthening tests is fine, and so are moving and renaming them as long as pytest still collects them.

    Args:
        before: Path -> source of the test files, their helpers, the `conftest.py` files and pytest's configuration
            files. Give all of them, changed or not: a moved test is only found in a file that is given.
        after: The same after the change; None, or no entry, for a file that is gone.

    Returns:
        A message for each weakening: file, test, what happened. Empty when nothing was weakened.
    """
    same = {path for path, source in before.items() if source is not None and source == after.get(path)}
    old_files, new_files = _parse(before, same), _parse(after, same)
    found: list[str] = []
    for path in sorted(old_files):
        if (source := after.get(path)) is not None and path not in new_files:
            found.append(f"{path}: cannot be parsed any more{_syntax(source)}, so none of its tests runs; restore it.")
    patterns = python_files(before) | python_files(after)
    moved = _Index(old_files, new_files, patterns)
    for path, old in sorted(old_files.items()):
        if path not in new_files and after.get(path) is not None:
            continue
        found += _file_weakened(path, old, new_files.get(path), moved)
    for path, new in sorted(new_files.items()):
        name = posixpath.basename(path)
        if name == "conftest.py" or not moved.collected(path):
            found += conftest_weakened(path, old_files[path].tree if path in old_files else None, new.tree)
        elif path in old_files and old_files[path].tests:
            found += conftest_weakened(path, old_files[path].tree, new.tree, hooks=False)
    tests = [path for path, file in old_files.items() if file.tests]
    tests += [path for path in sorted(same) if path.endswith(".py") and "def test" in (before[path] or "")]
    return found + settings_weakened(before, after, tests)


class _File:
    """One parsed file and what its tests are made of."""

    def __init__(self, tree: ast.Module) -> None:
        self.tree = tree
        self.tests = test_functions(tree)
        self.helpers = helper_functions(tree)
        self.names = {
            target.id: node.value
            for node in tree.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        self.off = switched_off(tree)
        self._classes: dict[str, list[ast.ClassDef]] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                self._classes.setdefault(node.name, []).append(node)
        self._assertions: dict[str, list[str]] = {}
        for name in self.off:
            self.tests = {n: t for n, t in self.tests.items() if n != name and not n.startswith(f"{name}::")}

    def classes(self, test: str) -> list[ast.ClassDef]:
        """The classes around a test, outermost first."""
        return [node for name in test.split("::")[:-1] for node in self._classes[name][-1:]]

    def assertions(self, test: str) -> list[str]:
        """The assertions of a test that can fail, as text."""
        if test not in self._assertions:
            nodes = real_assertions(self.tests[test], self.helpers)
            self._assertions[test] = [text_of(node) for node in nodes]
        return self._assertions[test]

    def decorators(self, test: str) -> list[ast.expr]:
        """Everything that marks a test: its decorators, those of its classes, and `pytestmark`."""
        bodies: list[list[ast.stmt]] = [self.tree.body, *(c.body for c in self.classes(test))]
        marks = [self.names["pytestmark"]] if "pytestmark" in self.names else []
        for body in bodies[1:]:
            marks += [n.value for n in body if isinstance(n, ast.Assign) and called_name(n.targets[0]) == "pytestmark"]
        found = [*self.tests[test].decorator_list, *(d for c in self.classes(test) for d in c.decorator_list), *marks]
        return [self.resolve(node) for node in found]

    def resolve(self, node: ast.expr) -> ast.expr:
        """A name of the module replaced by the value it was given."""
        if isinstance(node, ast.Name) and node.id in self.names:
            return self.names[node.id]
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in self.names:
            return ast.Call(self.names[node.func.id], node.args, node.keywords)
        return node


class _Index:
    """Finds a test again that is no longer where it was."""

    def __init__(self, old: dict[str, _File], new: dict[str, _File], patterns: set[str]) -> None:
        self.patterns = patterns
        self.tests: list[tuple[str, str]] = []
        self.others: list[tuple[str, str, TestNode]] = []
        self.files = new
        for path, file in new.items():
            known = set(file.tests.values())
            for name in file.tests:
                if path in old and name in old[path].tests:
                    continue
                if self.collected(path) or path in old:
                    self.tests.append((path, name))
                else:
                    self.others.append((path, name, file.tests[name]))
            nodes = [node for node in ast.walk(file.tree) if isinstance(node, TestNode)]
            self.others += [(path, node.name, node) for node in nodes if node not in known]
        self.bodies = {body_of(new[path].tests[name]): (path, name) for path, name in reversed(self.tests)}
        self.uncollected = {body_of(node): (path, name) for path, name, node in self.others if not is_empty(node)}

    def collected(self, path: str) -> bool:
        """True when pytest takes a file of this name for a test file."""
        return any(fnmatch.fnmatch(posixpath.basename(path), pattern) for pattern in self.patterns | set(DEFAULT_FILES))

    def find(self, old: _File, test: str) -> tuple[str, str] | None:
        """A test that is new at its place and says the same, or at least asserts all that the old one asserted."""
        body = body_of(old.tests[test])
        if body in self.bodies:
            return self.bodies[body]
        wanted = Counter(old.assertions(test))
        for path, name in self.tests if wanted else []:
            if wanted <= Counter(self.files[path].assertions(name)):
                return path, name
        return None

    def find_uncollected(self, old: TestNode) -> tuple[str, str] | None:
        """A function with the same body that pytest does not take for a test."""
        return self.uncollected.get(body_of(old))


def _parse(sources: Sources, passed_over: set[str]) -> dict[str, _File]:
    found = {}
    for path, source in sources.items():
        if source is None or path in passed_over or not path.endswith(".py"):
            continue
        try:
            found[path] = _File(parse_python(source))
        except (SyntaxError, ValueError):
            continue
    return found


def _syntax(source: str) -> str:
    try:
        parse_python(source)
    except SyntaxError as error:
        return f" (line {error.lineno}: {error.msg})"
    except ValueError as error:
        return f" ({error})"
    return ""


def _file_weakened(path: str, old: _File, new: _File | None, index: _Index) -> list[str]:
    found: list[str] = []
    gone: list[str] = []
    for test in old.tests:
        place = (path, test) if new and test in new.tests else index.find(old, test)
        if place is not None:
            label = f"{path}: test `{test}`"
            label += f" (now {place[0]}: `{place[1]}`)" if place != (path, test) else ""
            found += [f"{label} {what}; restore it." for what in _weakened(old, test, index.files[place[0]], place[1])]
        elif not (new and _is_off(new, test)) and (other := index.find_uncollected(old.tests[test])):
            found.append(
                f"{path}: test `{test}` was renamed or moved to `{other[1]}` in {other[0]}, "
                "which pytest does not collect; restore it."
            )
        else:
            gone.append(test)
    if gone and new is None:
        names = ", ".join(f"`{name}`" for name in gone)
        found.append(f"{path}: the file was removed with its tests {names}; restore it.")
    elif gone and new is not None:
        for test in gone:
            how = (
                "was switched off (overwritten, deleted or `__test__ = False`)" if _is_off(new, test) else "was removed"
            )
            found.append(f"{path}: test `{test}` {how}; restore it.")
    if new is not None:
        found += _surroundings_weakened(path, old, new)
    return found


def _is_off(file: _File, test: str) -> bool:
    return any(test == name or test.startswith(f"{name}::") for name in file.off)


def _weakened(old: _File, test: str, new: _File, name: str) -> Iterator[str]:
    """What makes the new test weaker than the old one."""
    before, after = old.tests[test], new.tests[name]
    marks = markers_in(new.decorators(name)) - markers_in(old.decorators(test))
    if marks:
        yield f"has got the marker {', '.join(sorted(marks))}"
    elif _always(new, name) and not _always(old, test):
        yield "is now skipped under a condition that always holds"
    calls = skip_calls(after) - skip_calls(before)
    if calls:
        yield f"now calls {', '.join(sorted(calls))}"
    if any(has_init(c) for c in new.classes(name)) and not any(has_init(c) for c in old.classes(test)):
        yield "is in a class that has got an `__init__`, which pytest does not collect"
    cases, cases_now = _cases(old, test), _cases(new, name)
    asserted, asserted_now = old.assertions(test), new.assertions(name)
    unrolled = cases_now == 1 and len(asserted_now) >= len(asserted) * (cases or 1)
    if cases is not None and cases_now is not None and cases_now < cases and not unrolled:
        yield f"has fewer parametrize cases ({cases_now}, before {cases})"
    if is_empty(after) and not is_empty(before):
        yield "is empty now"
        return
    lost = [text for text in asserted if text not in asserted_now]
    shown = f" (gone: `{short(lost[0])}`)" if lost else ""
    looped = len(asserted_now) - 1 + max(loop_lengths(after), default=1) >= len(asserted)
    spread = len(asserted_now) * (cases_now or 1) >= len(asserted) * (cases or 1)
    if len(asserted_now) < len(asserted) and not (asserted_now and (looped or spread)):
        yield f"has fewer assertions that can fail ({len(asserted_now)}, before {len(asserted)}){shown}"
    elif lost and constants_in(after) > constants_in(before):
        yield f"has an assertion replaced by one that is always true{shown}"
    else:
        yield from _blunted(old, test, new, name)


def _blunted(old: _File, test: str, new: _File, name: str) -> Iterator[str]:
    """Assertions that are still there and check less: under a condition, without the value, for any exception."""
    before = real_assertions(old.tests[test], old.helpers)
    after = real_assertions(new.tests[name], new.helpers)
    maybe_before, maybe_after = conditional_nodes(old.tests[test]), conditional_nodes(new.tests[name])
    firm = {text_of(node) for node in after if node not in maybe_after}
    loose = {text_of(node) for node in after if node in maybe_after}
    for node in before:
        text = text_of(node)
        if node not in maybe_before and text in loose - firm:
            yield f"makes `{short(text)}` only under a condition now"
    equal, equal_now = compared(before), compared(after)
    for left in equal - equal_now:
        for node in after:
            if isinstance(node, ast.Assert) and is_looser(node.test, left):
                yield f"no longer compares `{short(left)}` with a value (now `{short(ast.unparse(node))}`)"
                break
    broad = {"Exception", "BaseException"}
    kinds, kinds_now = raised(before), raised(after)
    if kinds - kinds_now and kinds_now - kinds and (kinds_now - kinds) <= broad:
        yield f"accepts any exception now instead of {', '.join(sorted(kinds - kinds_now))}"


def _surroundings_weakened(path: str, old: _File, new: _File) -> Iterator[str]:
    """Helpers, fixtures and the module itself."""
    calls = module_calls(new.tree) - module_calls(old.tree)
    if calls and old.tests:
        yield f"{path}: the module now calls {', '.join(sorted(calls))}, which can skip all its tests; restore it."
    used = {a.arg for test in old.tests if test in new.tests for a in new.tests[test].args.args}
    for name, node in new.helpers.items():
        fixture = next((d for d in node.decorator_list if called_name(d).endswith("fixture")), None)
        before = old.helpers.get(name)
        calls = skip_calls(node) - (skip_calls(before) if before else Counter())
        if calls and (before or name in used or (fixture and "autouse=True" in ast.unparse(fixture))):
            kind = "fixture" if fixture else "helper"
            yield f"{path}: {kind} `{name}` now calls {', '.join(sorted(calls))}; restore it."
        if before is None:
            continue
        count, now = len(real_assertions(before, old.helpers)), len(real_assertions(node, new.helpers))
        if now < count:
            yield f"{path}: helper `{name}` has fewer assertions that can fail ({now}, before {count}); restore it."
        params, params_now = fixture_params(before), fixture_params(node)
        if params_now < params:
            yield f"{path}: fixture `{name}` has fewer params ({params_now}, before {params}); restore it."


def _always(file: _File, test: str) -> bool:
    return any(
        isinstance(node, ast.Call)
        and called_name(node).rpartition(".")[2] in ("skipif", "skipIf")
        and bool(node.args)
        and constant(node.args[0]) is True
        for decorator in file.decorators(test)
        for node in ast.walk(decorator)
    )


def _length(file: _File, node: ast.expr) -> int | None:
    node = file.resolve(node)
    if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
        return None if any(isinstance(e, ast.Starred) for e in node.elts) else len(node.elts)
    if isinstance(node, ast.Call) and called_name(node) == "range":
        values = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, int)]
        return len(range(*values)) if values and len(values) == len(node.args) else None
    return None


def _cases(file: _File, test: str) -> int | None:
    """How many cases a test is run for; None when the source does not tell."""
    total = 1
    for node in file.decorators(test):
        for call in ast.walk(node):
            if not isinstance(call, ast.Call) or not called_name(call).endswith("parametrize"):
                continue
            values = (
                call.args[1]
                if len(call.args) > 1
                else next((k.value for k in call.keywords if k.arg == "argvalues"), None)
            )
            length = _length(file, values) if values is not None else None
            if length is None:
                return None
            total *= length
    return total
