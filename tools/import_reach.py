"""Which files of a project can notice two changes at once, read from what they import.

Two changes that were each tested on their own can only go wrong together where something sees both: a test that
imports both, a pipeline built of both. What is found by name at run time cannot be read from imports, so a file that
looks for others itself counts as one that sees everything.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from .python_project import SKIPPED_FOLDERS
from .syntax import parse_python

PROSE = (".md", ".rst")
SEEKS = re.compile(
    r"importlib|__import__|pkgutil|runpy|iterdir|listdir|scandir|\br?glob\b|os\.walk|subprocess|os\.system|\bexec\("
    r"|\beval\(|inspect\.getmembers|__subclasses__|entry_points"
)
"""How Python code finds files and modules that it does not import by name."""

LARGEST = 5_000
"""Python files; in larger projects everything is taken to see everything."""


def meet(root: Path, ours: Mapping[str, str], theirs: Mapping[str, str]) -> str:
    """Why something in a tree may notice both of two changes; empty when nothing does.

    Args:
        root: The tree with both changes.
        ours: Path -> A, M, D or T of the one change.
        theirs: The same of the other.
    """
    mine, other = hard(ours), hard(theirs)
    if not mine or not other:
        return ""
    for path in sorted({**mine, **other}):
        if not path.endswith(".py"):
            return f"{path} is no Python file"
        if {**mine, **other}[path] in ("D", "T"):
            return f"{path} is gone"
    both = sorted(set(mine) & set(other))
    if both:
        return f"both change {both[0]}"
    names = {PurePosixPath(path).name for path in mine} & {PurePosixPath(path).name for path in other}
    if names - {"__init__.py"}:
        return f"both have a {min(names)}"
    files = python_files(root)
    if len(files) > LARGEST:
        return f"there are {len(files)} Python files"
    graph = Graph(root, files)
    run = graph.reachable({path for path in files if is_test(path)} | set(mine) | set(other))
    for path in sorted(run):
        if graph.seeks(path):
            return f"{path} looks for files or modules itself"
    shared = graph.seen_by(set(mine)) & graph.seen_by(set(other))
    return f"{min(shared)} uses both" if shared else ""


def hard(change: Mapping[str, str]) -> dict[str, str]:
    """What of a change a program can notice: all but prose."""
    return {path: status for path, status in change.items() if not path.lower().endswith(PROSE)}


def is_test(path: str) -> bool:
    """Whether pytest may load the file by itself."""
    name = PurePosixPath(path).name
    return name == "conftest.py" or name.startswith("test_") or name.endswith("_test.py")


def python_files(root: Path) -> list[str]:
    """The project's Python files, relative to the root."""
    found = []
    for path in root.rglob("*.py"):
        relative = path.relative_to(root)
        if path.is_file() and not any(part in SKIPPED_FOLDERS or part == ".git" for part in relative.parts):
            found.append(relative.as_posix())
    return sorted(found)


class Graph:
    """Who imports whom. A module is found under every ending of its dotted path, which finds rather too much."""

    def __init__(self, root: Path, files: Iterable[str]) -> None:
        self.files = list(files)
        self.sources = {path: (root / path).read_bytes() for path in self.files}
        self.by_name: dict[str, set[str]] = {}
        for path in self.files:
            parts = PurePosixPath(path).with_suffix("").parts
            parts = parts[:-1] if parts[-1] == "__init__" else parts
            for start in range(len(parts)):
                self.by_name.setdefault(".".join(parts[start:]), set()).add(path)
        self.uses = {path: self._used_by(path) for path in self.files}

    def _used_by(self, path: str) -> set[str]:
        found: set[str] = set()
        folder = PurePosixPath(path).parent
        for level, name in imports(self.sources[path])[0]:
            if level:
                place = folder.parents[level - 2] if 2 <= level <= len(folder.parents) + 1 else folder
                name = ".".join([*place.parts, *filter(None, [name])])
            parts = name.split(".")
            for end in range(1, len(parts) + 1):
                found |= self.by_name.get(".".join(parts[:end]), set())
        if is_test(path):
            # pytest loads these without an import.
            for parent in [folder, *folder.parents]:
                found |= {str(parent / name) for name in ("conftest.py", "__init__.py")} & self.sources.keys()
        return found - {path}

    def seeks(self, path: str) -> bool:
        """Whether the file finds others without importing them, or cannot be read."""
        return imports(self.sources[path])[1]

    def reachable(self, start: set[str]) -> set[str]:
        """The files with all that they import, directly or not."""
        return closure(start & set(self.files), self.uses)

    def seen_by(self, start: set[str]) -> set[str]:
        """The files with all that import them, directly or not."""
        users: dict[str, set[str]] = {}
        for path, used in self.uses.items():
            for other in used:
                users.setdefault(other, set()).add(path)
        return closure(start, users)


def closure(start: set[str], edges: Mapping[str, set[str]]) -> set[str]:
    """All that can be reached."""
    found, left = set(start), list(start)
    while left:
        for other in edges.get(left.pop(), ()):
            if other not in found:
                found.add(other)
                left.append(other)
    return found


def imports(source: bytes) -> tuple[list[tuple[int, str]], bool]:
    """The imports of a source as (level, dotted name), and whether it may find more at run time."""
    digest = hashlib.sha256(source).digest()
    if digest not in _KNOWN:
        if len(_KNOWN) > 4 * LARGEST:
            _KNOWN.clear()
        _KNOWN[digest] = _imports(source.decode("utf-8", "replace"))
    return _KNOWN[digest]


_KNOWN: dict[bytes, tuple[list[tuple[int, str]], bool]] = {}


def _imports(text: str) -> tuple[list[tuple[int, str]], bool]:
    try:
        tree = parse_python(text)
    except (SyntaxError, ValueError, RecursionError):
        return [], True
    found: list[tuple[int, str]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(0, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            found.append((node.level, base))
            found += [(node.level, f"{base}.{alias.name}".strip(".")) for alias in node.names if alias.name != "*"]
    return found, bool(SEEKS.search(text))
