"""What each test is about, read from its source: ids it names, code it uses, words it is made of. Nothing is run."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from ...tools.assertions import helper_functions, real_assertions
from ...tools.syntax import parse_python

__test__ = False

TEST_PACKAGES = frozenset({"tests", "test", "testing", "helpers", "conftest", ""})
"""Where helpers of tests are imported from; the empty one is a relative import."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


class TestFacts(BaseModel):
    """A test function (all its parameters' cases together).

    Attributes:
        text: Its name, docstring, decorators, comments and body, and those of its class: where ids are looked for.
        file_text: The module's docstring, its comments before any code, and `pytestmark`.
        imported: Names it uses that come from an import, also through fixtures and helpers.
        names: All names it uses, likewise.
        modules: The modules those come from, dotted.
        strings: Strings in it that may be paths or dotted names.
        words: What it is made of, as plain words.
        told: The same as it is written.
        asserts: Whether anything in it can fail but by an accident.
    """

    __test__ = False
    model_config = ConfigDict(extra="forbid")

    text: str = ""
    file_text: str = ""
    imported: set[str] = set()
    names: set[str] = set()
    modules: set[str] = set()
    strings: set[str] = set()
    words: list[str] = []
    told: str = ""
    asserts: bool = True


class TestReader:
    """Reads test files once each.

    Args:
        root: The tree the tests ran in.
    """

    __test__ = False

    def __init__(self, root: Path) -> None:
        self.root = root
        self._files: dict[str, _File | None] = {}

    def facts(self, nodeid: str) -> TestFacts:
        """The facts of a test; what cannot be read leaves only its name."""
        path, *names = nodeid.partition("[")[0].split("::")
        file = self._file(path)
        found = file.find(names) if file else None
        if file is None or found is None:
            return TestFacts(text=nodeid, words=words_of(" ".join(names)), told=" ".join(names))
        classes, function = found
        return self._describe(path, file, classes, function)

    def _file(self, path: str) -> _File | None:
        if path not in self._files:
            self._files[path] = _File.read(self.root / path) if path.endswith(".py") else None
        return self._files[path]

    def _conftests(self, path: str) -> Iterator[_File]:
        for folder in Path(path).parents:
            file = self._file((folder / "conftest.py").as_posix())
            if file:
                yield file

    def _describe(self, path: str, file: _File, classes: list[ast.ClassDef], function: Function) -> TestFacts:
        facts = TestFacts(file_text=file.head, text=file.segment(function))
        for owner in classes:
            marks = " ".join(ast.unparse(mark) for mark in owner.decorator_list)
            facts.text += f"\n{owner.name} {ast.get_docstring(owner) or ''} {marks}"
        places = [file, *self._conftests(path)]
        local: list[str] = [function.name]
        seen: set[int] = set()
        waiting: list[tuple[_File, ast.AST]] = [(file, function)]
        while waiting:
            place, node = waiting.pop()
            if id(node) in seen:
                continue
            seen.add(id(node))
            own = place.imports | imports_in(node)
            for name in used_names(node):
                facts.names.add(name)
                if name in own:
                    module, original = own[name]
                    facts.modules |= {module, f"{module}.{original}"} if original else {module}
                    facts.imported.add(original or module)
                    facts.names.add(original or module)
                for other in [place, *(p for p in places if p is not place)]:
                    if name in other.defined:
                        waiting += [(other, item) for item in other.defined[name]]
                        break
            texts = [n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
            facts.strings |= {text for text in texts if re.fullmatch(r"[\w./-]{3,200}", text)}
            if node is function or isinstance(node, ast.Assign | ast.AnnAssign):
                numbers = [n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and is_number(n.value)]
                keywords = [n.arg for n in ast.walk(node) if isinstance(n, ast.keyword) and n.arg]
                local += [*texts, *map(str, numbers), *used_names(node), *keywords]
        facts.told = " ".join(local)
        facts.words = words_of(facts.told)
        helpers = {name: node for place in reversed(places) for name, node in place.helpers.items()}
        # A helper that other test modules share may assert for it; its source is not looked for.
        shared = any(module.partition(".")[0] in TEST_PACKAGES for module in facts.modules)
        facts.asserts = shared or bool(real_assertions(function, helpers))
        return facts


class _File:
    def __init__(self, source: str, tree: ast.Module) -> None:
        self.lines = source.splitlines()
        self.tree = tree
        self.imports = imports_in(tree, nested=False)
        self.helpers = helper_functions(tree)
        self.defined: dict[str, list[ast.AST]] = {}
        for node in tree.body:
            self._define(node)
            if isinstance(node, ast.ClassDef):
                for item in node.body:
                    self._define(item)
        marks = [ast.unparse(n) for n in tree.body if isinstance(n, ast.Assign) and "pytestmark" in ast.unparse(n)]
        first = next((n.lineno for n in tree.body if not is_text(n)), 1)
        comments = [line for line in self.lines[: first - 1] if line.lstrip().startswith("#")]
        self.head = "\n".join([ast.get_docstring(tree) or "", *comments, *marks])

    @classmethod
    def read(cls, path: Path) -> _File | None:
        try:
            source = path.read_text(encoding="utf-8-sig")
            return cls(source, parse_python(source))
        except (OSError, ValueError, SyntaxError, RecursionError):
            return None

    def _define(self, node: ast.AST) -> None:
        if isinstance(node, Function | ast.ClassDef):
            self.defined.setdefault(node.name, []).append(node)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                for name in ast.walk(target):
                    if isinstance(name, ast.Name):
                        self.defined.setdefault(name.id, []).append(node)

    def find(self, names: list[str]) -> tuple[list[ast.ClassDef], Function] | None:
        """The classes around a test and its function; the last one of a name counts, as it does in Python."""
        body: list[ast.stmt] = self.tree.body
        classes: list[ast.ClassDef] = []
        for name in names[:-1]:
            owner = next((n for n in reversed(body) if isinstance(n, ast.ClassDef) and n.name == name), None)
            if owner is None:
                return None
            classes.append(owner)
            body = owner.body
        last = names[-1] if names else ""
        for node in reversed(body):
            if isinstance(node, Function) and node.name == last:
                return classes, node
        # Inherited from another class of the file.
        inherited = [node for node in self.defined.get(last, []) if isinstance(node, Function)]
        return (classes, inherited[-1]) if classes and inherited else None

    def segment(self, function: Function) -> str:
        """The function as written, with decorators and the comments right above it."""
        first = min([function.lineno, *(mark.lineno for mark in function.decorator_list)])
        while first > 1 and self.lines[first - 2].lstrip().startswith("#"):
            first -= 1
        return "\n".join(self.lines[first - 1 : function.end_lineno])


def is_text(node: ast.stmt) -> bool:
    """A docstring."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def is_number(value: object) -> bool:
    """A number that is not a bool."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def imports_in(tree: ast.AST, *, nested: bool = True) -> dict[str, tuple[str, str]]:
    """Local name -> (module, name in it; empty for the module itself)."""
    found: dict[str, tuple[str, str]] = {}
    nodes: Iterable[ast.AST] = ast.walk(tree) if nested else flat(getattr(tree, "body", []))
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                found[alias.asname or alias.name.partition(".")[0]] = (alias.name, "")
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            for alias in node.names:
                found[alias.asname or alias.name] = (module.lstrip("."), alias.name)
    return found


def flat(body: Iterable[ast.stmt]) -> Iterator[ast.AST]:
    """Statements of a module, also those under `if` and `try`."""
    for node in body:
        yield node
        if isinstance(node, ast.If | ast.Try | ast.With):
            yield from flat([child for child in ast.walk(node) if isinstance(child, ast.Import | ast.ImportFrom)])


def used_names(node: ast.AST) -> list[str]:
    """Names, attributes and arguments (which may be fixtures) in a piece of code, and the fixtures marks ask for."""
    found: dict[str, None] = {}
    for item in ast.walk(node):
        if isinstance(item, ast.Name):
            found[item.id] = None
        elif isinstance(item, ast.Attribute):
            found[item.attr] = None
        elif isinstance(item, ast.arg):
            found[item.arg] = None
        elif isinstance(item, ast.Call) and isinstance(item.func, ast.Attribute) and item.func.attr == "usefixtures":
            found |= {a.value: None for a in item.args if isinstance(a, ast.Constant) and isinstance(a.value, str)}
    return list(found)


_STOP = frozenset(
    """a an and are as at be been by can do does else for from get gets given has have if in into is it its may must no
    not of off on one only or other over own shall should so such system than that the their them then there these they
    this those to under when where which while will with within without test tests step run runs self assert tmp path
    write writes read reads text name names user users expected result results return true false none""".split()  # noqa: SIM905
)


def words_of(text: str) -> list[str]:
    """The telling words of a text in its order, each once: lower case, without endings and common words."""
    text = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
    found = (one_form(word) for word in re.findall(r"\d+(?:\.\d+)?|[^\W\d_]+", text.lower()) if word not in _STOP)
    return list(dict.fromkeys(word for word in found if len(word) > 2 or word[0].isdigit()))


def shown_words(words: Iterable[str], text: str) -> list[str]:
    """The words as the text writes them."""
    written: dict[str, str] = {}
    for word in re.findall(r"\d+(?:\.\d+)?|[^\W\d_]+", text):
        written.setdefault(one_form(word.lower()), word)
    return [written.get(word, word) for word in words]


def one_form(word: str) -> str:
    """A number or word in the form that all its forms share: 41.20 is 41.2, as code that counts with it has it."""
    if word[0].isdigit():
        return str(float(word)) if re.fullmatch(r"\d+\.\d+", word) else word
    return stem(word)


def stem(word: str) -> str:
    """Cuts the commonest English endings, so that `orders` is `order`, and `merge` is `merged`."""
    for ending in ("ings", "ing", "ies", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith("ss"):
            return word[: -len(ending)] + ("y" if ending == "ies" else "")
    return word[:-1] if word.endswith("e") and len(word) > 3 else word
