"""Finds every feature of a repository, at any depth, and reads its tasks without refusing what cannot be worked."""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from ..documents import parse_tasks_text
from ..documents.lines import read_bytes
from ..documents.models import TaskList
from ..errors import UserError
from .tree import Tree

DOCUMENT = re.compile(
    r"^(?P<project>(?:.+/)?)(?:specs/|\.specify/specs/|\.kiro/specs/|openspec/changes/(?P<archive>archive/)?)"
    r"(?P<name>[^/]+)/tasks\.md$"
)
IN_USE = re.compile(r"(?:^|/)(?:node_modules|site-packages|vendor|templates?|fixtures|testdata|examples?/templates)/")
"""Folders with documents that are not this repository's own work."""


class Document(BaseModel):
    """A feature's tasks, as they stand in the checkout.

    Attributes:
        path: tasks.md, relative to the repository.
        project: The folder that holds `specs/`, `.kiro/` or `openspec/`, ending with `/`, or empty.
        data: The file's bytes that were parsed.
    """

    model_config = ConfigDict(extra="forbid")

    name: str
    path: str
    project: str
    tasks: TaskList
    data: bytes

    @property
    def folder(self) -> str:
        """The feature's folder, relative to the repository."""
        return self.path.rpartition("/")[0]

    @property
    def homes(self) -> list[str]:
        """Folders that paths in the tasks may be relative to."""
        return list(dict.fromkeys([self.project, "", f"{self.folder}/" if self.folder else ""]))


def list_documents(tree: Tree, scope: str, *, archived: bool = False) -> list[str]:
    """Paths of the tasks files of all features.

    Args:
        tree: The repository.
        scope: Only below this folder, which ends with `/`; empty for all.
        archived: Also what OpenSpec has put away as finished.
    """
    found = []
    for path in sorted(tree.present):
        match = DOCUMENT.match(path) if path.endswith("/tasks.md") and path.startswith(scope) else None
        if match and not IN_USE.search(path) and (archived or not match["archive"]) and (tree.root / path).is_file():
            found.append(path)
    return found


def choose(tree: Tree, scope: str, hints: list[str], *, archived: bool = False) -> list[str]:
    """The tasks files that are meant.

    Args:
        tree: The repository.
        scope: A folder that ends with `/`, empty, or the path of one tasks file.
        hints: What the user named: a path, a folder's name, its number, or a unique part of its name.
        archived: Also what OpenSpec has put away as finished.

    Raises:
        UserError: There is no feature, or a hint fits none or several.
    """
    if scope.endswith(".md"):
        return [scope]
    if scope and (tree.root / scope / "tasks.md").is_file():
        return [f"{scope}tasks.md"]
    every = list_documents(tree, scope, archived=archived)
    if not hints:
        if not every:
            above = len(list_documents(tree, "", archived=archived)) if scope else 0
            here = f"The repository has {above} above this folder: kfpilot audit {tree.root}\n  " if above else ""
            raise UserError(
                "No feature was found.",
                where=tree.root / scope,
                mend=f"{here}kfpilot looks for specs/<feature>/tasks.md, .specify/specs/, .kiro/specs/ and "
                "openspec/changes/, at any depth. Name the folder of a feature that lies elsewhere.",
            )
        return every
    return list(dict.fromkeys(_one(tree, scope, hint, every) for hint in hints))


def _one(tree: Tree, scope: str, hint: str, every: list[str]) -> str:
    given = hint.strip().removesuffix("tasks.md").strip("/")
    for folder in dict.fromkeys((f"{scope}{given}", given)):
        if given and (tree.root / folder / "tasks.md").is_file():
            return f"{folder}/tasks.md"
    wanted = given.rpartition("/")[2].casefold()
    names = {path: path.split("/")[-2].casefold() for path in every}
    number = int(wanted) if wanted.isascii() and wanted.isdigit() else None
    tests = (
        [path for path, name in names.items() if name == wanted],
        [path for path, name in names.items() if number is not None and _number(name) == number],
        [path for path, name in names.items() if wanted and wanted in name],
    )
    for found in tests:
        if len(found) == 1:
            return found[0]
        if found:
            raise UserError(
                f"{hint!r} may mean several features: {', '.join(found[:10])}", mend="Name one by its path."
            )
    known = ", ".join(path.split("/")[-2] for path in every[:20])
    raise UserError(
        f"No feature matches {hint!r}.", where=tree.root, mend=f"Features here: {known}." if known else "There is none."
    )


def _number(name: str) -> int | None:
    match = re.match(r"\d+", name)
    return int(match[0]) if match else None


def read_document(tree: Tree, path: str) -> Document:
    """Parse one tasks file.

    Raises:
        UserError: It cannot be read, or is not UTF-8.
    """
    file = tree.root / path
    data = read_bytes(file)
    match = DOCUMENT.match(path)
    tasks = parse_tasks_text(data, file, tree.root)
    folder = Path(path).parent
    for task in tasks.tasks:
        # `contracts/orders.yaml` beside the spec is what a task reads.
        own = [name for name in task.files if (file.parent / name).exists() and not (tree.root / name).exists()]
        task.files = [name for name in task.files if name not in own]
    return Document(
        name=match["name"] if match else folder.name or tree.root.name,
        path=path,
        project=match["project"] if match else "",
        tasks=tasks,
        data=data,
    )
