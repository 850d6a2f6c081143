"""The start of a draft, as far as the documents and the repository fix it.

A small model that has to invent an import path or a heading often invents a wrong one; what is known is given.
"""

from __future__ import annotations

import re
from pathlib import Path

from ...tools import search
from ..planner.models import Role
from ..planner.paths import role_of_path
from .job import Job
from .packet import names_of


def skeleton(job: Job, role: Role, target: str) -> str:
    """How the file starts; empty when nothing is certain.

    Args:
        job: The task.
        role: The role that writes it.
        target: The file's path.
    """
    file = job.worktree / target
    if file.is_file() and file.stat().st_size:
        return first_lines(file.read_text(encoding="utf-8", errors="replace"))
    if target.endswith(".py"):
        return tests_start(job, target) if role == "tests" else code_start(job, target)
    if target.endswith(".md"):
        return "# "
    if target.startswith(".github/workflows/"):
        return "name: "
    return ""


def first_lines(text: str) -> str:
    """The first line of an existing file, so that the answer is this file again and not a new one."""
    for line in text.splitlines():
        if line.strip():
            return line + "\n"
    return ""


def code_start(job: Job, target: str) -> str:
    """kfp's import, when the task is about a component or pipeline."""
    words = f"{job.task.title} {target}".lower()
    return "from kfp import dsl\n" if re.search(r"component|pipeline|kfp", words) else ""


def tests_start(job: Job, target: str) -> str:
    """Imports of what is under test, with the path they have in this repository."""
    named = subjects(job)
    if not named:
        return ""
    lines = [f"from {module} import {', '.join(names)}" for module, names in sorted(named.items())]
    return "from kfp import dsl\n\n" + "\n".join(lines) + "\n\n\ndef test_"


def subjects(job: Job) -> dict[str, list[str]]:
    """Import path -> names the task speaks of, from the code that exists in the worktree."""
    text = " ".join([job.task.title, *job.feature.task(job.task.id).details])
    words = set(re.findall(r"\w+", text))
    found: dict[str, list[str]] = {}
    for path in search.files(job.worktree, glob="*.py"):
        if role_of_path(path) != "code" or Path(path).name in ("setup.py", "conftest.py"):
            continue
        names = sorted(names_of(job.worktree / path) & words)
        if names:
            found[module_of(job.worktree, path)] = names
    return found


def module_of(root: Path, path: str) -> str:
    """The dotted name a test imports a file by: from the source root that holds it."""
    from ...tools.pytest_run import find_source_roots

    file = root / path
    roots = [folder for folder in find_source_roots(root) if file.is_relative_to(folder)]
    base = max(roots, key=lambda folder: len(folder.parts), default=root)
    relative = file.relative_to(base).with_suffix("")
    parts = relative.parts[:-1] if relative.name == "__init__" else relative.parts
    return ".".join(parts)
