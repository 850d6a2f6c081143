"""Finds the lines of a tasks.md that are tasks, and which lines around them belong to each."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from .ids import REQUIREMENT_KINDS, T_ID, WORD_ID, is_id
from .lines import BULLET, Document, Heading, Line, column, heading
from .models import Warn

_BOX = re.compile(
    r"^[ \t]*(?:>[ \t]*)*(?P<bullet>(?:[-*+•]|\d{1,9}[.)])[ \t]+)?(?:\*\*|__|~~)?"
    r"\[(?P<mark>[^\w\[\]]|[xX])?\](?P<rest>.*)$"
)
_HEAD_BOX = re.compile(r"^(?:\*\*)?\[(?P<mark>[^\w\[\]]|[xX])\](?!\()(?P<rest>.*)$")
_WRAP = r"(?:\*\*|__|~~|`|\()*"
_TAG = re.compile(r"\s*(?:\*\*|`)?\[([A-Za-z][^\[\]\n]{0,80})\](?:\*\*|`)?(?![(\[])")
_ID = re.compile(
    rf"\s*(?P<open>{_WRAP})(?:"
    rf"(?:Task|Aufgabe|タスク|任务|任務)\s*#?(?P<worded>T?-?\d+(?:\.\d+)*[a-z]?)(?![\w])"
    rf"|(?:(?:Task|Aufgabe|タスク|任务|任務)\s+)?(?P<id>{T_ID}|{WORD_ID})"
    rf"|(?P<number>\d{{1,6}}(?:\.\d{{1,6}})+[a-z]?)(?=[\s:.)*]|$)"
    rf"|(?P<single>\d{{1,6}}[a-z]?)(?=[.):](?:\s|\*|$))"
    rf")(?P<close>(?:\*\*|__|~~|`|\))*)(?:\s*[:：](?!:)|[.)](?=\s|$)|\s+[-–—](?=\s)|[–—]|\*(?=\s))?(?P<close2>\*\*)?"
)
_HEADING_ID = re.compile(
    rf"\s*(?:[^\w\s\[(]+\s*)?(?:\*\*)?(?:(?:Task|Aufgabe|タスク|任务|任務)\s*#?(?:T-?)?\d|(?:Task\s+)?(?:{T_ID}|TASK-\d+))"
)
_HEADING_RANGE = re.compile(rf"^\W*(?:Tasks?\s+)?(?:{T_ID}|\d+)\s*(?:-|–|—|to|through|bis|and|&|,)\s*(?:T-?)?\d")
_NOT_A_TASK = re.compile(rf"[\s*_`(\[]*(?:(?:{'|'.join(REQUIREMENT_KINDS)})-\d|CHK-?\d)")
# Boxes without an id below such headings are for reviewers.
_REVIEW = re.compile(
    r"success criteria|acceptance|definition of done|checklist|dependenc|parallel|strategy|sign-?off|^notes?\b",
    re.I,
)
_SAMPLE = re.compile(r"dependenc|parallel|strategy|example|execution order", re.I)
_FIELD = re.compile(r"^\s*(?:\*\*[^*]+\*\*\s*[:：]?|\*\*[^*]+[:：]\*\*|[|#>]|---+|\*\*\*+|===+|<)")
_ODD_MARKS = "?!>*✓✔✅☑\u00a0"


def collect(document: Document) -> tuple[list[Draft], list[Warn]]:
    """The tasks of the file in its order, each with the lines that belong to it."""
    groups = _heading_tasks(document)
    drafts: list[Draft] = []
    warnings: list[Warn] = []
    stack: list[Draft] = []
    sections: list[Heading] = []
    owner: Draft | None = None  # the heading that is a task itself
    seen: set[str] = set()
    after_blank = False
    for line in document.lines:
        if line.blank:
            after_blank = True
            continue
        col = column(line.text)
        if line.hidden:
            stack = [draft for draft in stack if draft.col < col]
            _give(line, stack, owner)
            after_blank = False
            continue
        found = heading(line)
        if found:
            stack = []
            if owner and found.level <= owner.level:
                owner = None
            if found.line in groups:
                owner = groups[found.line]
                _register(owner, drafts, seen)
                sections = [outer for outer in sections if outer.level < found.level]
            else:
                _give(line, stack, owner)
                sections = [outer for outer in sections if outer.level < found.level] + [found]
            after_blank = False
            continue
        draft = _read_box(line, col)
        if draft is None:
            lazy = not after_blank and bool(stack) and not BULLET.match(line.text) and not _FIELD.match(line.text)
            if not lazy:
                stack = [outer for outer in stack if outer.col < col]
            _give(line, stack, owner)
        else:
            stack = [outer for outer in stack if outer.col < col]
            reason = _not_a_task(draft, stack, owner, sections, seen)
            if reason == "detail":
                _give(line, stack, owner)
                holder = stack[-1] if stack else owner
                if holder:
                    holder.boxes.append(draft.mark or " ")
            elif reason:
                _give(line, stack, owner)
                if reason != "-":
                    warnings.append(Warn(code="not-a-task", message=reason, line=line.number, path=document.path))
            else:
                _register(draft, drafts, seen)
                draft.parent = stack[-1] if stack else None
                stack.append(draft)
                warnings += _odd_mark(draft, document.path)
        after_blank = False
    _set_ends(drafts)
    return drafts, warnings


def _read_box(line: Line, col: int) -> Draft | None:
    if "[" not in line.text or "]" not in line.text:
        return None
    match = _BOX.match(line.text)
    if match is None or match["rest"].startswith(("(", "[", ":")):
        return None
    draft = _read_head(line, match["rest"])
    if match["bullet"] is None and draft.ident is None:
        return None
    if match["mark"] is None and draft.ident is None:  # "- []" is a box only before an id
        return None
    if match["mark"] is not None and match["mark"] not in " xX~-/" + _ODD_MARKS:
        return None
    if not draft.title and draft.ident is None:
        return None
    draft.col = col
    draft.mark = match["mark"] or ""
    draft.mark_index = match.start("mark") if match["mark"] else -1
    draft.has_box = True
    return draft


def _read_head(line: Line, rest: str) -> Draft:
    """Takes id and tags off the front: `* T003 [P] [US1] title`, `**T003**: title`, `[P] 1.2 title`."""
    draft = Draft(line=line, reserved=_NOT_A_TASK.match(rest) is not None)
    position = 0
    if rest.startswith("*") and not rest.startswith("**"):
        draft.optional, position = True, 1
    bold = False
    while True:
        tag = _TAG.match(rest, position)
        if tag:
            if draft.ident is None and is_id(tag[1]) and tag[1] != "P":
                draft.ident = tag[1]
            else:
                draft.tags.append(tag[1].strip())
            position = tag.end()
            continue
        match = _ID.match(rest, position) if draft.ident is None and not draft.reserved else None
        if match is None:
            break
        number = match["worded"]
        if number:
            draft.ident = number if number.startswith("T") else f"T{number}"
        else:
            draft.ident = match["id"] or match["number"] or match["single"]
        draft.optional = draft.optional or re.search(r"(?<!\*)\*\s*$", match[0]) is not None
        bold = "**" in match["open"] and "**" not in match["close"] and not match["close2"]
        position = match.end()
    title = rest[position:].strip()
    if bold:  # `**T003: title** text`
        title = title.replace("**", "", 1)
    if "~~" in rest and title.count("~~") % 2:  # `~~T003 title~~`
        title = title.replace("~~", "", 1)
    draft.title = title
    return draft


def _heading_tasks(document: Document) -> dict[int, Draft]:
    """Headings that are tasks (`### T1 — Setup — DONE`), by line. One that only groups tasks with ids is none."""
    headings: list[tuple[Heading, Draft | None]] = []
    boxes: list[int] = []
    box_ids: set[str] = set()
    for line in document.lines:
        if line.hidden or line.blank:
            continue
        found = heading(line)
        if found:
            headings.append((found, _read_heading(line, found)))
            continue
        draft = _read_box(line, 0)
        if draft and draft.ident and not draft.reserved:
            boxes.append(line.number)
            box_ids.add(draft.ident)
    result: dict[int, Draft] = {}
    for index, (found, candidate) in enumerate(headings):
        if candidate is None or candidate.ident in box_ids:
            continue
        end = len(document.lines) + 1
        for other, also in headings[index + 1 :]:
            if other.level <= found.level or also is not None:
                end = other.line
                break
        following = next((number for number in boxes if number > found.line), None)
        if following is None or following >= end:
            result[found.line] = candidate
    return result


def _read_heading(line: Line, found: Heading) -> Draft | None:
    if found.level < 2:
        return None
    text = line.text
    start = text.index("#") + found.level
    start += len(text[start:]) - len(text[start:].lstrip())
    box = _HEAD_BOX.match(text[start:])
    rest = box["rest"] if box else found.title
    if not _HEADING_ID.match(rest) or _HEADING_RANGE.match(rest):
        return None
    signs = re.match(r"\s*[^\w\s\[(*]+\s*", rest)
    draft = _read_head(line, rest[signs.end() :] if signs else rest)
    if signs and signs[0].strip("\ufe0f ") in ("✅", "✓", "✔"):
        draft.title = f"✅ {draft.title}"
    if draft.ident is None:
        return None
    draft.is_heading, draft.level = True, found.level
    draft.title = re.sub(r"^[-–—:]\s*", "", draft.title)
    if box:
        draft.has_box, draft.mark, draft.mark_index = True, box["mark"], start + box.start("mark")
    return draft


def _not_a_task(draft: Draft, stack: list[Draft], owner: Draft | None, sections: list[Heading], seen: set[str]) -> str:
    """Why the box is no task: a message for the user, "detail", "-" (plain to see), or "" if it is one."""
    if draft.reserved:
        return "-"
    if draft.ident is not None:
        sample = any(_SAMPLE.search(section.title) for section in sections if section.level >= 2)
        if sample and draft.ident in seen:
            return f"{draft.ident} is shown again here; the task is the one above."
        return ""
    if stack or owner:
        return "detail"
    review = next((s.title for s in reversed(sections) if s.level >= 2 and _REVIEW.search(s.title)), None)
    return f"The box below “{review}” has no id: it is taken for a reviewer's, not for a task." if review else ""


def _register(draft: Draft, drafts: list[Draft], seen: set[str]) -> None:
    drafts.append(draft)
    if draft.ident:
        seen.add(draft.ident)


def _give(line: Line, stack: list[Draft], owner: Draft | None) -> None:
    holder = stack[-1] if stack else owner
    if holder is not None:
        holder.body.append(line)


def _odd_mark(draft: Draft, path: Path) -> list[Warn]:
    if draft.mark and draft.mark in _ODD_MARKS:
        message = f"The mark [{draft.mark}] is not known; the task counts as open. Done is [x]."
        return [Warn(code="unknown-mark", message=message, line=draft.line.number, path=path)]
    if not draft.mark:
        message = "The box [] is empty and cannot be ticked; write [ ]."
        return [Warn(code="unknown-mark", message=message, line=draft.line.number, path=path)]
    return []


def _set_ends(drafts: list[Draft]) -> None:
    """A task ends before the next one begins, even if more of its lines follow after a nested task."""
    for index, draft in enumerate(drafts):
        limit = drafts[index + 1].line.number if index + 1 < len(drafts) else None
        own = [line.number for line in draft.body if limit is None or line.number < limit]
        draft.end_line = max(own, default=draft.line.number)


@dataclass(slots=True)
class Draft:
    """A task as found: its line, what stands at its front, and the lines that belong to it."""

    line: Line
    ident: str | None = None
    tags: list[str] = field(default_factory=list)
    title: str = ""
    optional: bool = False
    reserved: bool = False
    col: int = 0
    has_box: bool = False
    mark: str | None = None
    mark_index: int = -1
    is_heading: bool = False
    level: int = 0
    body: list[Line] = field(default_factory=list)
    boxes: list[str] = field(default_factory=list)
    end_line: int = 0
    parent: Draft | None = None
