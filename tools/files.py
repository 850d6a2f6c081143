"""Reading, writing and editing files within bounds: one folder, and in it the paths a role may write.

The messages are read by a language model as often as by a person: they say what was wrong and what to do instead.
"""

from __future__ import annotations

import contextlib
import difflib
import os
import stat
from functools import cached_property
from pathlib import Path, PurePosixPath

import pathspec
from pydantic import BaseModel, ConfigDict, Field

from . import beneath
from .errors import ToolFailure
from .redact import MARK, is_env_file

LIMIT = 1_000_000
"""Bytes; a larger file is neither read nor written."""

HIDDEN = (".git", ".kfpilot")
"""Folders (or files) of these names are nobody's business, wherever they are."""

SHOWN = 5
"""Lines of the file that a failed edit shows."""

SHOWN_GLOBS = 6
"""Globs that a refused write names."""

Names = list[str]  # Workspace has a method of the name `list`, which hides the type in there.


def matcher(globs: list[str]) -> pathspec.GitIgnoreSpec:
    """A matcher for gitignore-style globs."""
    return pathspec.GitIgnoreSpec.from_lines(globs)


class Workspace(BaseModel):
    """A folder to work in, and what may be written in it.

    Args:
        root: Nothing outside of it is read or written.
        writable: Gitignore-style globs of what may be written; empty means nothing.
        also: Exact paths that may be written as well, such as the files a task names.
        forbidden: Gitignore-style globs of what may not be written, whatever the other two say.
        role: Who is asking, for the messages.
        touched: What was changed through this workspace.
    """

    model_config = ConfigDict(extra="forbid")

    root: Path
    writable: Names = Field(default=[], description="Gitignore-style globs")
    also: Names = []
    forbidden: Names = []
    role: str = ""
    touched: set[str] = set()

    @cached_property
    def _top(self) -> Path:
        return self.root.resolve()

    @cached_property
    def _writable(self) -> pathspec.GitIgnoreSpec:
        return matcher(self.writable)

    @cached_property
    def _forbidden(self) -> pathspec.GitIgnoreSpec:
        return matcher(self.forbidden)

    def read(self, path: str, start: int | None = None, end: int | None = None, *, numbered: bool = False) -> str:
        """The text of a file, or some of its lines.

        Args:
            path: Relative to the root.
            start: First line, counted from 1.
            end: Last line, included.
            numbered: Put each line's number before it.

        Raises:
            ToolFailure: No such file, out of bounds, binary, too large, or no such lines.
        """
        name, target = self._locate(path)
        if is_env_file(name):
            raise ToolFailure(f"{name} holds settings and secrets of one machine and is not shown. Work without it.")
        text = self._text(name, target).removeprefix("\ufeff")
        if start is None and end is None and not numbered:
            return text
        lines = _lines(text)
        first, last = start or 1, end if end is not None else len(lines)
        if first < 1 or last < first - 1 or (first > len(lines) and first > 1):
            raise ToolFailure(
                f"{name} has {len(lines)} lines; lines {first} to {last} do not exist. "
                f"Give start and end between 1 and {len(lines)}, start not after end."
            )
        part = lines[first - 1 : last]
        if numbered:
            width = len(str(first + len(part) - 1))
            part = [f"{number:>{width}}\t{line}" for number, line in enumerate(part, first)]
        return "".join(part)

    def write(self, path: str, content: str) -> str:
        """Write a whole file, new or old. An old one keeps its line ends, its byte order mark and its mode.

        Returns:
            What was done, in one line.

        Raises:
            ToolFailure: Out of bounds, not among the paths that may be written, or too large.
        """
        name, target = self._locate(path)
        self._require_writable(name)
        old = None
        if target.exists():
            old = self._text(name, target)
        self._check_parents(name)
        text = content if old is None else _like(content, old)
        _require_real(name, text, old or "")
        self._store(name, text)
        self.touched |= {name} if old != text else set()
        if old is None:
            return f"created {name} ({_count(text)})"
        return f"{name} is unchanged: it had this content already" if old == text else f"wrote {name} ({_count(text)})"

    def edit(self, path: str, old: str, new: str) -> str:
        """Replace a text that occurs exactly once in a file.

        Line ends do not matter in `old`; the file keeps its own.

        Returns:
            What was done, in one line.

        Raises:
            ToolFailure: The text is not there (the nearest lines are shown), or more than once (the lines are named).
        """
        name, target = self._locate(path)
        self._require_writable(name)
        text = self._text(name, target)
        if not old:
            raise ToolFailure(f"The old text is empty. To replace all of {name}, write the file instead.")
        if old == new:
            raise ToolFailure("The old and the new text are the same, so the edit would change nothing.")
        # Whoever read the file did not see which line ends it has, or that it has both kinds.
        plain = old.replace("\r\n", "\n")
        variants = dict.fromkeys([plain, plain.replace("\n", "\r\n")])
        places = sorted((place, variant) for variant in variants for place in _occurrences(text, variant))
        if not places:
            raise ToolFailure(_not_found(name, text, old))
        if len(places) > 1:
            numbers = list(dict.fromkeys(str(text.count("\n", 0, place) + 1) for place, _ in places))
            raise ToolFailure(
                f"The old text occurs {len(places)} times in {name} (lines {', '.join(numbers[:20])}"
                f"{', …' if len(numbers) > 20 else ''}). Add surrounding lines to make it unique."
            )
        place, found = places[0]
        fitted = _like(new, found if "\n" in found else text, mark=False)
        _require_real(name, fitted, found)
        self._store(name, text[:place] + fitted + text[place + len(found) :])
        self.touched.add(name)
        return f"edited {name} at line {text.count(chr(10), 0, place) + 1}"

    def delete(self, path: str) -> str:
        """Delete a text file, as a change that can be read and undone.

        Returns:
            What was done, in one line.

        Raises:
            ToolFailure: No such file, out of bounds, or not among the paths that may be written.
        """
        name, target = self._locate(path)
        self._require_writable(name)
        self._text(name, target)
        try:
            beneath.remove(self._top, name)
        except OSError as error:
            raise ToolFailure(f"{name} cannot be deleted: {error.strerror}.") from None
        self.touched.add(name)
        return f"deleted {name}"

    def list(self, glob: str | None = None) -> Names:
        """The files below the root, relative and sorted, without the ignored ones.

        Args:
            glob: A gitignore-style glob; a folder's name means all that is in it.
        """
        from .search import files

        return files(self.root, glob)

    def may_write(self, path: str) -> bool:
        """Whether a path is within bounds and among those that may be written."""
        try:
            name, _ = self._locate(path)
            self._require_writable(name)
        except ToolFailure:
            return False
        return True

    def _locate(self, path: str) -> tuple[str, Path]:
        """The path as it is written in messages, and where it is, once it is known to lie within bounds."""
        raw = str(path).strip()
        if not raw or "\0" in raw:
            raise ToolFailure(f"{path!r} is no path. Give one relative to the project, such as pipelines/train.py")
        raw = raw.replace("\\", "/") if os.sep == "/" and "/" not in raw and "\\" in raw else raw
        if raw.startswith(("/", "~")) or PurePosixPath(raw).is_absolute():
            inside = self._inside(raw)
            hint = f"Use {inside}" if inside else "Give a path relative to the project, such as pipelines/train.py"
            raise ToolFailure(f"{raw} is an absolute path, which is not allowed. {hint}")
        parts = PurePosixPath(raw).parts
        if ".." in parts:
            raise ToolFailure(f"{raw} contains '..'. Give the path from the project's top folder, without '..'")
        if not parts:
            raise ToolFailure(f"{raw} is the project's folder itself. Give the path of a file in it.")
        # In any case, for file systems that do not tell the cases apart.
        for part in parts:
            if part.lower() in HIDDEN:
                raise ToolFailure(f"{raw} is inside {part}, which is neither read nor written by anybody's tools.")
        where = self._top
        for part in parts:
            where = where / part
            if where.is_symlink():
                name = where.relative_to(self._top).as_posix()
                raise ToolFailure(f"{name} is a symbolic link, and links are not followed. Use the real path.")
        return "/".join(parts), where

    def _inside(self, raw: str) -> str | None:
        with contextlib.suppress(ValueError):
            return PurePosixPath(raw).relative_to(self._top.as_posix()).as_posix()
        return None

    def _text(self, name: str, target: Path) -> str:
        try:
            found = target.lstat()
        except (FileNotFoundError, NotADirectoryError):
            raise ToolFailure(self._missing(name)) from None
        except OSError as error:
            raise ToolFailure(f"{name} cannot be read: {error.strerror}.") from None
        if stat.S_ISDIR(found.st_mode):
            raise ToolFailure(f"{name} is a folder. List it with the glob {name}/**, then name a file in it.")
        if not stat.S_ISREG(found.st_mode):
            raise ToolFailure(f"{name} is not a regular file.")
        if found.st_size > LIMIT:
            raise ToolFailure(
                f"{name} is too large ({found.st_size} bytes; the limit is {LIMIT}). Search in it instead."
            )
        try:
            data = beneath.read(self._top, name, LIMIT)
        except OSError as error:
            raise ToolFailure(f"{name} cannot be read: {error.strerror}.") from None
        if b"\0" in data:
            raise ToolFailure(f"{name} is a binary file. Only text files can be read, written or edited.")
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise ToolFailure(
                f"{name} is not UTF-8 text (byte {error.start}). Only UTF-8 text files can be read, written or edited."
            ) from None

    def _missing(self, name: str) -> str:
        known = self.list()
        near = [path for path in known if PurePosixPath(path).name == PurePosixPath(name).name]
        near += [path for path in difflib.get_close_matches(name, known, n=3, cutoff=0.7) if path not in near]
        hint = f" Did you mean {', '.join(near[:3])}?" if near else " List the files to see which there are."
        return f"{name} does not exist.{hint}"

    def _require_writable(self, name: str) -> None:
        # A forbidden glob and a file below an `also` entry both count for the path as it is written.
        forbidden = self._forbidden.match_file(name)
        if not forbidden and (name in map(_plain, self.also) or self._writable.match_file(name)):
            return
        who = f"the {self.role} role" if self.role else "this role"
        globs = [
            *dict.fromkeys([*map(_plain, self.also), *(glob for glob in self.writable if not glob.startswith("!"))])
        ]
        allowed = ", ".join(globs[:SHOWN_GLOBS]) + (", …" if len(globs) > SHOWN_GLOBS else "") if globs else "nothing"
        taken = [glob for glob in self.forbidden if matcher([glob]).match_file(name)]
        taken += [glob[1:] for glob in self.writable if glob.startswith("!") and matcher([glob[1:]]).match_file(name)]
        taken = taken or self.forbidden
        but = f" but never {', '.join(taken[:SHOWN_GLOBS])}" if taken else ""
        raise ToolFailure(f"{name} was not written: {who} may write only: {allowed}{but}")

    def _check_parents(self, name: str) -> None:
        for parent in reversed(PurePosixPath(name).parents[:-1]):
            where = self._top / parent
            if where.exists() and not where.is_dir():
                raise ToolFailure(f"{name} cannot be written: {parent} is a file, not a folder.")

    def _store(self, name: str, text: str) -> None:
        try:
            data = text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise ToolFailure(f"{name} was not written: character {error.start} is not valid Unicode.") from None
        if len(data) > LIMIT:
            raise ToolFailure(f"{name} was not written: {len(data)} bytes are too much; the limit is {LIMIT}.")
        if "\0" in text:
            raise ToolFailure(f"{name} was not written: the text contains a NUL character.")
        try:
            beneath.replace(self._top, name, data)
        except OSError as error:
            raise ToolFailure(f"{name} cannot be written: {error.strerror}.") from None


def _plain(path: str) -> str:
    return path.removeprefix("./")


def _lines(text: str) -> list[str]:
    """The lines with their ends; only line feeds end a line, as everywhere else that counts lines."""
    lines = [line + "\n" for line in text.split("\n")]
    lines[-1] = lines[-1][:-1]
    return lines if lines[-1] else lines[:-1]


def _require_real(name: str, new: str, old: str) -> None:
    """Raise when a text has more marks in the place of secrets than what it replaces: it was copied from a reading."""
    if new.count(MARK) > old.count(MARK):
        raise ToolFailure(
            f"What you want to write to {name} holds '{MARK}…]', which stands for a secret that you were not shown. "
            "Leave such lines as they are: edit the other lines one by one. New code reads secrets at run time."
        )


def _count(text: str) -> str:
    number = len(_lines(text))
    return f"{number} line{'' if number == 1 else 's'}"


def _like(text: str, model: str, *, mark: bool = True) -> str:
    """The text with the line ends, and if wanted the byte order mark, of another one."""
    plain = text.replace("\r\n", "\n")
    windows = model.count("\r\n")
    if windows and windows * 2 > model.count("\n"):
        plain = plain.replace("\n", "\r\n")
    elif windows:
        plain = text  # Both kinds: leave each line what it is.
    if mark and model.startswith("\ufeff") and not plain.startswith("\ufeff"):
        plain = "\ufeff" + plain
    return plain


def _occurrences(text: str, wanted: str) -> list[int]:
    places, at = [], text.find(wanted)
    while at >= 0:
        places.append(at)
        at = text.find(wanted, at + 1)
    return places


def _not_found(name: str, text: str, old: str) -> str:
    """Why an edit found nothing, with the lines that come nearest, exactly as they stand in the file."""
    lines = [line.rstrip("\r\n") for line in _lines(text)]
    if not lines:
        return f"The old text was not found in {name}: the file is empty. Write the file instead."
    wanted = old.strip("\r\n").splitlines() or [old]
    stripped = [line.strip() for line in wanted]
    size = len(wanted)
    for at in range(len(lines) - size + 1):
        if [line.strip() for line in lines[at : at + size]] == stripped:
            return (
                f"The old text was not found in {name}, but lines {at + 1}-{at + size} differ from it only in "
                f"whitespace. Copy them exactly, indentation included:\n{_excerpt(lines, at, size)}"
            )
    best, score = 0, -1.0
    anchor = max(stripped, key=len)
    compare = difflib.SequenceMatcher(autojunk=False)
    compare.set_seq2("\n".join(stripped))
    rough = difflib.SequenceMatcher(b=anchor, autojunk=False)
    for at, line in enumerate(lines):
        rough.set_seq1(line.strip())
        if rough.real_quick_ratio() < 0.4 or rough.quick_ratio() < 0.4:
            continue
        begin = max(0, min(at - stripped.index(anchor), len(lines) - size))
        compare.set_seq1("\n".join(line.strip() for line in lines[begin : begin + size]))
        if (ratio := compare.ratio()) > score:
            best, score = begin, ratio
    if score < 0.5:
        return f"The old text was not found in {name}, and no lines are like it. Read {name}, then copy what is there."
    return (
        f"The old text was not found in {name}. The nearest lines are:\n{_excerpt(lines, best, size)}\n"
        "Copy the text exactly as it stands there, without the line numbers."
    )


def _excerpt(lines: list[str], at: int, size: int) -> str:
    shown = lines[at : at + max(size, SHOWN)][:40]
    width = len(str(at + len(shown)))
    return "\n".join(f"{number:>{width}}\t{line}" for number, line in enumerate(shown, at + 1))
