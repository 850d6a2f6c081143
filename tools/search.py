"""Searching a project: which files there are, where a pattern occurs, and what a module offers."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pathspec
from pydantic import BaseModel, ConfigDict, Field

from . import git_command
from .errors import ToolFailure
from .outline import Told, signatures
from .redact import is_env_file

__all__ = ["Match", "Told", "files", "grep", "signatures"]

SKIPPED = {".git", ".kfpilot", ".venv", "venv", "node_modules", "__pycache__", ".mypy_cache", ".ruff_cache",
           ".pytest_cache", ".tox", ".nox", ".eggs"}  # fmt: skip
"""Folders that are not looked into where git cannot say what is ignored; the first two never are."""

LIMIT = 1_000_000
LINE = 400


def files(root: Path, glob: str | None = None) -> list[str]:
    """The files below a folder that git does not ignore, relative and sorted; symbolic links are left out.

    Args:
        root: The folder; it need not be a repository, nor a repository's top.
        glob: A gitignore-style glob: `*.py` at any depth, `/setup.py` or `tests/*.py` from the root, `docs` or `docs/`
            with all that is in it.
    """
    if not root.is_dir():
        raise ToolFailure(f"The folder {root} does not exist.")
    wanted = None
    if glob and glob not in (".", "./", "*", "**", "**/*"):
        wanted = pathspec.GitIgnoreSpec.from_lines([glob.removeprefix("./")])
    found = []
    for name in _candidates(root):
        if (wanted is None or wanted.match_file(name)) and not _hidden(name):
            path = root / name
            if path.is_file() and not path.is_symlink():
                found.append(name)
    return sorted(found)


def _candidates(root: Path) -> set[str]:
    done = git_command.attempt(root, "ls-files", "--cached", "--others", "--exclude-standard", "-z")
    if done.returncode == 0:
        return set(git_command.fields(done.stdout))
    return set(_walk(root))


def _walk(root: Path) -> Iterator[str]:
    for folder, inner, names in os.walk(root):
        inner[:] = sorted(name for name in inner if name not in SKIPPED and not name.endswith(".egg-info"))
        for name in names:
            yield Path(folder, name).relative_to(root).as_posix()


def _hidden(name: str) -> bool:
    return any(part in (".git", ".kfpilot") for part in name.split("/"))


def grep(
    root: Path,
    pattern: str,
    *,
    glob: str | None = None,
    ignore_case: bool = False,
    context: int = 0,
    limit: int = 100,
) -> list[Match]:
    """The lines of a project's text files that match a regular expression.

    Args:
        root: Where to look.
        pattern: A Python regular expression.
        glob: Look only in files that match this gitignore-style glob.
        ignore_case: Take upper and lower case for the same.
        context: Lines to show before and after each match.
        limit: At most this many matches.

    Raises:
        ToolFailure: The pattern is not a regular expression.
    """
    try:
        wanted = re.compile(pattern, re.IGNORECASE if ignore_case else 0)
    except re.error as error:
        raise ToolFailure(
            f"{pattern!r} is not a regular expression: {error}. To search for it as it stands, escape it: "
            f"{re.escape(pattern)}"
        ) from None
    if "\n" in pattern or r"\n" in pattern:
        raise ToolFailure(
            f"{pattern!r} contains a line break, but the search goes line by line. Search for one line of it."
        )
    found: list[Match] = []
    for name in files(root, glob):
        if is_env_file(name):
            continue
        lines = _lines_of(root / name)
        for at, line in enumerate(lines):
            if wanted.search(line):
                if len(found) >= limit:
                    return found
                found.append(
                    Match(
                        path=name,
                        line=at + 1,
                        text=_short(line),
                        before=[_short(text) for text in lines[max(0, at - context) : at]],
                        after=[_short(text) for text in lines[at + 1 : at + 1 + context]],
                    )
                )
    return found


def _lines_of(path: Path) -> list[str]:
    """The lines of a text file; nothing for a binary, huge or unreadable one."""
    try:
        if path.stat().st_size > LIMIT:
            return []
        data = path.read_bytes()
    except OSError:
        return []
    if b"\0" in data:
        return []
    text = data.decode("utf-8", "replace").removeprefix("\ufeff").removesuffix("\n")
    return [line.removesuffix("\r") for line in text.split("\n")]


def _short(line: str) -> str:
    return line if len(line) <= LINE else line[:LINE] + " …"


class Match(BaseModel):
    """One line that matches."""

    model_config = ConfigDict(extra="forbid")

    path: str
    line: int
    text: str = Field(description="The line, cut where it is very long")
    before: list[str] = []
    after: list[str] = []

    def __str__(self) -> str:
        """As grep prints it: path:line:text, with context lines marked by dashes."""
        first = self.line - len(self.before)
        lines = [f"{self.path}-{first + at}-{text}" for at, text in enumerate(self.before)]
        lines.append(f"{self.path}:{self.line}:{self.text}")
        lines += [f"{self.path}-{self.line + 1 + at}-{text}" for at, text in enumerate(self.after)]
        return "\n".join(lines)
