"""A run's events in the words of the protocol: the plan, a tool call for each task, text for the rest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

from acp import helpers
from acp.schema import PlanEntry, ToolCallLocation

from ...tools import git
from ...tools.errors import ToolFailure
from ..events import (
    AcceptanceReady,
    AttemptFinished,
    BaselineReady,
    FinalCheck,
    HandedBack,
    Notice,
    PlanReady,
    ReviewFinished,
    RunStarted,
    TaskFinished,
    TaskStarted,
)
from ..planner.models import PlannedTask
from ..reports.display import PlainDisplay, make_console
from ..reports.models import TaskReport
from ..reports.words import bare, one_line
from .talk import Update, new_call

LARGEST = 200_000
"""Bytes of a file that is shown as a difference."""

PRIORITIES: dict[str, Literal["high", "medium", "low"]] = {"P1": "high", "P2": "medium"}
STATES: dict[str, Literal["pending", "in_progress", "completed"]] = {
    "verified": "completed",
    "unfinished": "in_progress",
}
"""Of the protocol's three; what failed or was skipped is not completed, and says so in its words."""


class Translator:
    """Turns the events of one run into updates, one by one.

    Args:
        root: The user's repository.
        record: The run's folder, relative to it.
    """

    def __init__(self, root: Path, record: Path) -> None:
        self.root, self.record = root, record
        # Its sentences are those of a run in a terminal; it prints nothing itself.
        self.plain = PlainDisplay(make_console(stderr=True))
        self.fold = self.plain.fold
        self.calls: dict[str, str] = {}
        self.tried: dict[str, list[str]] = {}

    def catch_up(self, events: Iterable[Any]) -> None:
        """Take in what an earlier session of the run has told, without a word."""
        self.plain.catch_up(events)

    def updates(self, event: Any) -> list[Update]:
        """What to tell the client about an event; often nothing."""
        self.fold.apply(event)
        match event:
            case PlanReady():
                return [self.plan(), *self.text(event)]
            case TaskStarted():
                return [self.plan(), self.begin(event.task)]
            case AttemptFinished() | HandedBack():
                return self.attempt(event)
            case TaskFinished():
                return [*self.end(event), self.plan()]
            case RunStarted() | BaselineReady() | Notice() | AcceptanceReady() | ReviewFinished():
                return self.text(event)
            case FinalCheck():
                return self.final(event)
        return []

    def plan(self) -> Update:
        """The complete list, as the protocol wants it each time."""
        return helpers.update_plan(entry_of(task) for task in self.fold.tasks.values())

    def text(self, event: Any) -> list[Update]:
        """The sentences that a terminal shows, as one paragraph."""
        lines = [bare(line) for line in self.plain.lines(event)]
        return [helpers.update_agent_message_text("  \n".join(lines) + "\n\n")] if lines else []

    def begin(self, key: str) -> Update:
        """A task is being worked: a new tool call, at the files that it names."""
        task = self.fold.task(key)
        self.calls[key], self.tried[key] = new_call(), []
        return helpers.start_tool_call(
            self.calls[key],
            f"{key} {task.role}: {bare(one_line(task.title, 120))}",
            kind="edit",
            status="in_progress",
            locations=[self.location(path) for path in task.named_files],
        )

    def attempt(self, event: AttemptFinished | HandedBack) -> list[Update]:
        """An attempt that did not pass, or whose author says that the code is wrong."""
        lines = [bare(line) for line in self.plain.lines(event)]
        if not lines:
            return []
        call = [] if event.task in self.calls else [self.begin(event.task)]
        self.tried[event.task] += lines
        return [*call, helpers.update_tool_call(self.calls[event.task], content=[text_of(self.tried[event.task])])]

    def end(self, event: TaskFinished) -> list[Update]:
        """What came of a task: its commit as differences, or why there is none."""
        task, lines = self.fold.task(event.task), [bare(line) for line in self.plain.lines(event)]
        if event.outcome == "skipped":
            return [helpers.update_agent_message_text("\n".join(lines) + "\n\n")]
        # A resumed run goes on within a task, or tells the end of one that an earlier session has begun.
        start = [] if event.task in self.calls else [self.begin(event.task)]
        call, tried = self.calls.pop(event.task), self.tried.pop(event.task)
        if event.outcome == "failed":
            failures = [line for gate in task.gates if not gate.passed for line in gate.failures]
            said = [*tried, *lines, *(f"{bare(one_line(line))}" for line in failures[:10])]
            kept = f" What was written is kept: {(self.record / event.patch).as_posix()}" if event.patch else ""
            words = f"**{event.task} is not verified**: {bare(one_line(event.why, 400))}.{kept}"
            return [
                *start,
                helpers.update_tool_call(call, status="failed", content=[text_of(said)]),
                helpers.update_agent_message_text(words + "\n\n"),
            ]
        gates = ", ".join(gate.gate for gate in task.gates)
        said = [*tried, *lines, *([f"gates passed: {gates}"] if gates else [])]
        content, places = self.differences(event.commit, event.files) if event.commit else ([], [])
        done = helpers.update_tool_call(
            call, status="completed", content=[text_of(said), *content], locations=places or None
        )
        return [*start, done]

    def final(self, event: FinalCheck) -> list[Update]:
        """The check of everything together, as a tool call that is over at once."""
        call, lines = new_call(), [bare(line) for line in self.plain.lines(event)]
        status: Literal["completed", "failed"] = "completed" if event.passed else "failed"
        return [helpers.start_tool_call(call, "Final check", kind="execute", status=status, content=[text_of(lines)])]

    def differences(self, commit: str, paths: Sequence[str]) -> tuple[list[Any], list[ToolCallLocation]]:
        """What a commit changed in the files, and where; see `differences`."""
        return differences(self.root, commit, paths)

    def location(self, path: str, line: int | None = None) -> ToolCallLocation:
        """A place in the user's checkout."""
        return ToolCallLocation(path=str(self.root / path), line=line)


def entry_of(task: TaskReport) -> PlanEntry:
    """A task of a run in the plan."""
    why = f" ({task.state}: {bare(one_line(task.why, 160))})" if task.state in ("failed", "skipped") else ""
    return helpers.plan_entry(
        f"{task.id} {task.role}: {bare(one_line(task.title, 200))}{why}",
        priority=priority_of(task.priority),
        status=STATES.get(task.state, "pending"),
    )


def planned_entry(task: PlannedTask) -> PlanEntry:
    """A task that nobody has begun."""
    return helpers.plan_entry(
        f"{task.id} {task.role}: {bare(one_line(task.title, 200))}", priority=priority_of(task.priority)
    )


def priority_of(story: str | None) -> Literal["high", "medium", "low"]:
    """The priority of a task's story in the words of the protocol; without one it is in the middle."""
    return PRIORITIES.get(story, "low") if story else "medium"


def text_of(lines: Sequence[str]) -> Any:
    """Lines as the content of a tool call."""
    return helpers.tool_content(helpers.text_block("\n".join(lines)))


def differences(root: Path, commit: str, paths: Sequence[str]) -> tuple[list[Any], list[ToolCallLocation]]:
    """What a commit changed in some files.

    Args:
        root: The repository.
        commit: The commit; it has one parent.
        paths: The files, relative to the repository.

    Returns:
        A difference each file (a sentence where it cannot be shown), and the first changed place of each.
    """
    repo = git.open_repo(root)
    content: list[Any] = []
    places = []
    for path in paths:
        try:
            old, new = git.show(repo, f"{commit}~1", path), git.show(repo, commit, path)
        except ToolFailure:
            old = new = None
        before, after = as_text(old), as_text(new)
        if (old is None and new is None) or before is None or after is None:
            content.append(text_of([f"{path}: changed; not shown, it is no text or too large"]))
            places.append(ToolCallLocation(path=str(root / path)))
            continue
        content.append(helpers.tool_diff_content(str(root / path), after, before if old is not None else None))
        places.append(ToolCallLocation(path=str(root / path), line=first_change(before, after)))
    return content, places


def as_text(data: bytes | None) -> str | None:
    """The text of a file; empty when there is no file, None when it cannot be shown."""
    if data is None:
        return ""
    if len(data) > LARGEST or b"\0" in data:
        return None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return None


def first_change(before: str, after: str) -> int:
    """The first line of the new text that differs, counted from 1."""
    old, new = before.splitlines(), after.splitlines()
    for number, (one, other) in enumerate(zip(old, new, strict=False), 1):
        if one != other:
            return number
    return min(len(old), len(new)) + 1 if len(new) > len(old) else max(1, len(new))
