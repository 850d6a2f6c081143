"""The one stream of everything that happens in a run.

The workflow emits these; the journal keeps them as JSON lines; displays and reports only read them.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, TypeAdapter

Level = Literal["info", "warning", "error"]
TaskOutcome = Literal["verified", "failed", "skipped"]


class Base(BaseModel):
    """Time (seconds since the epoch) and the sequence number in the run; the journal fills both in."""

    at: float = 0.0
    seq: int = 0


class RunStarted(Base):
    type: Literal["run-started"] = "run-started"
    run: str
    feature: str
    branch: str
    base: str = Field(description="Commit the run started from")
    model: str
    worker: str
    words: str = ""
    resumed: bool = False


class BudgetsSet(Base):
    type: Literal["budgets-set"] = "budgets-set"
    run: dict[str, float] = Field(default={}, description="tokens, cost, calls, attempts, seconds: the run's limits")
    task: dict[str, float] = Field(default={}, description="The same for each task")
    priced: bool = Field(default=False, description="Whether the model's price is known")


class PlanReady(Base):
    type: Literal["plan-ready"] = "plan-ready"
    plan: dict[str, Any] = Field(description="ExecutionPlan as JSON")


class BaselineReady(Base):
    type: Literal["baseline-ready"] = "baseline-ready"
    counts: dict[str, int] = Field(description="passed, failed, skipped, …")
    coverage: float | None = Field(default=None, description="Percent of lines, None if not measured")
    seconds: float = 0.0


class TaskStarted(Base):
    type: Literal["task-started"] = "task-started"
    task: str
    role: str
    title: str


class AttemptStarted(Base):
    type: Literal["attempt-started"] = "attempt-started"
    task: str
    attempt: int
    of: int


class ModelCalled(Base):
    type: Literal["model-called"] = "model-called"
    task: str | None = None
    purpose: str = "work"
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0
    overhead_seconds: float = Field(default=0.0, description="Time the harness itself took around the call")
    cost: float | None = Field(default=None, description="Money, None when the model's price is not known")


class ToolCalled(Base):
    type: Literal["tool-called"] = "tool-called"
    task: str
    tool: str
    target: str = Field(default="", description="Usually a path")
    ok: bool = True
    message: str = ""


class GateFinished(Base):
    type: Literal["gate-finished"] = "gate-finished"
    task: str
    attempt: int
    result: dict[str, Any] = Field(description="GateResult as JSON")


class AttemptFinished(Base):
    type: Literal["attempt-finished"] = "attempt-finished"
    task: str
    attempt: int
    passed: bool
    why: str = Field(default="", description="First failure, one line")
    said: str = Field(default="", description="What the worker said of its work: a claim, which decides nothing")


class HandedBack(Base):
    type: Literal["handed-back"] = "handed-back"
    task: str
    attempt: int
    fault: dict[str, Any] = Field(description="Fault as JSON: what the author of the task's tests says of the code")
    refused: str = Field(default="", description="Why the code role is not asked; empty when it is")


class TaskFinished(Base):
    type: Literal["task-finished"] = "task-finished"
    task: str
    outcome: TaskOutcome
    attempts: int = 0
    commit: str | None = None
    files: list[str] = []
    evidence: str | None = Field(default=None, description="Digest of the verdict")
    why: str = ""
    over_budget: bool = Field(default=False, description="Its own budget ended it: `--resume` may try it again")
    patch: str | None = Field(default=None, description="Where the unverified work is kept, relative to the run folder")
    mended: list[str] = Field(default=[], description="Code that its role changed because the task's tests found fault")
    seconds: float = 0.0


class Notice(Base):
    type: Literal["notice"] = "notice"
    level: Level = "info"
    code: str = ""
    message: str


class FinalCheck(Base):
    type: Literal["final-check"] = "final-check"
    counts: dict[str, int] = {}
    coverage: float | None = None
    change_coverage: float | None = Field(default=None, description="Percent of the lines the run added to code")
    uncovered: list[str] = Field(default=[], description="Added lines that no test executes: file:lines")
    passed: bool = True
    failures: list[str] = []
    seconds: float = 0.0


class AcceptanceReady(Base):
    type: Literal["acceptance-ready"] = "acceptance-ready"
    rows: list[dict[str, Any]] = Field(description="The acceptance table: Row as JSON")


class ReviewFinished(Base):
    type: Literal["review-finished"] = "review-finished"
    review: dict[str, Any] = Field(description="Review as JSON")


class RunFinished(Base):
    type: Literal["run-finished"] = "run-finished"
    outcome: Literal["verified", "partly", "budget", "interrupted", "error"]
    exit_code: int
    branch: str
    head: str | None = None
    landed: bool = False
    seconds: float = 0.0
    message: str = ""


Event = Annotated[
    RunStarted
    | BudgetsSet
    | PlanReady
    | BaselineReady
    | TaskStarted
    | AttemptStarted
    | ModelCalled
    | ToolCalled
    | GateFinished
    | AttemptFinished
    | HandedBack
    | TaskFinished
    | Notice
    | FinalCheck
    | AcceptanceReady
    | ReviewFinished
    | RunFinished,
    Field(discriminator="type"),
]
ADAPTER: TypeAdapter[Event] = TypeAdapter(Event)

Listener = Callable[[Any], None]
"""Takes one event; must not raise."""


class Journal:
    """Appends events to a file as JSON lines and hands them to listeners; after the run's end it takes none.

    Args:
        path: The file; made with its folder if missing. Numbering goes on where the file ends.
        listeners: Called with every event after it is on disk.
    """

    def __init__(self, path: Path, listeners: list[Listener] | None = None) -> None:
        self.path = path
        self.listeners = list(listeners or [])
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()  # tasks of one wave may emit from several threads
        if path.exists():
            _drop_torn_line(path)
        self._seq = sum(1 for _ in read_journal(path)) if path.exists() else 0
        self._closed = False

    def emit(self, event: Any) -> None:
        """Stamp, take out secrets, write, flush, tell the listeners."""
        event = without_secrets(event)
        with self._lock:
            if self._closed:
                return
            # At once: a thread that outlives its run, or waits for the lock, must not make it look unfinished.
            self._closed = isinstance(event, RunFinished)
            self._seq += 1
            event.seq, event.at = self._seq, time.time()
            with self.path.open("a", encoding="utf-8") as out:
                out.write(event.model_dump_json() + "\n")
                out.flush()
                os.fsync(out.fileno())
            for listener in self.listeners:
                listener(event)


def without_secrets(event: Any) -> Any:
    """The event as it may be kept and shown: itself, if there is no secret in it."""
    from ..tools.redact import redact_data

    data = event.model_dump(mode="json")
    clean = redact_data(data)
    return event if clean == data else type(event).model_validate(clean)


def _drop_torn_line(path: Path) -> None:
    """Cut off a last line that a kill left unfinished: the next event would be glued to it and both be lost."""
    with path.open("rb+") as file:
        content = file.read()
        if content and not content.endswith(b"\n"):
            file.truncate(content.rfind(b"\n") + 1)


def read_journal(path: Path) -> Iterator[Any]:
    """The events of a journal in order; a last line cut short by a kill is left out."""
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if line.endswith("\n") and line.strip():
                yield ADAPTER.validate_json(line)
