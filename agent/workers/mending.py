"""Draws a function again that tests have found fault with: for a worker that drafts whole files."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...tools.syntax import parse_python
from ..verifier.claims import path_of
from ..verifier.models import HandBack
from .job import Job


def making(job: Job, handed: HandBack) -> Job:
    """The job that made the code, to be done once more on the tree as it is; what it costs is the tests' task's."""
    asked = job.feature.task(handed.fault.by)
    task = job.task.model_copy(
        update={"id": asked.key, "title": asked.title, "role": "code", "also": [], "files": list(asked.files)}
    )

    def emit(event: Any) -> None:
        job.emit(event.model_copy(update={"task": job.task.id}) if hasattr(event, "task") else event)

    return replace(job, task=task, emit=emit, handed=None)


def take_out(root: Path, handed: HandBack) -> str:
    """Take the function out of its file, so that it is drawn anew; the file goes when nothing else is in it.

    Returns:
        The path of the file.
    """
    path = path_of(handed.fault)
    file = root / path
    source = file.read_text(encoding="utf-8", errors="replace")
    try:
        body = parse_python(source).body
    except (SyntaxError, ValueError):
        return path
    named = [node for node in body if isinstance(node, ast.FunctionDef) and node.name == handed.fault.function]
    others = [node for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef) and node not in named]
    if not named:
        return path
    if not others:
        file.unlink()
        return path
    lines = source.splitlines(keepends=True)
    for node in reversed(named):
        first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
        del lines[first - 1 : node.end_lineno]
    file.write_text("".join(lines), encoding="utf-8")
    return path
