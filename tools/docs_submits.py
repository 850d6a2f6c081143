"""Runs that a page starts with KFP's client: whether the pipeline has the inputs that are given to it."""

from __future__ import annotations

import ast
import os.path
import re
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .project_names import Project, near

CALLS = {
    "create_run_from_pipeline_func": ("pipeline_func", 0, "arguments", 1),
    "create_run_from_pipeline_package": ("pipeline_file", 0, "arguments", 1),
    "run_pipeline": ("pipeline_package_path", 2, "params", 3),
}
"""Method of the client -> keyword and place of what is run, keyword and place of what it is given."""

NO_INPUT = re.compile(r"\b(?:Output|OutputPath|PipelineTaskFinalStatus)\b")
ARTIFACT = re.compile(r"\b(?:Input|InputPath)\b")
LARGEST_PACKAGE = 2_000_000


@dataclass(frozen=True)
class Inputs:
    """What a pipeline takes.

    Attributes:
        name: How a message calls it.
        all: Every input.
        required: Those without a default.
    """

    name: str
    all: tuple[str, ...]
    required: tuple[str, ...]


def submit_problems(
    project: Project, blocks: list[tuple[int, ast.Module]], shell: Iterable[str]
) -> Iterator[tuple[int, str]]:
    """Inputs that a page gives to a pipeline which has no such input, and required ones that it leaves out.

    Where it cannot be told which pipeline is run, or what it is given, nothing is said. Where several are possible,
    only what is wrong for all of them is.

    Args:
        project: The project of the page.
        blocks: The Python blocks of the page, each with the line it begins in.
        shell: The texts of its other blocks, which may compile a pipeline.

    Returns:
        Line and message of each.
    """
    calls = [
        (line, tree, node)
        for line, tree in blocks
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CALLS
    ]
    if not calls:
        return
    page = _Page(project, [tree for _, tree in blocks], list(shell))
    for line, tree, call in calls:
        assert isinstance(call.func, ast.Attribute)
        what, place, given, given_place = CALLS[call.func.attr]
        source = argument(call, what, place)
        if source is None:
            continue
        run = page.pipelines(source, tree) if what == "pipeline_func" else page.packages(source, tree)
        found = [item for item in run if item is not None]
        keys, whole = keys_of(argument(call, given, given_place), call, tree)
        if not found or len(found) < len(run):
            continue
        at = line + call.lineno - 1
        first = found[0]
        for key in keys:
            if not any(key in item.all for item in found):
                has = ", ".join(f"`{name}`" for name in first.all) or "none"
                yield at, f"`{first.name}` has no input `{key}`; it has {has}.{near(key, first.all)}"
        for name in first.required if whole else ():
            if name not in keys and all(name in item.required for item in found):
                yield at, f"`{first.name}` needs the input `{name}`, which has no default; give it in `{given}`."


def argument(call: ast.Call, name: str, place: int) -> ast.expr | None:
    """An argument of a call, given by keyword or by place."""
    for keyword in call.keywords:
        if keyword.arg == name:
            return keyword.value
    before = call.args[: place + 1]
    return before[place] if len(before) > place and not any(isinstance(item, ast.Starred) for item in before) else None


def keys_of(given: ast.expr | None, call: ast.Call, tree: ast.Module) -> tuple[list[str], bool]:
    """The inputs that are given, and whether these are all of them."""
    plain = not any(keyword.arg is None for keyword in call.keywords) and not any(
        isinstance(item, ast.Starred) or (isinstance(item, ast.Constant) and item.value is ...) for item in call.args
    )
    if given is None or (isinstance(given, ast.Constant) and given.value is None):
        return [], plain
    if isinstance(given, ast.Name):
        # A dictionary that is used for something else too may get more keys there.
        uses = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id == given.id]
        given = constants(tree).get(given.id) if len(uses) == 2 else None
    if isinstance(given, ast.Call) and isinstance(given.func, ast.Name) and given.func.id == "dict" and not given.args:
        return [item.arg for item in given.keywords if item.arg], all(item.arg for item in given.keywords)
    if not isinstance(given, ast.Dict):
        return [], False
    keys = [key.value for key in given.keys if isinstance(key, ast.Constant) and isinstance(key.value, str)]
    return keys, len(keys) == len(given.keys)


def constants(tree: ast.Module) -> dict[str, ast.expr]:
    """Names of a module that are assigned once, with what."""
    bound = [node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)]
    found: dict[str, ast.expr] = {}
    for node in ast.walk(tree):
        target = node.targets[0] if isinstance(node, ast.Assign) and len(node.targets) == 1 else None
        if isinstance(node, ast.Assign) and isinstance(target, ast.Name) and bound.count(target.id) == 1:
            found[target.id] = node.value
    return found


def inputs_of(function: ast.FunctionDef) -> Inputs | None:
    """What a pipeline function takes; None if its signature does not settle that."""
    given = function.args
    if given.vararg or given.kwarg:
        return None
    positional = [*given.posonlyargs, *given.args]
    optional = {item.arg for item in positional[len(positional) - len(given.defaults) :]}
    optional |= {item.arg for item, value in zip(given.kwonlyargs, given.kw_defaults, strict=True) if value}
    names: list[str] = []
    for item in [*positional, *given.kwonlyargs]:
        note = ast.unparse(item.annotation) if item.annotation else ""
        if not NO_INPUT.search(note):
            names.append(item.arg)
        if ARTIFACT.search(note):
            optional.add(item.arg)  # an artifact is given in another way
    return Inputs(function.name, tuple(names), tuple(name for name in names if name not in optional))


def package_inputs(file: Path, said: str) -> Inputs | None:
    """What a compiled package takes; None if the file is none."""
    import yaml

    if file.stat().st_size > LARGEST_PACKAGE:
        return None
    try:
        document: Any = next(iter(yaml.safe_load_all(file.read_text(encoding="utf-8"))), {})
        inputs = document["root"].get("inputDefinitions", {})
        given = inputs.get("parameters", {})
        required = [n for n, item in given.items() if "defaultValue" not in item and not item.get("isOptional")]
        return Inputs(said, (*given, *inputs.get("artifacts", {})), tuple(required))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError):
        return None


class _Page:
    """What a page's blocks say of pipelines and packages."""

    def __init__(self, project: Project, trees: list[ast.Module], shell: list[str]) -> None:
        self.project = project
        self.trees = trees
        self.shell = shell

    def pipelines(self, source: ast.expr, tree: ast.Module) -> list[Inputs | None]:
        """The function that an expression of a block names: of the page itself, or imported from the project."""
        return [self._named(source, [tree, *self.trees], self.trees)]

    def packages(self, source: ast.expr, tree: ast.Module) -> list[Inputs | None]:
        """The pipelines that a package may have been compiled from, or what it says itself."""
        path = path_of(source, tree, "")
        if path is None:
            return []
        here = [
            self._named(function, [block, *self.trees], self.trees)
            for block in self.trees
            for function, package in compiles(block, "")
            if package == path
        ]
        here += self._by_shell(path)
        if here:
            return here
        file = self.project.root / path
        made = [package_inputs(file, path)] if file.is_file() and not path.startswith("..") else []
        for module in self.project.python_files:
            code = self.project.tree(module)
            relative = module.relative_to(self.project.root).as_posix()
            for function, package in compiles(code, relative) if code else ():
                if package == path:
                    assert code is not None
                    made.append(self._named(function, [code], [code]))
        return made

    def _named(self, source: ast.expr, imports: list[ast.Module], own: list[ast.Module]) -> Inputs | None:
        if isinstance(source, ast.Name):
            local = [
                node
                for tree in dict.fromkeys(own)
                for node in ast.walk(tree)
                if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name == source.id
            ]
            if local:
                only = local[0]
                return inputs_of(only) if len(local) == 1 and isinstance(only, ast.FunctionDef) else None
        elif not isinstance(source, ast.Attribute):
            return None
        first, _, rest = ast.unparse(source).partition(".")
        for tree in imports:
            dotted = imported(tree).get(first)
            if dotted:
                module, _, name = f"{dotted}.{rest}".rstrip(".").rpartition(".")
                function = self.project.function(module, name)
                return inputs_of(function) if function else None
        return None

    def _by_shell(self, path: str) -> list[Inputs | None]:
        """Pipelines that `kfp dsl compile` makes the package of."""
        found: list[Inputs | None] = []
        for text in self.shell:
            for line in text.replace("\\\n", " ").splitlines():
                try:
                    words = shlex.split(line.strip().removeprefix("$ "), comments=True)
                except ValueError:
                    continue
                if "kfp" not in words or words[words.index("kfp") + 1 :][:2] != ["dsl", "compile"]:
                    continue
                said = option(words, "--output", "-o")
                if said is None or os.path.normpath(said) != path:
                    continue
                module = option(words, "--py")
                code = self.project.tree(self.project.root / module) if module else None
                found.append(only_pipeline(code, option(words, "--function")) if code else None)
        return found


def option(words: list[str], *names: str) -> str | None:
    """The value of an option of a command."""
    for name in names:
        for at, word in enumerate(words):
            if word == name and at + 1 < len(words):
                return words[at + 1]
            if word.startswith(f"{name}="):
                return word.partition("=")[2]
    return None


def only_pipeline(tree: ast.Module, name: str | None) -> Inputs | None:
    """The pipeline of a module of that name, or the only one it has."""
    found = [
        node
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
        and (node.name == name if name else any("pipeline" in ast.unparse(item) for item in node.decorator_list))
    ]
    return inputs_of(found[0]) if len(found) == 1 else None


def compiles(tree: ast.Module, module: str) -> Iterator[tuple[ast.expr, str]]:
    """What is compiled, and into which file, by `Compiler().compile(…)` anywhere in a module."""
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "compile"):
            continue
        function, package = argument(node, "pipeline_func", 0), argument(node, "package_path", 1)
        path = path_of(package, tree, module) if package is not None else None
        if function is not None and path is not None:
            yield function, path


def path_of(source: ast.expr, tree: ast.Module, module: str) -> str | None:
    """The path that an expression stands for: a text, a name for one, `Path("…")`, or the module's own with `.yaml`."""
    if isinstance(source, ast.Name):
        source = constants(tree).get(source.id, source)
    text = ast.unparse(source)
    if module and re.fullmatch(r"(?:Path\()?__file__\)?\.(?:replace\('\.py', |with_suffix\()'\.yaml'\)", text):
        return module.removesuffix(".py") + ".yaml"
    while isinstance(source, ast.Call) and ast.unparse(source.func) in ("str", "Path", "pathlib.Path"):
        if len(source.args) != 1:
            return None
        source = source.args[0]
    if isinstance(source, ast.Constant) and isinstance(source.value, str):
        return os.path.normpath(source.value)
    return None


def imported(tree: ast.Module) -> dict[str, str]:
    """Name -> dotted name of what is imported under it."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for item in node.names:
                name = item.asname or item.name.partition(".")[0]
                found[name] = item.name if item.asname else name
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {item.asname or item.name: f"{node.module}.{item.name}" for item in node.names}
    return found
