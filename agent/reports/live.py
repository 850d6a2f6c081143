"""The live table of a run on a terminal, and the summary after it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from ..acceptance.models import say
from ..events import FinalCheck, Notice, RunFinished
from .display import Display
from .models import Report, TaskReport
from .words import bare, clock, count, merge_command, one_line, plural, say_counts, say_review

ICONS = {"verified": "✓", "failed": "✗", "skipped": "»", "unfinished": "…", "pending": "·"}
ASCII_ICONS = {"verified": "+", "failed": "x", "skipped": ">", "unfinished": "~", "pending": "."}
STYLES = {"verified": "green", "failed": "red", "skipped": "yellow", "unfinished": "cyan", "pending": "dim"}
FRAME = 7
"""Lines around the table: title, head, blank lines, bar, counters."""


class LiveDisplay(Display):
    """A table of the tasks that redraws itself, with a progress bar, tokens and the elapsed time.

    Args:
        console: The terminal.
        clock: The clock that events are stamped with.
    """

    def __init__(self, console: Console, clock: Any = time.time) -> None:
        super().__init__()
        self.console = console
        self.now = clock
        self._live: Live | None = None
        self._began: float | None = None
        self._ended: float | None = None
        ascii_only = "utf" not in (console.encoding or "").lower()
        self._icons = ASCII_ICONS if ascii_only else ICONS
        self._spinner = Spinner("line" if ascii_only else "dots", style="cyan")

    def open(self) -> None:
        """Start to draw."""
        self._live = Live(
            console=self.console, get_renderable=self.render, refresh_per_second=6, vertical_overflow="crop"
        )
        self._live.start()

    def close(self) -> None:
        """Leave the last state on the screen."""
        if self._live:
            self._live.stop()
            self._live = None

    def show(self, event: Any) -> None:
        """Keep the time, and print above the table what must not scroll out of sight."""
        self._began = self._began or event.at
        if isinstance(event, RunFinished):
            self._ended = event.at
        text: str | None = None
        if isinstance(event, Notice) and event.level != "info":
            text = f"{event.level}: {one_line(event.message, 400)}"
        elif isinstance(event, Notice) and event.code == "words":
            self.console.print(Text(bare(event.message), style="dim"))
        elif isinstance(event, FinalCheck) and not event.passed:
            text = "final check failed: " + one_line("; ".join(event.failures) or say_counts(event.counts), 400)
        if text and self._live:
            style = "yellow" if isinstance(event, Notice) and event.level == "warning" else "red"
            self.console.print(Text(bare(text), style=style))

    def render(self) -> RenderableType:
        """The whole picture now."""
        with self._lock:
            tasks = list(self.fold.tasks.values())
            return Group(self._title(), Text(""), self._table(tasks), Text(""), self._bar(tasks), self._counters())

    def _title(self) -> Text:
        start = self.fold.start
        if not start:
            return Text("starting …", style="dim")
        text = Text(no_wrap=True, overflow="ellipsis")
        text.append(start.feature, style="bold")
        text.append(f"  {bare(start.model)} ({start.worker} worker)  {start.branch}", style="dim")
        return text

    def _table(self, tasks: list[TaskReport]) -> RenderableType:
        shown, above, below = window(tasks, max(4, self.console.height - FRAME))
        table = Table(box=None, expand=True, pad_edge=False, padding=(0, 1, 0, 0), show_header=False)
        table.add_column(width=1)
        table.add_column(no_wrap=True, max_width=9, overflow="ellipsis")
        table.add_column(width=5)
        table.add_column(ratio=5, no_wrap=True, overflow="ellipsis")
        table.add_column(ratio=4, no_wrap=True, overflow="ellipsis")
        table.add_column(justify="right", min_width=3, no_wrap=True)
        table.add_column(justify="right", min_width=5, no_wrap=True)
        table.add_column(justify="right", min_width=5, no_wrap=True)
        if above:
            table.add_row("", "", "", Text(f"{above} more above", style="dim"), *[""] * 4)
        for task in shown:
            table.add_row(*self._row(task))
        if below:
            table.add_row("", "", "", Text(f"{below} more below", style="dim"), *[""] * 4)
        if not tasks:
            return Text("reading the documents" if not self.fold.start else "planning", style="dim")
        return table

    def _row(self, task: TaskReport) -> list[RenderableType]:
        style = STYLES[task.state]
        running = task.state == "unfinished" and task.id in self.fold.activity
        icon: RenderableType = self._spinner if running else Text(self._icons[task.state], style=style)
        doing = self.fold.activity.get(task.id, "") if running else task.why if task.state != "verified" else ""
        if task.state == "verified" and task.commit:
            doing = task.commit[:8]
        tries = f"{task.attempts}/{task.of}" if task.of else str(task.attempts or "")
        seconds = self.fold.seconds_of(task, self.now() if running else None)
        dim = "dim" if task.state in ("pending", "skipped") else ""
        return [
            icon,
            Text(task.id, style=dim or "bold"),
            Text(task.role, style=dim),
            Text(bare(one_line(task.title)), style=dim),
            Text(bare(one_line(doing)), style=style if doing else ""),
            Text(tries, style=dim),
            Text(count(task.usage.tokens) if task.usage.calls else "", style=dim),
            Text(clock(seconds) if seconds or running else "", style=dim),
        ]

    def _bar(self, tasks: list[TaskReport]) -> RenderableType:
        over = sum(task.state in ("verified", "failed", "skipped") for task in tasks)
        verified = sum(task.state == "verified" for task in tasks)
        grid = Table.grid(expand=True, padding=(0, 1, 0, 0))
        grid.add_column(ratio=1)
        grid.add_column(justify="right", no_wrap=True)
        bar = ProgressBar(total=max(1, len(tasks)), completed=over, complete_style="green", finished_style="green")
        grid.add_row(bar, f"{over}/{len(tasks)} done, {verified} verified")
        return grid

    def _counters(self) -> Text:
        usage = self.fold.usage
        elapsed = (self._ended or self.now()) - self._began if self._began else 0.0
        parts = [
            f"{clock(elapsed)} elapsed",
            f"{count(usage.tokens)} tokens ({count(usage.cached_tokens)} cached)",
            plural(usage.calls, "model call"),
        ]
        return Text(" · ".join(parts), style="dim", no_wrap=True, overflow="ellipsis")


def window(tasks: list[TaskReport], height: int) -> tuple[list[TaskReport], int, int]:
    """The tasks that fit, around the first one that is under way.

    Returns:
        The tasks to show, how many are cut above and how many below.
    """
    if len(tasks) <= height:
        return tasks, 0, 0
    room = max(1, height - 2)  # a line each for what is cut above and below
    current = next((i for i, task in enumerate(tasks) if task.state in ("unfinished", "pending")), len(tasks) - 1)
    first = min(max(0, current - room // 3), len(tasks) - room)
    return tasks[first : first + room], first, len(tasks) - first - room


def print_summary(report: Report, console: Console, *, report_file: Path | None = None) -> None:
    """The end of a run on the terminal: what is verified, what is not and why, and how to go on.

    Args:
        report: The run's report.
        console: Where to print.
        report_file: Named at the end, if given.
    """
    done, total = len(report.verified), len(report.tasks)
    colour = "green" if report.state == "verified" else "yellow" if done else "red"
    console.print()
    console.print(Text(f"{done} of {plural(total, 'task')} verified", style=f"bold {colour}"), end="")
    usage = report.usage
    console.print(
        Text(
            f" in {clock(report.seconds)} · {plural(usage.calls, 'model call')} · "
            f"{count(usage.prompt_tokens)} prompt tokens ({count(usage.cached_tokens)} cached), "
            f"{count(usage.completion_tokens)} completion"
        )
    )
    for task in report.open:
        word = {"unfinished": "not finished", "pending": "not reached"}.get(task.state, task.state)
        line = Text(f"  {task.id} {word}", style=STYLES[task.state])
        if task.why:
            line.append(": " + bare(one_line(task.why, 200)), style="default")
        console.print(line, soft_wrap=True)
        if task.patch:
            console.print(
                Text(f"    work kept in .kfpilot/runs/{report.run}/{task.patch}", style="dim"), soft_wrap=True
            )
    for task in report.accused:
        if task.fault:
            told = f"its tests find fault with {task.fault.file}; {task.fault_end}"
            console.print(Text(f"  {task.id} {bare(one_line(told, 300))}", style="yellow"), soft_wrap=True)
    tests = report.tests
    if tests.before is not None or tests.after is not None:
        console.print(Text(f"Tests: {say_counts(tests.before)} before, {say_counts(tests.after)} after"))
    if report.acceptance:
        gaps = [row.id for row in report.acceptance if row.gap]
        line = Text(f"Acceptance: {say(report.acceptance)}")
        if gaps:
            line.append(f": {', '.join(gaps[:8])}" + (" …" if len(gaps) > 8 else ""), style="yellow")
        console.print(line, soft_wrap=True)
    if report.review:
        console.print(Text(bare(say_review(report.review))), soft_wrap=True)
        for found in [item for item in report.review.findings if item.severity == "high"][:5]:
            console.print(Text(bare(f"  {found.file}:{found.line} {found.what}"), style="yellow"), soft_wrap=True)
    console.print(Text(bare(report.readiness.text), style=colour))
    for label, text in _next_steps(report, report_file):
        console.print(
            Text(f"{label:<8}", style="bold yellow" if label == "Not landed" else "bold"), Text(text), soft_wrap=True
        )


def _next_steps(report: Report, report_file: Path | None) -> list[tuple[str, str]]:
    steps: list[tuple[str, str]] = []
    if report.landed:
        steps.append(("Landed", f"{report.branch} is in the branch you are on"))
    elif report.not_landed:
        steps.append(("Not landed", bare(" ".join(report.not_landed.split()))))
    elif report.verified and report.branch:
        steps.append(("Merge", merge_command(report)))
    if report.state in ("unfinished", "interrupted", "budget", "error") and report.feature:
        steps.append(("Go on", f"kfpilot run {report.feature} --resume"))
    if report_file:
        steps.append(("Report", str(report_file)))
    return steps
