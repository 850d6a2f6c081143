"""Takes ticks away: one byte each, and only where nothing else of the file waits to be committed."""

from __future__ import annotations

from pathlib import Path

from ...tools.git_command import attempt
from ..documents import parse_tasks_text, tickable, untick
from ..errors import UserError
from .features import Document
from .models import FeatureAudit
from .tree import Tree


def take_away(tree: Tree, found: list[tuple[Document, FeatureAudit]]) -> list[str]:
    """Untick every contradicted task. All files are looked at before the first is written.

    Returns:
        What could not be unticked, and why.

    Raises:
        UserError: A tasks file has uncommitted changes besides ticks, or was changed meanwhile.
    """
    left: list[str] = []
    writes: list[tuple[Path, bytes]] = []
    for document, feature in found:
        wanted = [tick for tick in feature.ticks if tick.verdict == "contradicted"]
        if not wanted:
            continue
        refuse_dirty(tree, document)
        path = tree.root / document.path
        if path.is_symlink():
            left.append(f"{document.path} is a symbolic link, so it is not written")
            continue
        data = path.read_bytes()
        if data != document.data:
            raise UserError("The file was changed during the audit.", where=path, mend="Run the audit again.")
        tasks = {task.key: task for task in document.tasks.tasks}
        for tick in wanted:
            task = tasks[tick.key]
            if task.mark not in ("x", "X"):
                left.append(f"{tick.path}:{tick.line}: {tick.key} has no box that could be unticked")
                continue
            data = untick(data, task)
            tick.unticked = True
        writes.append((path, data))
    for path, data in writes:
        if path.read_bytes() != data:
            path.write_bytes(data)
    return left


def refuse_dirty(tree: Tree, document: Document) -> None:
    """Whoever has other uncommitted changes in a tasks file could not tell them from ours. Ticks alone do not matter.

    Raises:
        UserError: It has such changes, or git does not know the file.
    """
    if not tree.is_git:
        return
    path = document.path
    shown = attempt(tree.root, "show", f"HEAD:{path}")
    if shown.returncode:
        raise UserError(
            "The file is not committed, so --fix does not write it.",
            where=tree.root / path,
            mend=f"Commit it first: git add {path} && git commit",
        )
    if path not in tree.changed:
        return
    if _without_marks(shown.stdout, path) != _without_marks(document.data, path):
        raise UserError(
            "The file has uncommitted changes besides ticks, so --fix does not write it.",
            where=tree.root / path,
            mend=f"Commit or stash them first: git diff {path}",
        )


def _without_marks(data: bytes, path: str) -> bytes:
    """The file with every box empty and the line ends as git keeps them."""
    content = bytearray(data)
    for task in parse_tasks_text(data, Path(path)).tasks:
        if tickable(task) and task.mark_offset is not None:
            content[task.mark_offset] = ord(" ")
    return bytes(content).replace(b"\r\n", b"\n")
