"""Which modules and names a Python project has, read from its source alone."""

from __future__ import annotations

import ast
import builtins
import difflib
import importlib.util
import os
import sys
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

from .kfp_names import words
from .python_project import SKIPPED_FOLDERS, find_source_roots, own_names
from .syntax import parse_python

KFP_DECORATORS = {"component", "container_component", "pipeline"}
KFP_NAMES = words(
    "load_component_from_file load_component_from_url load_component_from_text compile run_pipeline create_experiment "
    "create_run_from_pipeline_func create_run_from_pipeline_package create_recurring_run upload_pipeline get_run "
    "list_runs log_metric log_confusion_matrix log_roc_curve set_retry set_caching_options set_cpu_limit "
    "set_cpu_request set_memory_limit set_memory_request set_env_variable set_display_name after use_secret_as_env "
    "use_secret_as_volume use_config_map_as_env mount_pvc add_node_selector add_toleration ignore_upstream_failure"
)
"""Names that a text may call because kfp has them."""


def top_names(file: Path) -> set[str]:
    """The functions and classes that a module has at its top; none where it cannot be read or parsed."""
    try:
        body = parse_python(file.read_bytes()).body
    except (OSError, SyntaxError, ValueError):
        return set()
    return {node.name for node in body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)}


def installed(name: str) -> bool:
    """Whether a regular package or module of that name is installed here."""
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return False
    return spec is not None and spec.origin is not None


def near(name: str, known: Iterable[str], cutoff: float = 0.7) -> str:
    """The two names most like this one, as the end of a message; empty if none is."""
    found = difflib.get_close_matches(name, sorted(set(known)), n=2, cutoff=cutoff)
    return f" Near: {', '.join(f'`{item}`' for item in found)}." if found else ""


class Project:
    """The modules of a project and what they define.

    Args:
        root: The project's checkout.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.roots = find_source_roots(root)
        self._trees: dict[Path, ast.Module | None] = {}

    @cached_property
    def python_files(self) -> list[Path]:
        """Every Python file of the project, those of environments and caches left out."""
        found = []
        for folder, folders, files in os.walk(self.root):
            if "pyvenv.cfg" in files:
                folders.clear()
                continue
            folders[:] = [name for name in folders if not name.startswith(".") and name not in SKIPPED_FOLDERS]
            found += [Path(folder, name) for name in files if name.endswith(".py")]
        return sorted(found)

    @cached_property
    def tops(self) -> set[str]:
        """Top-level packages and modules that are surely imported from the project and from nowhere else."""
        solid, loose = own_names(self.root, self.roots)
        # A folder without `__init__.py` gives way to any installed package of its name (`kubernetes/`, `docker/`).
        names = {*solid, *(name for name in loose if not installed(name))} - sys.stdlib_module_names - {"kfp"}
        return {name for name in names if self.module(name) is not None}

    @cached_property
    def defined(self) -> set[str]:
        """Every function, class and method that is defined anywhere in the project."""
        found: set[str] = set()
        for path in self.python_files:
            tree = self.tree(path)
            for node in ast.walk(tree) if tree else ():
                if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                    found.add(node.name)
        return found

    @cached_property
    def known(self) -> set[str]:
        """Every name that is defined, bound, used or imported anywhere in the project, and the builtins."""
        found = set(dir(builtins)) | self.defined | KFP_NAMES
        for path in self.python_files:
            tree = self.tree(path)
            for node in ast.walk(tree) if tree else ():
                if isinstance(node, ast.Name):
                    found.add(node.id)
                elif isinstance(node, ast.Attribute):
                    found.add(node.attr)
                elif isinstance(node, ast.arg):
                    found.add(node.arg)
                elif isinstance(node, ast.alias):
                    found.update(item for item in (node.asname, node.name.rpartition(".")[2]) if item)
        return found

    def tree(self, path: Path) -> ast.Module | None:
        """The syntax tree of a file, or None if it does not parse."""
        if path not in self._trees:
            try:
                self._trees[path] = parse_python(path.read_text(encoding="utf-8-sig"))
            except (SyntaxError, ValueError, OSError):
                self._trees[path] = None
        return self._trees[path]

    def module(self, dotted: str) -> Path | None:
        """The file or folder that a dotted module name stands for."""
        parts = dotted.split(".")
        for root in self.roots:
            path = root.joinpath(*parts)
            if path.with_suffix(".py").is_file():
                return path.with_suffix(".py")
            if path.is_dir():
                return path
        return None

    def module_file(self, dotted: str) -> Path | None:
        """The Python file of a module or of a package."""
        path = self.module(dotted)
        if path is not None and path.is_dir():
            path = path / "__init__.py"
        return path if path is not None and path.is_file() else None

    def names_in(self, dotted: str) -> set[str] | None:
        """The names a module has (its submodules included), or None if its source does not settle that."""
        path = self.module(dotted)
        if path is None:
            return None
        found: set[str] = set()
        if path.is_dir():
            found = {item.stem for item in path.iterdir() if item.suffix == ".py" or item.is_dir()}
        file = self.module_file(dotted)
        if file is None:
            return found
        tree = self.tree(file)
        if tree is None:
            return None
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                found.add(node.name)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                found.add(node.id)
            elif isinstance(node, ast.alias):
                if node.name == "*":
                    return None
                found.add(node.asname or node.name.partition(".")[0])
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("globals", "vars"):
                return None
        return None if "__getattr__" in found else found | {"__name__", "__file__", "__doc__", "__version__"}

    def function(self, dotted: str, name: str) -> ast.FunctionDef | None:
        """A function of a module's top level whose signature is what its source says.

        KFP's decorators leave the names of the parameters as they are; of others nobody knows.
        """
        file = self.module_file(dotted)
        tree = self.tree(file) if file else None
        for node in tree.body if tree else ():
            if isinstance(node, ast.FunctionDef) and node.name == name:
                plain = (item.func if isinstance(item, ast.Call) else item for item in node.decorator_list)
                known = all(ast.unparse(item).rpartition(".")[2] in KFP_DECORATORS for item in plain)
                return node if known else None
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                for item in node.names:
                    if (item.asname or item.name) == name and node.module != dotted:
                        return self.function(node.module, item.name)
        return None

    def functions(self, name: str) -> list[ast.FunctionDef]:
        """Every definition of that name in the project: functions, methods, nested ones."""
        trees = filter(None, map(self.tree, self.python_files))
        nodes = (node for tree in trees for node in ast.walk(tree))
        return [node for node in nodes if isinstance(node, ast.FunctionDef) and node.name == name]

    def missing(self, dotted: str) -> str:
        """Why a dotted name of the project's own does not exist, or an empty text if it may.

        Args:
            dotted: A name such as `package.module.function`, its first part one of `tops`.
        """
        parts = dotted.split(".")
        for length in range(1, len(parts) + 1):
            module = ".".join(parts[:length])
            if self.module(module) is not None:
                continue
            parent = ".".join(parts[: length - 1])
            names = self.names_in(parent)
            if names is None or parts[length - 1] in names:
                return ""  # a name inside it; what that has is not followed further
            return f"`{parent}` has no `{parts[length - 1]}`.{near(parts[length - 1], names)}"
        return ""


def unknown_keywords(call: ast.Call, function: ast.FunctionDef) -> list[str]:
    """Keyword arguments of a call that the function does not take."""
    arguments = function.args
    if arguments.kwarg is not None:
        return []
    names = {item.arg for item in [*arguments.args, *arguments.kwonlyargs]}
    return [item.arg for item in call.keywords if item.arg and item.arg not in names]


def parameters(function: ast.FunctionDef) -> list[str]:
    """The names that a function can be given by keyword."""
    return [item.arg for item in [*function.args.args, *function.args.kwonlyargs]]
