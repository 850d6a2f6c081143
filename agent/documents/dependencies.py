"""Dependencies between tasks: read from text and tables, checked for unknown ids and cycles."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise

from ..errors import UserError
from .ids import T_ID, WORD_ID, expand_range, find_id, sort_key
from .lines import Document
from .models import Task, TaskList, Warn
from .refs import find_stories

_WORDED = r"(?:Task|Aufgabe|タスク|任务)s?\s*#?\d+(?:\.\d+)*"
_ID = rf"(?<![\w./#-])(?:{T_ID}|{WORD_ID}|{_WORDED}|\d+(?:\.\d+)*[a-z]?(?![\w%]))"
_LIST_ITEM = re.compile(
    rf"({_ID})(?:\s*(?:-|–|—|~|〜|\.\.\.?|…|\bto\b|\bthrough\b|\bbis\b)\s*((?:{T_ID}|\d+(?:\.\d+)*(?![\w%.]))))?"
)
# Said outright: what follows are dependencies, and an id that does not exist is a mistake.
_STRONG = re.compile(
    r"\bdepend(?:s|ing)?\s+(?:up)?on\b|\bdepends?\s*(?:\*\*)?\s*[:：]|\bdepends\b|\bdependent\s+on\b|\bdependency\s+on\b"
    r"|\bdependenc(?:y|ies)\s*(?:\*\*)?\s*[:：]|\bdeps?\s*(?:\*\*)?\s*[:：]|\[deps?\b|\(deps?\b|\bblocked[ -]by\b"
    r"|\bprerequisites?\s*(?:\*\*)?\s*[:：]|\brequires?\s*(?:\*\*)?\s*[:：]"
    r"|\babhängig\s+von\b|\bhängt\s+(?:ab\s+)?von\b|\babhängigkeit(?:en)?\s*(?:\*\*)?\s*[:：]"
    r"|依赖(?:于|关系)?(?:\*\*)?\s*[:：]?|依存(?:関係)?(?:\*\*)?\s*[:：]|前提(?:タスク|任务)?(?:\*\*)?\s*[:：]"
    r"|\bphụ\s+thuộc(?:\s+vào)?(?:\*\*)?\s*[:：]?",
    re.I,
)
# Ordinary words: they count only right before an id that exists.
_WEAK = re.compile(r"\b(?:after|requires?|needs|once|follows|nach|sau)\s+(?=T-?\d)", re.I)
_JOINED = r"(?:\s*(?:,|&|\+|/|\band\b|\bund\b|\bvà\b)+\s*"
_WEAK_LIST = re.compile(rf"{_LIST_ITEM.pattern}{_JOINED}{_LIST_ITEM.pattern}){{0,20}}")
_POSTPOSED = re.compile(rf"((?:{T_ID})(?:[\s,、と]+(?:{T_ID})){{0,20}})\s*(?:に依存|の後|完了後)")
_NEGATED = re.compile(r"(?:\bnot|n't|\bno|\bnever|\bwithout|\bnicht|\bkeine?)\s+(?:\w+\s+)?$", re.I)
_CLAUSE_END = re.compile(
    r"[;。；|\n]|\.(?=\s|$)|\s—\s|\*\*(?!T-?\d)[^\W\d]"
    r"|\b(?:blocks|unblocks|enables|but|before|required\s+by|in\s+parallel|parallel\s+(?:with|to)|not)\b",
    re.I,
)
_ARROW = re.compile(r"\s*(?:-{1,3}>|={1,2}>|→|⟶|➜|➔|⇒)\s*")
_TABLE_HEAD = re.compile(
    r"depend|block(?:ed by|ing|ers?\b)|prerequisite|requires|after|abhängig|依赖|依存|phụ thuộc", re.I
)


def find_dependencies(text: str, own: str | None, known: Sequence[str]) -> list[str]:
    """Ids the text says its task depends on, in order.

    An id that is said outright (`depends on T007`) is kept even if it is unknown, so that it can be complained about;
    after ordinary words ("after T007") and for bare numbers only known ids count.

    Args:
        text: The whole text of the task, nested bullets on lines of their own.
        own: The task's id.
        known: All ids of the file, in its order.
    """
    found: list[tuple[int, str]] = []
    for match in _STRONG.finditer(text):
        if _NEGATED.search(text[: match.start()][-40:]) or _of_another(text[: match.start()], own):
            continue
        found += [(match.end(), ident) for ident in _ids(_clause(text, match.end()), known, strict=True)]
    # Only an outright statement can be a circle of one.
    weak: list[tuple[int, str]] = []
    for match in _WEAK.finditer(text):
        item = _WEAK_LIST.match(text, match.end())
        if item and not _NEGATED.search(text[: match.start()][-40:]):
            weak += [(match.end(), ident) for ident in _ids(item[0], known, strict=False)]
    for match in _POSTPOSED.finditer(text):
        weak += [(match.start(), ident) for ident in _ids(match[1], known, strict="に依存" in match[0])]
    found += [pair for pair in weak if pair[1] != own]
    return list(dict.fromkeys(ident for _, ident in sorted(found, key=lambda pair: pair[0])))


def add_table_dependencies(document: Document, tasks: Sequence[Task]) -> list[Warn]:
    """Adds what dependency tables say (`| T006 | T003, T004 |`, `| US1 (P1) | Phase 2 complete | T006 |`).

    A table is a summary: what it says never makes a cycle and never names an unknown task; it warns instead.
    """
    known = [task.id for task in tasks if task.id]
    by_id = {task.id: task for task in reversed(tasks) if task.id}
    warnings: list[Warn] = []
    header: list[str] = []
    previous: list[str] = []
    for line in document.lines:
        cells = _cells(line.text) if not line.hidden and "|" in line.text else []
        if not cells:
            header, previous = [], []
            continue
        if all(re.fullmatch(r":?-+:?", cell) for cell in cells if cell) and any(cells):
            header = previous
            continue
        previous = cells
        columns = [index for index, cell in enumerate(header) if index and _TABLE_HEAD.search(cell)]
        if not columns:
            continue
        first = find_id(cells[0].strip("*` "), known)
        targets = [by_id[first]] if first else []
        stories = [] if targets else find_stories(cells[0])
        for index in columns:
            ids = _ids(cells[index], known, strict=True) if index < len(cells) else []
            unknown = [ident for ident in ids if ident not in by_id]
            for ident in unknown if first or stories else []:
                message = f"The table names the task {ident}, which does not exist."
                warnings.append(Warn(code="unknown-dependency", message=message, line=line.number, path=document.path))
            for ident in ids:
                source = by_id.get(ident)
                if source is None:
                    continue
                # A story waits for a task only if that task stands before it: the table may list its own tasks.
                waiting = targets or [
                    task
                    for task in tasks
                    if set(task.stories) & set(stories)
                    and source.line < task.line
                    and not set(source.stories) & set(stories)
                ]
                add_edges(tasks, [(task, ident) for task in waiting])
    return warnings


def add_arrow_dependencies(document: Document, tasks: Sequence[Task]) -> None:
    """Adds what chains say (`T001 -> T002, T003 → T004`), in prose and in code blocks, outside the tasks themselves.

    Each task of a link waits for each of the link before it. Whether an arrow means "then" or "needs" is told by the
    file's order: what stands later waits for what stands earlier.
    """
    known = [task.id for task in tasks if task.id]
    by_id = {task.id: task for task in reversed(tasks) if task.id}
    inside = {number for task in tasks for number in range(task.line, (task.end_line or task.line) + 1)}
    for line in document.lines:
        if line.number in inside or line.hidden == "comment" or not _ARROW.search(line.text):
            continue
        for part in re.split(r"[;。；|]|\.(?=\s|$)", line.text.replace("`", "").replace("*", "")):
            links = [_ids(_bare_nodes(link), known, strict=False) for link in _ARROW.split(part)]
            for before, after in pairwise(links):
                pairs = [(by_id[one], by_id[other]) for one in before for other in after]
                add_edges(tasks, [(max(pair, key=_line), min(pair, key=_line).id or "") for pair in pairs])


def _line(task: Task) -> int:
    return task.line


def _bare_nodes(text: str) -> str:
    """`T001[Make the folder]` of a Mermaid graph is T001."""
    return re.sub(r"(?<=\w)(?:\[[^\]]*\]|\([^)]*\)|\{[^}]*\})", "", text)


def add_edges(tasks: Sequence[Task], edges: Iterable[tuple[Task, str]]) -> None:
    """Adds implied dependencies, each only if it closes no cycle."""
    by_id = {task.id: task for task in reversed(tasks) if task.id}
    for task, ident in edges:
        if ident not in task.depends_on and ident != task.id and not _reaches(ident, task.id, by_id):
            task.depends_on.append(ident)


def check_dependencies(tasks: TaskList) -> None:
    """Complains about dependencies that cannot be kept.

    Raises:
        UserError: A task depends on an unknown id, or tasks depend on each other in a circle.
    """
    known = [task.id for task in tasks.tasks if task.id]
    by_id = {task.id: task for task in reversed(tasks.tasks) if task.id}
    for task in tasks.tasks:
        for ident in task.depends_on:
            if ident not in by_id:
                near = sorted(dict.fromkeys(known), key=lambda other: _distance(other, ident))[:3]
                raise UserError(
                    f"{task.key} depends on {ident}, but no task has that id.",
                    where=tasks.path,
                    line=task.line,
                    mend=f"Correct the id (near: {', '.join(near)}) or add the task." if near else "Add the task.",
                )
    cycle = _find_cycle(tasks.tasks, by_id)
    if cycle:
        raise UserError(
            f"Tasks depend on each other in a circle: {' → '.join(cycle)}.",
            where=tasks.path,
            line=by_id[cycle[0]].line,
            mend="Take one of these dependencies out ('A → B': A depends on B).",
        )


def _ids(text: str, known: Sequence[str], *, strict: bool) -> list[str]:
    result: list[str] = []
    for match in _LIST_ITEM.finditer(text):
        first = _resolve(match[1], known, strict=strict)
        last = _resolve(match[2], known, strict=False) if match[2] else None
        if first and match[2] and last is None and re.fullmatch(r"\d+", match[2]) and first in known:
            last = find_id(re.sub(r"\d.*", "", first) + match[2], known)
        if first and last and (between := expand_range(first, last, known)):
            result += between
            continue
        result += [ident for ident in (first, last) if ident]
        if strict and match[2] and match[2].startswith("T") and last is None:
            result.append(match[2])
    return list(dict.fromkeys(result))


def _resolve(written: str, known: Sequence[str], *, strict: bool) -> str | None:
    worded = re.fullmatch(r"(?:Task|Aufgabe|タスク|任务)s?\s*#?(\d+(?:\.\d+)*)", written, re.I)
    candidates = [f"T{worded[1]}", worded[1]] if worded else [written]
    for candidate in candidates:
        same = find_id(candidate, known)
        if same:
            return same
    # A bare number or FOO-12 may be anything; only a T id or "Task 3" surely means a task.
    return candidates[0] if strict and re.fullmatch(T_ID, candidates[0]) else None


def _clause(text: str, start: int) -> str:
    """From there to the end of the statement: a full stop, another field, or the bracket that encloses it."""
    rest = _strip_marks(text[start : start + 300])
    depth = 0
    for index, char in enumerate(rest):
        if char in "([（":
            depth += 1
        elif char in ")]）":
            depth -= 1
            if depth < 0:
                rest = rest[:index]
                break
    end = _CLAUSE_END.search(rest)
    return rest[: end.start()] if end else rest


def _strip_marks(text: str) -> str:
    """Takes the end of a bold label off the front and the backticks off the ids."""
    return re.sub(r"^[\s:：*_]+", "", text).replace("`", "")


def _of_another(before: str, own: str | None) -> bool:
    """`T007 depends on T006` inside another task's text speaks of T007."""
    match = re.search(rf"({T_ID})[\s`*]*$", before)
    return match is not None and (own is None or sort_key(match[1]) != sort_key(own))


def _cells(text: str) -> list[str]:
    stripped = text.strip()
    if not stripped.startswith("|"):
        return []
    return [cell.strip() for cell in stripped.replace("\\|", " ").strip("|").split("|")]


def _reaches(start: str, goal: str | None, by_id: dict[str, Task]) -> bool:
    todo, seen = [start], set()
    while todo:
        ident = todo.pop()
        if ident == goal:
            return True
        if ident not in seen and ident in by_id:
            seen.add(ident)
            todo += by_id[ident].depends_on
    return False


def _find_cycle(tasks: Sequence[Task], by_id: dict[str, Task]) -> list[str]:
    """One cycle as ids, the first repeated at the end; empty if there is none. Iterative: chains may be long."""
    done: set[str] = set()
    for task in tasks:
        if task.id is None or task.id in done or by_id[task.id] is not task:
            continue
        path: list[str] = [task.id]
        branches = [iter(task.depends_on)]
        while branches:
            following = next((ident for ident in branches[-1] if ident in by_id and ident not in done), None)
            if following is None:
                done.add(path.pop())
                branches.pop()
            elif following in path:
                return [*path[path.index(following) :], following]
            else:
                path.append(following)
                branches.append(iter(by_id[following].depends_on))
    return []


def _distance(one: str, other: str) -> tuple[bool, int]:
    a, b = sort_key(one), sort_key(other)
    return (a[0] != b[0], abs((a[1] or (0,))[0] - (b[1] or (0,))[0]))
