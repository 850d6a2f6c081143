"""Are the names that a tick claims defined? By syntax tree in Python, by search for the word elsewhere."""

from __future__ import annotations

import ast
import difflib
import re
from collections import defaultdict
from functools import cached_property
from pathlib import Path

from ...tools import git_paths
from ...tools.syntax import parse_python
from .claims import Claims, NameClaim
from .models import Check, Outcome
from .tree import SOURCE_ENDS, Tree

LIMIT = 1_000_000
LONG = 2000
"""Lines are read that far: longer ones are generated."""
SHORT = 4
"""Names below that many letters are part of too many others."""
WORD = re.compile(r"[A-Za-z_]\w*")
DEFINITION = re.compile(
    r"\b(?:class|interface|type|struct|enum|trait|func|fn|fun|function|def|const|let|var|object|record|protocol"
    r"|message|service|CREATE\s+TABLE)\s+(?:\([^)]*\)\s*)?[`\"]?([A-Za-z_]\w*)",
    re.I,
)
DOCUMENTS = re.compile(r"(?:^|/)(?:specs|\.specify|\.kiro|openspec)/|\.(?:md|mdx|rst|txt|adoc)$")
"""Where names are spoken of, not defined."""


class Names:
    """Every name that the code of a repository defines, read once.

    Args:
        tree: Its files.
        wanted: The names whose mere occurrence matters.
    """

    def __init__(self, tree: Tree, wanted: set[str]) -> None:
        self.tree = tree
        self.defined: dict[str, list[str]] = defaultdict(list)
        self.words: dict[str, list[str]] = defaultdict(list)
        self.unread: list[str] = []
        self.python = 0
        for path in sorted(tree.present):
            if DOCUMENTS.search(path):
                continue
            text = _read(tree.root / path)
            if text is None:
                if path.rpartition(".")[2].lower() in SOURCE_ENDS:
                    self.unread.append(path)
                continue
            for word in wanted.intersection(WORD.findall(text)):
                self.words[word].append(path)
            names = _python_names(text) if path.endswith(".py") else None
            self.python += names is not None
            for name, line in (names if names is not None else _other_names(text)).items():
                self.defined[name].append(f"{path}:{line}")

    def where(self, name: str) -> list[str]:
        """The files that define a name."""
        return self.defined.get(name, [])

    @cached_property
    def _folded(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = defaultdict(list)
        for name, paths in self.defined.items():
            found[name.replace("_", "").casefold()] += paths
        return found

    def like(self, name: str) -> list[str]:
        """The files that define a name of the same words, or one that holds it or is held: `Order`, `OrderModel`."""
        wanted = name.replace("_", "").casefold()
        found = self._folded.get(wanted, [])
        if found or len(wanted) < SHORT:
            return found
        return [
            path
            for other, paths in self._folded.items()
            if len(other) >= SHORT and (wanted in other or other in wanted)
            for path in paths
        ]

    def near(self, name: str) -> list[str]:
        """Up to three defined names that look like this one, with their places."""
        close = difflib.get_close_matches(name, self.defined, n=3, cutoff=0.7)
        return [f"`{other}` in {self.defined[other][0]}" for other in close]


class SymbolJudge:
    """Judges name claims.

    Args:
        tree: The repository.
        wanted: All names that are going to be asked about; the code is read only when there are any.
    """

    def __init__(self, tree: Tree, wanted: set[str]) -> None:
        self.tree = tree
        self.wanted = wanted

    @cached_property
    def names(self) -> Names:
        """The names of the code, read when first asked for."""
        return Names(self.tree, self.wanted)

    @cached_property
    def once(self) -> set[str] | None:
        """Of the names that no file holds now, those that some commit held; None if that is not known."""
        if not self.tree.history.complete:
            return None
        lost = [name for name in sorted(self.wanted) if name not in self.names.words]
        return git_paths.words_ever(self.tree.root, lost)

    def judge(self, claim: NameClaim, claims: Claims, *, python: bool) -> Check:
        """What is to be said of one name.

        Args:
            claim: The name and how sure the task is about it.
            claims: All claims of the task.
            python: The name is surely one of Python: the task's files are Python, or it has none in a Python project.
        """
        name = claim.name.rpartition(".")[2]
        if claim.removed:
            return self._removed(claim, name)
        places = self.names.where(name)
        mine = tuple(file.path for file in claims.files if file.kind != "refers")
        own = [place for place in places if place.rpartition(":")[0].endswith(mine)] if mine else []
        if places:
            message = f"`{name}` is defined in {(own or places)[0]}"
            return _check(claim, "holds" if claim.sure or own else "note", message)
        held = self.names.words.get(name, [])
        if held:
            return _check(claim, "note", f"`{name}` occurs in {held[0]}; no definition of it was found")
        if not claim.sure:
            return _check(claim, "note", f"`{name}` occurs nowhere in the code")
        like = self.names.like(name)
        if like:
            return _check(claim, "unknown", f"`{name}` occurs nowhere; a like name is defined in {like[0]}")
        if not python or claims.doubtful or self.names.unread:
            why = f" ({self.names.unread[0]} could not be read)" if self.names.unread else ""
            return _check(claim, "unknown", f"`{name}` occurs nowhere in the code{why}")
        if self.once is None:
            reason = self.tree.history.reason or "the history is too long to search"
            return _check(claim, "unknown", f"`{name}` occurs nowhere in the code; {reason}")
        if name in self.once:
            return _check(claim, "unknown", f"`{name}` was in the code once and is gone or renamed")
        nowhere = f"`{name}` is defined nowhere: no file has the word, no commit ever had it"
        return _check(claim, "false", nowhere, near=self.names.near(name))

    def _removed(self, claim: NameClaim, name: str) -> Check:
        held = self.names.words.get(name, [])
        if held:
            return _check(claim, "unknown", f"`{name}` still occurs in {held[0]}")
        if self.once is not None and name in self.once:
            return _check(claim, "holds", f"`{name}` was in the code once and is gone")
        return _check(claim, "note", f"`{name}` occurs nowhere in the code")


def _check(claim: NameClaim, outcome: Outcome, message: str, *, near: list[str] | None = None) -> Check:
    return Check(rule="TICK-SYMBOL", subject=claim.name, outcome=outcome, message=message, near=near or [])


def _read(path: Path) -> str | None:
    try:
        if path.is_symlink() or not path.is_file() or path.stat().st_size > LIMIT:
            return None
        data = path.read_bytes()
    except OSError:
        return None
    return None if b"\0" in data else data.decode("utf-8", "replace")


def _other_names(text: str) -> dict[str, int]:
    """What looks like a definition in any other language, with its line."""
    found: dict[str, int] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        for name in DEFINITION.findall(line[:LONG]):
            found.setdefault(name, number)
    return found


def _python_names(text: str) -> dict[str, int] | None:
    """What a module defines or binds, at any depth, with its line; None if it does not parse."""
    try:
        module = parse_python(text)
    except (SyntaxError, ValueError, RecursionError):
        return None
    found: dict[str, int] = {}
    for node in ast.walk(module):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.setdefault(node.name, node.lineno)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.setdefault(node.id, node.lineno)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            found.setdefault(node.attr, node.lineno)
        elif isinstance(node, ast.arg):
            found.setdefault(node.arg, node.lineno)
        elif isinstance(node, ast.alias):
            found.setdefault((node.asname or node.name).rpartition(".")[2], node.lineno)
    return found
