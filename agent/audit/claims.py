"""What a ticked task claims, read from its words: files it made, changed, removed or only mentions; names it defined.

How sure a claim is decides whether its absence can contradict the tick. `Create src/a.py` is sure; `see src/a.py` and
`update src/a.py` are not.
"""

from __future__ import annotations

import builtins
import keyword
import re
from typing import Literal

from pydantic import BaseModel, ConfigDict

from ..documents.models import Task
from ..documents.refs import find_files
from ..planner.classify import intent, written_files
from . import words

Kind = Literal["made", "made_in", "written", "refers", "removed"]
"""`made`: the object of "create". `made_in`: where something is created. `written`: changed, or made by a guess."""


class FileClaim(BaseModel):
    """A file a task names; `loose`: it may stand for others, so that it need not exist under this very name."""

    model_config = ConfigDict(extra="forbid")

    path: str
    kind: Kind
    loose: bool = False


class NameClaim(BaseModel):
    """A code name a task says it defined (`sure`), took away (`removed`), or only gives."""

    model_config = ConfigDict(extra="forbid")

    name: str
    sure: bool
    removed: bool = False


class Claims(BaseModel):
    """All that a task claims.

    Attributes:
        doubtful: The task's own words say that it was done otherwise, in part, or not at all.
        checks: The task only looks at something: "verify that …".
        moves: It moves or removes something.
        names_in_words: Code names that stand in its title, in backticks or not.
    """

    model_config = ConfigDict(extra="forbid")

    files: list[FileClaim] = []
    names: list[NameClaim] = []
    doubtful: bool = False
    checks: bool = False
    tests: bool = False
    moves: bool = False
    names_in_words: list[str] = []


def claims_of(task: Task) -> Claims:
    """What the task's words claim."""
    whole = "\n".join([task.title, *task.details])
    checks = bool(words.CHECKS.match(task.title))
    written = set(written_files(task))
    in_title = set(find_files(task.title))
    files: list[FileClaim] = []
    before_end, before_kind = 0, None
    text = task.title
    for path in task.files:
        loose = bool(words.PLACEHOLDER.search(path))
        place = text.find(path) if path in in_title else -1
        if place < 0:
            kind = _kind_in_details(task, path, path in written and not checks)
            if kind is not None:
                files.append(FileClaim(path=path, kind=kind, loose=loose))
            continue
        if _is_fragment(text, place, path):
            continue
        between = text[before_end:place] if place >= before_end else "\n"
        if before_kind is not None and words.JOINED.match(between):
            kind = before_kind
        else:
            kind = _kind(text, place, path, path in written)
        if checks and kind != "removed":
            kind = "refers"
        files.append(FileClaim(path=path, kind=kind, loose=loose))
        before_end, before_kind = place + len(path), kind
    return Claims(
        files=files,
        names=_names(task),
        doubtful=bool(words.ASTRAY.search(whole)),
        checks=checks,
        tests=intent(task.title) == "tests",
        moves=bool(words.MOVES.search(whole) or words.REMOVAL.search(whole)),
        names_in_words=_words(task.title),
    )


def _kind(text: str, place: int, path: str, written: bool) -> Kind:
    before, after = text[:place], text[place + len(path) :]
    if words.MOVES.search(before):
        # "Move a.py to b.py": the second is made, the first may be gone. What is made of it stays a guess.
        return "refers" if words.SOURCE.search(before) or not words.TARGET.search(before) else "written"
    if words.REMOVES.search(before) and words.ENDS.match(after):
        return "removed"
    if words.REMOVAL.search(before) or not written:
        return "refers"
    if words.MADE_OBJECT.search(before) and words.AFTER_OBJECT.match(after):
        return "made"
    if (words.STARTS_MAKING.match(text) or words.STARTS_TESTS.match(text)) and words.PLACE.search(before):
        return "made_in"
    return "written"


def _kind_in_details(task: Task, path: str, written: bool) -> Kind | None:
    for detail in task.details:
        place = detail.find(path)
        if place < 0 or _is_fragment(detail, place, path):
            continue
        if (
            not written
            or words.CHECKS.match(detail)
            or words.REMOVAL.search(detail[:place])
            or words.MOVES.search(detail[:place])
        ):
            return "refers"
        made = words.MADE_OBJECT.search(detail[:place]) and words.AFTER_OBJECT.match(detail[place + len(path) :])
        return "made" if made else "written"
    # A path made of a brace expression, or one that stands in a tag: what it is for cannot be told.
    return "refers" if not written else "written"


def _is_fragment(text: str, place: int, path: str) -> bool:
    """Whether the path is the rest of a pattern: `[entity]_service.py`, `src/<name>.py`, `test_*.py`."""
    before, after = text[max(0, place - 1) : place], text[place + len(path) : place + len(path) + 1]
    return before in tuple("]}>*…$%") or after in tuple("[{<*")


def _names(task: Task) -> list[NameClaim]:
    files = {part for path in task.files for part in (path, path.rsplit("/", 1)[-1].split(".")[0])}
    found: dict[str, bool] = {}
    python = any(path.endswith(".py") for path in task.files)
    for match in words.DEFINES.finditer(task.title):
        thing, call = match["after"] or match["before"], match["call"] or ""
        if re.match(r"(?:add|make|build|introduce)", match["verb"], re.I):
            # "Add `lru_cache` to src/a.py" puts something that exists to use.
            said = bool(thing) or len(call) > 2 or match["name"].startswith("test_")
        else:
            said = bool(thing or call) or python
        found[match["name"]] = said and not keyword.iskeyword(match["name"]) and not hasattr(builtins, match["name"])
    for name in task.symbols:
        found.setdefault(name, False)
    for name in re.findall(r"\.py::(?:\w+::)*(test\w+)", task.title):
        found[name] = True
    taken = words.REMOVED_NAMES.match(task.title)
    gone = set(words.NAME.findall(taken[0])) if taken else set()
    return [
        NameClaim(name=name, sure=sure and len(name) > 2, removed=name in gone)
        for name, sure in found.items()
        if name not in files and re.match(r"[A-Za-z_]", name)
    ]


def _words(title: str) -> list[str]:
    paths = sorted(find_files(title), key=len, reverse=True)
    for path in paths:
        title = title.replace(path, " ")
    backticks = [name.split("(")[0].split(".")[-1] for name in re.findall(r"`([A-Za-z_][\w.]*)(?:\([^`]*\))?`", title)]
    return list(dict.fromkeys([*backticks, *words.CODE_NAME.findall(title)]))
