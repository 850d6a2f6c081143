"""Starts the draft of a task that adds steps to a pipeline: what is there stands already, the model goes on from it.

A small model that has to write a file again drops lines of it; here it cannot.
"""

from __future__ import annotations

import ast
import re

from pydantic import BaseModel

from ...tools import search
from ..planner.paths import role_of_path
from .job import Job
from .packet import module_of
from .scaffold import components_of, decorated

ADDS = re.compile(r"\b(add|append|extend|insert|wire|connect|include|call|use)\b", re.I)


class Extension(BaseModel):
    """A file to go on with.

    Attributes:
        head: The file up to where the first new step begins; ends in the middle of that line.
        tail: What comes after the new steps: the pipeline's `return`, and the rest of the file.
    """

    head: str
    tail: str = ""


def extension(job: Job, target: str) -> Extension | None:
    """How to go on with a pipeline; None when the task does not add steps, or which ones is not clear.

    Args:
        job: The task. The new steps are the components it names, in its order, that the pipeline does not call yet.
        target: The file; it has exactly one pipeline.
    """
    file = job.worktree / target
    title = job.task.title
    if not file.is_file() or file.suffix != ".py" or not ADDS.search(title):
        return None
    source = file.read_text(encoding="utf-8", errors="replace")
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return None
    pipelines = [node for node in tree.body if isinstance(node, ast.FunctionDef) and decorated(node, "pipeline")]
    if len(pipelines) != 1:
        return None
    called = {name.id for name in ast.walk(pipelines[0]) if isinstance(name, ast.Name)}
    new = [(name, module) for name, module in named_components(job, target) if name not in called]
    if not new:
        return None
    return continued(source, tree, pipelines[0], new)


def continued(source: str, tree: ast.Module, pipeline: ast.FunctionDef, new: list[tuple[str, str]]) -> Extension:
    """The file with the imports of the new steps, cut where the first of them begins."""
    lines = source.splitlines()
    last = pipeline.body[-1]
    end = last.lineno - 1 if isinstance(last, ast.Return) else (last.end_lineno or last.lineno)
    tail = "\n".join(lines[end:])
    present = {
        alias.asname or alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    imports = [f"from {module} import {name}" for name, module in new if name not in present]
    after = max(
        (node.end_lineno or 0 for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)), default=0
    )
    head = [*lines[:after], *imports, *lines[after:end]]
    indent = " " * pipeline.body[0].col_offset
    name = new[0][0]
    return Extension(head="\n".join([*head, f"{indent}{name}_task = {name}("]), tail=tail)


def named_components(job: Job, target: str) -> list[tuple[str, str]]:
    """Components that the task names, in its order, each with the module it is imported from."""
    text = " ".join([job.task.title, *job.feature.task(job.task.id).details])
    found: dict[str, str] = {}
    for path in search.files(job.worktree, glob="*.py"):
        if path == target or role_of_path(path) != "code":
            continue
        source = (job.worktree / path).read_text(encoding="utf-8", errors="replace")
        for signature in components_of(source):
            found.setdefault(signature.name, module_of(job.worktree, path))
    places = {name: re.search(rf"\b{re.escape(name)}\b", text) for name in found}
    order = sorted((match.start(), name) for name, match in places.items() if match)
    return [(name, found[name]) for _, name in order]


def joined(extended: Extension, content: str) -> str:
    """The whole file: what the model wrote, then what comes after it."""
    return content.rstrip("\n") + "\n" + (extended.tail.rstrip("\n") + "\n" if extended.tail.strip() else "")
