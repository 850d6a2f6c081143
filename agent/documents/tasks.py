"""tasks.md: every task with its line, state, files, dependencies and references. Nothing is rewritten."""

from __future__ import annotations

import re
from pathlib import Path

from .checks import check_tasks, find_warnings
from .dependencies import add_arrow_dependencies, add_edges, add_table_dependencies, find_dependencies
from .items import Draft, collect
from .lines import BULLET, Document, Heading, heading, read_bytes, scan
from .models import Dialect, Phase, Task, TaskList, TaskState, Warn
from .phases import is_phase, make_phase, phase_heading, read_fields
from .refs import find_files, find_refs, find_stories, find_symbols, strip_code
from .tick import digest_of

# A state word counts where it is set apart: after an arrow or dash, in brackets, in bold, or at the end.
_DEFERRED = re.compile(
    r"(?:→|->|=>|⇒|\s[—–-]|[:：(\[]|\*\*|^)\s*(?:\*\*)?DEFERRED\b|\bDEFERRED(?:\*\*)?[\s.)\]]*$"
    r"|(?:→|->|=>|⇒|\s[—–]|[(\[])\s*(?:\*\*)?deferred\b",
)
_DEFERRED_TITLE = re.compile(
    r"\s*(?:(?:→|->|=>|⇒|[—–-])\s*)?[(\[]?\*{0,2}\bDEFERRED\b.*$|\s*[(\[]deferred\b[^)\]]*[)\]]"
)
_STATUS = re.compile(r"^\**Status\**\s*[:：]\s*\**\s*(.+)$", re.I)
_DONE_WORD = re.compile(
    r"(?:[\s—–:(\[-]|^)(?:✅\s*)?\**(?:DONE|COMPLETED?|FINISHED|Done|Completed?)\**[)\]]?\s*[✅✓✔]?\s*$|[✅✓✔]\ufe0f?\s*$|^[✅✓✔]"
)
_PROGRESS_WORD = re.compile(r"(?:[—–:(\[-]\s*|^)\**(?:IN[ -]PROGRESS|WIP|In progress)\**[)\]]?\s*$")
_STATE_TAIL = re.compile(
    r"\s*(?:[—–:-]+\s*)?[(\[]?\**"
    r"(?:DONE|COMPLETED?|FINISHED|Done|Completed?|IN[ -]PROGRESS|In progress|WIP|TODO|OPEN)\**[)\]]?"
    r"\s*[✅✓✔🚧⏳]?\ufe0f?\s*$|\s*[✅✓✔🚧⏳]\ufe0f?\s*$"
)
_OPTIONAL = re.compile(r"[(\[]optional\b", re.I)
_MARKS: dict[str, TaskState] = {"x": "done", "X": "done", "~": "in_progress", "-": "in_progress", "/": "in_progress"}
_STORY_TAG = re.compile(r"\[([^\[\]]{1,40})\](?!\()")


def parse_tasks(path: Path, root: Path | None = None) -> TaskList:
    """Reads tasks.md and refuses what cannot be worked.

    Args:
        path: The file.
        root: The repository; with it, ticked tasks whose files do not exist are warned about.

    Raises:
        UserError: Unreadable, not UTF-8, no task in it, an unknown dependency, or a cycle.
    """
    data = read_bytes(path)
    tasks = parse_tasks_text(data, path, root)
    check_tasks(tasks, data)
    if root is not None:
        tasks.warnings += find_warnings(tasks, root)
    return tasks


def parse_tasks_text(data: bytes, path: Path, root: Path | None = None) -> TaskList:
    """Parses the bytes of a tasks.md; an empty list if there is no task in it.

    Raises:
        UserError: The bytes are not UTF-8.
    """
    document = scan(data, path)
    drafts, warnings = collect(document)
    tasks = [_build(document, draft) for draft in drafts]
    _name(tasks)
    warnings += _duplicates(tasks, path)
    phases = _assign_phases(document, tasks)
    known = [task.id for task in tasks if task.id]
    for task, draft in zip(tasks, drafts, strict=True):
        text = _prose(draft, whole=True)
        task.files = find_files(text, root)
        task.symbols = find_symbols(text)
        task.refs = find_refs(text, task.stories)
        task.depends_on = find_dependencies(text, task.id, known)
    add_edges(tasks, [(parent, child.id) for parent, child in _numbered(tasks) if child.id])
    _set_children(tasks, drafts)
    warnings += add_table_dependencies(document, tasks)
    add_arrow_dependencies(document, tasks)
    for line in document.unclosed:
        message = "The code block or comment that begins here is never closed; tasks in it are not seen."
        warnings.append(Warn(code="unclosed-block", message=message, line=line, path=path))
    warnings.sort(key=lambda warning: warning.line)
    return TaskList(path=path, dialect=_dialect(path, drafts, data), tasks=tasks, phases=phases, warnings=warnings)


def _build(document: Document, draft: Draft) -> Task:
    line = draft.line
    mark = draft.mark if draft.has_box else None
    title, tags = draft.title, draft.tags
    bare = strip_code(title)
    tagged = [*tags, *_STORY_TAG.findall(bare)]
    stories = [story for tag in tagged if len(tag) <= 40 and ":" not in tag for story in find_stories(tag)]
    state = _state(draft, mark)
    end = draft.end_line
    return Task(
        line=line.number,
        key="",
        id=draft.ident,
        end_line=end,
        state=state,
        mark=mark,
        mark_offset=line.offset(draft.mark_index) if draft.has_box and mark else None,
        digest=digest_of(line.text, draft.mark_index if draft.has_box else None, mark or ""),
        raw=document.raw(line.number, end),
        title=_clean_title(title, state, is_heading=draft.is_heading),
        details=_details(draft),
        parallel="P" in tags or "[P]" in bare,
        optional=draft.optional or _OPTIONAL.search(bare) is not None,
        stories=list(dict.fromkeys(stories)),
    )


def _state(draft: Draft, mark: str | None) -> TaskState:
    prose = strip_code(_prose(draft, whole=False))
    status = next((m[1] for line in draft.body if (m := _STATUS.match(BULLET.sub("", line.text).strip()))), "")
    deferred = [*draft.tags, prose.strip(), status.strip()]
    if any(_DEFERRED.search(text) for text in deferred) or "DEFERRED" in draft.tags:
        return "deferred"
    if mark is not None:
        return _MARKS.get(mark, "open")
    for text in (strip_code(draft.title), status):
        if _PROGRESS_WORD.search(text.strip()):
            return "in_progress"
        if text.strip() and _DONE_WORD.search(text.strip()):
            return "done"
    if draft.is_heading and draft.boxes and all(box in "xX" for box in draft.boxes):
        return "done"
    return "open"


def _clean_title(title: str, state: TaskState, *, is_heading: bool) -> str:
    title = _STORY_TAG.sub(lambda m: "" if m[1] == "P" or re.match(r"US-?\d", m[1]) else m[0], title)
    # Blanking keeps the length, so what is found outside of code spans is cut at the same place.
    put_off = _DEFERRED_TITLE.search(strip_code(title)) if state == "deferred" else None
    if put_off:
        title = title[: put_off.start()] + title[put_off.end() :]
    if is_heading:
        title = re.sub(r"^[✅✓✔🚧⏳]\ufe0f?\s*", "", _STATE_TAIL.sub("", title))
    return re.sub(r"[ \t]{2,}", " ", title).strip(" \t—–→")


def _details(draft: Draft) -> list[str]:
    details: list[str] = []
    code = False
    for line in draft.body:
        if line.hidden == "comment":
            continue
        if line.hidden == "code":
            if code:
                details[-1] += "\n" + line.text.rstrip()
            else:
                details.append(line.text.rstrip())
            code = True
            continue
        code = False
        details.append(BULLET.sub("", line.text).strip())
    return [detail for detail in details if detail]


def _prose(draft: Draft, *, whole: bool) -> str:
    """The task's text without code blocks: wrapped lines joined, nested bullets on lines of their own."""
    text = " ".join([*(f"[{tag}]" for tag in draft.tags if ":" in tag or re.match(r"(?i)dep", tag)), draft.title])
    for line in draft.body:
        if line.hidden:
            continue
        bullet = BULLET.match(line.text) or line.text.lstrip().startswith(("**", "#")) or draft.is_heading
        if bullet and not whole:
            break
        text += ("\n" if bullet else " ") + BULLET.sub("", line.text).strip()
    return text


def _name(tasks: list[Task]) -> None:
    seen: dict[str, int] = {}
    for task in tasks:
        name = task.id or f"L{task.line}"
        seen[name] = seen.get(name, 0) + 1
        task.key = name if seen[name] == 1 else f"{name}#{seen[name]}"


def _duplicates(tasks: list[Task], path: Path) -> list[Warn]:
    first: dict[str, int] = {}
    warnings = []
    for task in tasks:
        if task.id is None:
            continue
        if task.id in first:
            message = f"The id {task.id} stands on line {first[task.id]} already; this task is known as {task.key}."
            warnings.append(Warn(code="duplicate-id", message=message, line=task.line, path=path))
        first.setdefault(task.id, task.line)
    return warnings


def _assign_phases(document: Document, tasks: list[Task]) -> list[Phase]:
    task_lines = {task.line for task in tasks}
    by_line = {task.line: task for task in tasks}
    chosen: dict[int, Heading] = {}
    stack: list[Heading] = []
    headings: list[Heading] = []
    for line in document.lines:
        found = heading(line)
        if found and line.number not in task_lines:
            headings.append(found)
            stack = [outer for outer in stack if outer.level < found.level]
            stack.append(found)
            if is_phase(found):
                chosen[found.line] = found
        task = by_line.get(line.number)
        if task is not None:
            phase = phase_heading(stack)
            if phase is not None:
                chosen[phase.line] = phase
                task.phase_number = float(phase.line)  # for now: the line, until the phases exist
    phases = [make_phase(chosen[line]) for line in sorted(chosen)]
    by_heading = {phase.line: phase for phase in phases}
    for task in tasks:
        own = by_heading.get(int(task.phase_number)) if task.phase_number is not None else None
        task.phase = own.title if own else None
        task.phase_number = own.number if own else None
        if own and not task.stories and own.kind == "story":
            task.stories = list(own.stories)
    ends: dict[int, int] = {}
    for phase_line, phase in chosen.items():
        after = [other.line for other in headings if other.line > phase_line and other.level <= phase.level]
        ends[phase_line] = (after[0] - 1) if after else len(document.lines)
    taken = {number for task in tasks for number in range(task.line, task.end_line + 1)}
    read_fields(document, phases, ends, taken)
    return phases


def _numbered(tasks: list[Task]) -> list[tuple[Task, Task]]:
    """A numbered parent (`2`) is complete when its children (`2.1`, `2.2`) are: it waits for them."""
    by_id = {task.id: task for task in reversed(tasks) if task.id}
    edges = []
    for task in tasks:
        if task.id and task.id[0].isdigit() and "." in task.id:
            parent = by_id.get(task.id.rsplit(".", 1)[0])
            if parent is not None:
                edges.append((parent, task))
    return edges


def _set_children(tasks: list[Task], drafts: list[Draft]) -> None:
    """The tasks below each task: its number goes on in theirs, or they are nested in it."""
    of_draft = {id(draft): task for task, draft in zip(tasks, drafts, strict=True)}
    parents = {child.key: parent for parent, child in _numbered(tasks)}
    for task, draft in zip(tasks, drafts, strict=True):
        parent = parents.get(task.key) or (of_draft[id(draft.parent)] if draft.parent else None)
        if parent is not None and parent.line < task.line:
            parent.children.append(task.key)


def _dialect(path: Path, drafts: list[Draft], data: bytes) -> Dialect:
    parts = path.parts
    if ".kiro" in parts:
        return "kiro"
    if "openspec" in parts:
        return "openspec"
    if not drafts:
        return "spec-kit"
    if sum(draft.is_heading for draft in drafts) * 2 > len(drafts):
        return "headings"
    numeric = sum(1 for draft in drafts if draft.ident and draft.ident[0].isdigit())
    if numeric * 2 <= len(drafts):
        return "spec-kit"
    numbered = re.search(rb"(?m)^##[ \t]+\d+\.[ \t]", data)
    return "openspec" if numbered and b"_Requirements:" not in data else "kiro"
