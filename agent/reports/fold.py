"""The state of a run, folded from its events one by one.

The report folds a whole journal; the live display folds the events as they come. Both therefore say the same.
"""

from __future__ import annotations

from typing import Any

from ..acceptance.models import Row
from ..acceptance.review import Review, apply_review
from ..events import (
    NOT_LANDED,
    AcceptanceReady,
    AttemptFinished,
    AttemptStarted,
    BaselineReady,
    BudgetsSet,
    FinalCheck,
    GateFinished,
    HandedBack,
    ModelCalled,
    Notice,
    PlanReady,
    ReviewFinished,
    RunFinished,
    RunStarted,
    TaskFinished,
    TaskStarted,
    ToolCalled,
)
from ..planner.models import ExecutionPlan, PlannedTask
from ..verifier.models import Fault, GateResult
from .models import TaskReport, Usage

OF_A_SESSION = ("stopping", NOT_LANDED)
"""Codes of notices that say nothing any more when the run goes on."""


class RunFold:
    """What is known of a run after the events given so far.

    Attributes:
        start: The latest `RunStarted`; None before it came.
        plan: The latest plan.
        tasks: Planned tasks in the order of work; tasks of earlier plans of the same run stay in it.
        activity: What a task is doing now, in a few words.
        final: The final check, if nothing was begun after it.
        acceptance: The acceptance table that goes with it, as the reviewer left it.
        review: What the reviewer said.
        finish: How the run ended; None while a session is open or after a kill.
    """

    def __init__(self) -> None:
        self.start: RunStarted | None = None
        self.first: RunStarted | None = None
        self.plan: ExecutionPlan | None = None
        self.tasks: dict[str, TaskReport] = {}
        self.activity: dict[str, str] = {}
        self.baseline: BaselineReady | None = None
        self.final: FinalCheck | None = None
        self.acceptance: list[Row] = []
        self.review: Review | None = None
        self.finish: RunFinished | None = None
        self.notices: list[Notice] = []
        self.usage = Usage()
        self.attempts = 0
        self.budgets: BudgetsSet | None = None
        self.sessions = 0
        self.last_at: float | None = None
        self._session_at: float | None = None
        self._worked = 0.0
        self._begun: dict[str, float] = {}
        self._attempts_before: dict[str, int] = {}  # attempts of earlier sessions
        self._gates_of: dict[str, int] = {}  # the attempt whose gates a task shows

    @property
    def seconds(self) -> float:
        """Time worked over all sessions, without the pauses between them."""
        running = 0.0 if self._session_at is None or self.last_at is None else self.last_at - self._session_at
        return self._worked + max(0.0, running)

    def task(self, key: str) -> TaskReport:
        """The task of that id, made if no plan named it."""
        return self.tasks.setdefault(key, TaskReport(id=key))

    def seconds_of(self, task: TaskReport, now: float | None = None) -> float:
        """Time spent on a task, the attempt that is under way included."""
        begun = self._begun.get(task.id)
        end = now if now is not None else self.last_at
        return task.seconds + (max(0.0, end - begun) if begun is not None and end is not None else 0.0)

    def apply(self, event: Any) -> None:
        """Take in the next event."""
        match event:
            case RunStarted():
                self._run_started(event)
            case BudgetsSet():
                self.budgets = event
            case PlanReady():
                self._plan_ready(ExecutionPlan.model_validate(event.plan))
            case BaselineReady():
                # "Before" is before the first session, whatever a resumed run measures again.
                self.baseline = self.baseline or event
            case TaskStarted():
                self._task_started(event)
            case AttemptStarted():
                self._attempt_started(event)
            case ModelCalled():
                self._model_called(event)
            case ToolCalled():
                self.activity[event.task] = f"{event.tool} {event.target}".strip()
            case GateFinished():
                self._gate_finished(event.task, event.attempt, GateResult.model_validate(event.result))
            case AttemptFinished():
                self._attempt_finished(event)
            case HandedBack():
                self._handed_back(event)
            case TaskFinished():
                self._task_finished(event)
            case Notice():
                self.notices.append(event)
            case FinalCheck():
                self.final = event
            case AcceptanceReady():
                self.acceptance = [Row.model_validate(row) for row in event.rows]
                self.review = None
            case ReviewFinished():
                self.review = Review.model_validate(event.review)
                self.acceptance = apply_review(self.acceptance, self.review)
            case RunFinished():
                self.finish = event
        self.last_at = event.at or self.last_at
        if isinstance(event, RunFinished):
            self._worked, self._session_at = self.seconds, None

    def _run_started(self, event: RunStarted) -> None:
        self._worked = self.seconds
        for key in list(self._begun):  # cut off by a kill: its time ends where the session ended
            self._close(key)
        self.first = self.first or event
        self.start, self._session_at, self.last_at = event, event.at, event.at
        self.sessions += 1
        # What an earlier session found at its end does not hold for work that comes now.
        self.finish = self.final = self.review = None
        self.notices = [notice for notice in self.notices if notice.code not in OF_A_SESSION]
        self.acceptance = []

    def _plan_ready(self, plan: ExecutionPlan) -> None:
        # A resumed run may plan only what is still open: what was planned before stays in its place.
        for planned in plan.tasks:
            self._describe(self.task(planned.id), planned)
        self.plan = plan

    @staticmethod
    def _describe(task: TaskReport, planned: PlannedTask) -> None:
        task.title, task.role = planned.title, planned.role
        task.story, task.priority = planned.story, planned.priority
        task.named_files, task.refs = list(planned.files), list(planned.refs)

    def _task_started(self, event: TaskStarted) -> None:
        task = self.task(event.task)
        self._close(event.task)
        task.role, task.title = event.role or task.role, event.title or task.title
        task.state, task.why, task.gates, task.patch = "unfinished", "", [], None
        task.fault, task.fault_refused, task.mended = None, "", []
        self._gates_of.pop(event.task, None)
        self._attempts_before[event.task] = task.attempts
        self._begun[event.task] = event.at
        self.activity[event.task] = "gathering context"

    def _attempt_started(self, event: AttemptStarted) -> None:
        task = self.task(event.task)
        self.attempts += 1
        # A resumed run may go on within a task: then no `TaskStarted` comes again, and an attempt that was cut off
        # comes a second time under its number.
        self._begun.setdefault(event.task, event.at)
        task.state, task.of = "unfinished", event.of
        task.attempts = max(task.attempts, self._attempts_before.get(event.task, 0) + event.attempt)
        self.activity[event.task] = "asking the model"

    def _model_called(self, event: ModelCalled) -> None:
        usages = [self.usage]
        if event.task:
            usages.append(self.task(event.task).usage)
            self.activity[event.task] = f"read {event.completion_tokens} tokens"
        for usage in usages:
            usage.calls += 1
            usage.prompt_tokens += event.prompt_tokens
            usage.cached_tokens += event.cached_tokens
            usage.completion_tokens += event.completion_tokens
            usage.model_seconds += event.seconds
            usage.overhead_seconds += event.overhead_seconds
            if event.cost is not None:
                usage.cost = (usage.cost or 0.0) + event.cost

    def _gate_finished(self, key: str, attempt: int, result: GateResult) -> None:
        task = self.task(key)
        if self._gates_of.get(key) != attempt:
            task.gates = []
        self._gates_of[key] = attempt
        task.gates = [gate for gate in task.gates if gate.gate != result.gate] + [result]
        self.activity[key] = f"{result.gate} gate {'passed' if result.passed else 'failed'}"

    def _attempt_finished(self, event: AttemptFinished) -> None:
        task = self.task(event.task)
        task.why = "" if event.passed else event.why
        self._gates_of.pop(event.task, None)
        self.activity[event.task] = "committing" if event.passed else "attempt failed"

    def _handed_back(self, event: HandedBack) -> None:
        task = self.task(event.task)
        if event.refused and task.fault and not task.fault_refused:
            return  # A further claim; the one that was followed up is what counts.
        task.fault, task.fault_refused = Fault.model_validate(event.fault), event.refused
        if not event.refused:
            self.activity[event.task] = "handed to the code role"

    def _task_finished(self, event: TaskFinished) -> None:
        task = self.task(event.task)
        spent = self.seconds_of(task, event.at)
        self._begun.pop(event.task, None)
        # Where the begin is in the journal the clock of the journal counts; else what the event says.
        task.seconds = spent if spent > task.seconds else task.seconds + event.seconds
        task.state, task.why = event.outcome, event.why if event.outcome != "verified" else ""
        task.attempts = max(task.attempts, event.attempts)
        task.files = list(event.files) or task.files
        task.commit = event.commit or (task.commit if event.outcome == "verified" else None)
        task.evidence = event.evidence or (task.evidence if event.outcome == "verified" else None)
        task.patch = event.patch if event.outcome != "verified" else None
        task.mended = list(event.mended)
        self.activity.pop(event.task, None)

    def _close(self, key: str) -> None:
        if key in self._begun:
            task = self.task(key)
            task.seconds = self.seconds_of(task)
            del self._begun[key]
            self.activity.pop(key, None)
