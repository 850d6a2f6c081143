"""How a run looks while it runs: a live table, plain lines, or JSON lines. All are listeners of the journal.

A display that fails must not fail the run: no listener here raises, and one whose reader went away falls silent.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any, TextIO

from ..acceptance.models import say
from ..events import (
    AcceptanceReady,
    AttemptFinished,
    BaselineReady,
    FinalCheck,
    GateFinished,
    HandedBack,
    Notice,
    PlanReady,
    ReviewFinished,
    RunFinished,
    RunStarted,
    TaskFinished,
    TaskStarted,
)
from ..verifier.models import Fault
from .fold import RunFold
from .words import bare, clock, count, one_line, plural, say_counts, say_review

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from .models import Report


class Display:
    """A listener that is also a context manager. This base shows nothing (`--quiet`)."""

    def __init__(self) -> None:
        self.fold = RunFold()
        self._lock = threading.RLock()
        self._broken = False
        self.last_error: Exception | None = None

    def __call__(self, event: Any) -> None:
        """Take one event; never raises."""
        with self._lock:
            try:
                self.fold.apply(event)
                if not self._broken:
                    self.show(event)
            except (OSError, SystemExit):  # the reader went away; rich exits on a broken pipe
                self._broken = True
            except Exception as error:
                self.last_error = error  # this event cannot be shown; it is in the journal all the same

    def catch_up(self, events: Iterable[Any]) -> None:
        """Take in the events of earlier sessions of the run without showing each."""
        with self._lock:
            for event in events:
                self.fold.apply(event)

    def show(self, event: Any) -> None:
        """Show an event that the fold already holds."""

    def open(self) -> None:
        """Begin to show."""

    def close(self) -> None:
        """Stop showing and leave the terminal as it was."""

    def __enter__(self) -> Display:
        self.open()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


class JsonDisplay(Display):
    """Every event as one JSON line, as it is in the journal.

    Args:
        out: Where to; standard output if None.
    """

    def __init__(self, out: TextIO | None = None) -> None:
        super().__init__()
        self.out = out

    def show(self, event: Any) -> None:
        """Write the event; a reader that went away silences the display."""
        out = self.out or sys.stdout
        out.write(event.model_dump_json() + "\n")
        out.flush()


class PlainDisplay(Display):
    """One line for each event that matters, with the time since the run began: for logs.

    Args:
        console: Where to write.
    """

    def __init__(self, console: Console) -> None:
        super().__init__()
        self.console = console
        self._zero: float | None = None
        self._gate: dict[str, str] = {}

    def show(self, event: Any) -> None:
        """Print the event's lines, if it has any."""
        if self._zero is None:
            self._zero = event.at
        for line in self.lines(event):
            minutes, seconds = divmod(int(event.at - self._zero), 60)
            # Not through rich: it ends the process when the reader of a pipe goes away (`kfpilot run | head`).
            self.console.file.write(f"{minutes:02}:{seconds:02} {bare(line)}\n")
        self.console.file.flush()

    def lines(self, event: Any) -> list[str]:
        """What to say about an event, without the time; empty for what a log can do without."""
        match event:
            case RunStarted():
                verb = "resumed" if event.resumed else "started"
                words = f', asked for "{one_line(event.words, 80)}"' if event.words else ""
                return [
                    f"run {event.run} {verb}: {event.feature} on branch {event.branch}, model {event.model} "
                    f"({event.worker} worker){words}"
                ]
            case PlanReady():
                return self._plan()
            case BaselineReady():
                return [f"before: {say_counts(event.counts)}{_coverage(event.coverage)}"]
            case TaskStarted():
                return [self._task(event.task, one_line(event.title, 100))]
            case GateFinished():
                if not event.result.get("passed"):
                    self._gate.setdefault(event.task, str(event.result.get("gate", "")))
                return []
            case AttemptFinished():
                return self._attempt(event)
            case HandedBack():
                fault = one_line(Fault.model_validate(event.fault).text, 300)
                head = f"not handed to the code role, {event.refused}" if event.refused else "handed to the code role"
                return [self._task(event.task, f"{one_line(head, 300)}: {fault}")]
            case TaskFinished():
                return [self._task(event.task, self._outcome(event))]
            case Notice():
                code = f"{event.code}: " if event.code else ""
                level = "" if event.level == "info" else f"{event.level}: "
                return [level + code + one_line(event.message, 2000)]
            case FinalCheck():
                verdict = "passed" if event.passed else "FAILED"
                head = f"final check {verdict}: {say_counts(event.counts)}{_coverage(event.coverage)}"
                return [head, *(f"final check: {one_line(failure, 200)}" for failure in event.failures[:10])]
            case AcceptanceReady():
                return [f"acceptance: {say(self.fold.acceptance)}"]
            case ReviewFinished() if self.fold.review:
                return [say_review(self.fold.review)]
            case RunFinished():
                return [self._end(event)]
        return []

    def _plan(self) -> list[str]:
        plan = self.fold.plan
        if plan is None:
            return []
        left = f", {len(plan.skipped)} left out" if plan.skipped else ""
        source = "refined by the planner agent" if plan.source == "refined" else "from the documents"
        head = f"plan: {plural(len(plan.tasks), 'task')} in {plural(len(plan.waves), 'wave')}{left} ({source})"
        return [head, *(f"warning: {w.code}: {one_line(w.message, 200)}" for w in plan.warnings)]

    def _task(self, key: str, text: str) -> str:
        role = self.fold.task(key).role
        return f"{key} {role:<5}  {text}"

    def _attempt(self, event: AttemptFinished) -> list[str]:
        gate = self._gate.pop(event.task, "")
        if event.passed:
            return []
        why = one_line(event.why, 200) or "failed"
        if gate and gate not in why.partition(":")[0]:
            why = f"{gate} gate failed: {why}"
        of = self.fold.task(event.task).of
        number = f"{event.attempt}/{of}" if of else str(event.attempt)
        return [self._task(event.task, f"attempt {number}: {why}")]

    def _outcome(self, event: TaskFinished) -> str:
        task = self.fold.task(event.task)
        if event.outcome == "skipped":
            return f"skipped: {one_line(event.why, 200)}"
        spent = f"{plural(task.attempts, 'attempt')}, {count(task.usage.tokens)} tokens, {clock(task.seconds)}"
        if event.outcome == "verified":
            mended = f", with code mended for its tests: {', '.join(event.mended)}" if event.mended else ""
            return f"verified: {spent}" + (f", commit {event.commit[:10]}" if event.commit else "") + mended
        kept = f"; work kept in {event.patch}" if event.patch else ""
        return f"FAILED: {one_line(event.why, 200)} ({spent}){kept}"

    def _end(self, event: RunFinished) -> str:
        tasks = self.fold.tasks.values()
        done = sum(task.state == "verified" for task in tasks)
        message = f": {one_line(event.message, 300)}" if event.message else ""
        return (
            f"run ended ({event.outcome}){message}; {done} of {plural(len(tasks), 'task')} verified, "
            f"{count(self.fold.usage.tokens)} tokens in {plural(self.fold.usage.calls, 'model call')}"
        )


def _coverage(percent: float | None) -> str:
    return "" if percent is None else f", {percent:.1f} % of lines covered"


def make_console(*, no_color: bool = False, stderr: bool = False) -> Console:
    """A console that honours `--no-color` and NO_COLOR; rich itself honours TERM=dumb.

    Rich's own `no_color` leaves bold, dim and underline; without a colour system there is no style at all.
    """
    from rich.console import Console

    plain = no_color or bool(os.environ.get("NO_COLOR"))
    console = (
        Console(color_system=None, no_color=True, stderr=stderr, highlight=False)
        if plain
        else Console(stderr=stderr, highlight=False)
    )
    # In a pipe nothing is wrapped: grep finds whole sentences.
    console.soft_wrap = not console.is_terminal
    return console


def choose_display(console: Console, *, json: bool = False, plain: bool = False, quiet: bool = False) -> Display:
    """The display that fits.

    Args:
        console: Where a person looks.
        json: The event stream on standard output, whatever the terminal is.
        plain: Lines even on a terminal.
        quiet: Nothing.
    """
    if json:
        return JsonDisplay()
    if quiet:
        return Display()
    if plain or not console.is_terminal or console.is_dumb_terminal:
        return PlainDisplay(console)
    from .live import LiveDisplay

    return LiveDisplay(console)


def print_summary(report: Report, console: Console, *, report_file: Path | None = None) -> None:
    """Print the end of a run: see `live.print_summary`, which needs rich."""
    from . import live

    live.print_summary(report, console, report_file=report_file)
