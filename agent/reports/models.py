"""What a run's report says, as data (`report.json`)."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from ..acceptance.models import Row
from ..acceptance.review import Review
from ..verifier.models import Fault, GateResult

TaskReportState = Literal["verified", "failed", "skipped", "unfinished", "pending"]
RunState = Literal["verified", "partly", "budget", "interrupted", "error", "unfinished"]
IssueKind = Literal["failed", "unfinished", "skipped", "not-verified", "regression", "warning", "error"]


class Model(BaseModel):
    """Base of the report's parts."""

    model_config = ConfigDict(extra="forbid")


class Usage(Model):
    """What model calls cost."""

    calls: int = 0
    prompt_tokens: int = Field(default=0, description="Includes the cached ones")
    cached_tokens: int = 0
    completion_tokens: int = 0
    model_seconds: float = 0.0
    overhead_seconds: float = Field(default=0.0, description="Time the harness itself took around the calls")
    cost: float | None = Field(default=None, description="Money; None when the model's price is not known")

    @property
    def tokens(self) -> int:
        """Prompt and completion together."""
        return self.prompt_tokens + self.completion_tokens


class TaskReport(Model):
    """One task of the plan and what came of it."""

    id: str
    title: str = ""
    role: str = ""
    story: str | None = None
    priority: str | None = None
    state: TaskReportState = Field(
        default="pending", description="unfinished: begun, no outcome in the journal; pending: never begun"
    )
    attempts: int = Field(default=0, description="Attempts begun, over all sessions of the run")
    of: int = Field(default=0, description="Attempts allowed")
    gates: list[GateResult] = Field(default=[], description="What the gates saw in the last attempt that reached them")
    named_files: list[str] = Field(default=[], description="Files the task names")
    files: list[str] = Field(default=[], description="Files its commit or patch changes")
    refs: list[str] = []
    commit: str | None = None
    evidence: str | None = None
    patch: str | None = Field(default=None, description="Unverified work, relative to the run's folder")
    usage: Usage = Field(default_factory=Usage)
    seconds: float = 0.0
    why: str = Field(default="", description="Why it is not verified, one line")
    fault: Fault | None = Field(default=None, description="What the author of its tests says is wrong with the code")
    fault_refused: str = Field(default="", description="Why the code role was not asked; empty when it was")
    mended: list[str] = Field(default=[], description="The code files that the code role changed for it")

    @property
    def fault_end(self) -> str:
        """What came of the claim that the code is wrong."""
        if self.fault_refused:
            return f"not handed to the code role: {self.fault_refused}"
        if self.mended:
            return f"mended by the code role, in the commit of the tests: {', '.join(self.mended)}"
        return "handed to the code role" + (", not mended" if self.state in ("verified", "failed") else "")


class TestFigures(Model):
    """The project's tests before and after the run; None where they were not measured."""

    __test__ = False  # the name is not one of a test

    before: dict[str, int] | None = None
    after: dict[str, int] | None = None
    coverage_before: float | None = None
    coverage_after: float | None = None
    change_coverage: float | None = Field(default=None, description="Percent of the lines the run added to code")
    uncovered: list[str] = Field(default=[], description="Added lines that no test executes: file:lines")
    final_check: bool | None = Field(default=None, description="None: the final check did not run")
    failures: list[str] = []


class Issue(Model):
    """A known issue or limit of what the run delivers."""

    kind: IssueKind
    text: str
    task: str | None = None


class Left(Model):
    """A task of the feature that the plan left out."""

    id: str
    why: str


class BudgetLine(Model):
    """One budget: what was used and what was allowed."""

    whose: str = Field(description="run, or the id of a task")
    kind: str = Field(description="tokens, cost, calls, attempts or seconds")
    used: float
    limit: float

    @property
    def left(self) -> float:
        """What may still be used."""
        return max(0.0, self.limit - self.used)


class Readiness(Model):
    """Deployment readiness, and why."""

    ready: bool
    text: str = Field(description="One paragraph")
    reasons: list[str] = Field(default=[], description="What stands against it; empty when ready")
    not_verified: list[str] = Field(default=[], description="What this machine could not show")


class Report(Model):
    """Everything a run's journal tells."""

    run: str
    feature: str = ""
    branch: str = ""
    base: str = ""
    head: str | None = None
    landed: bool = False
    not_landed: str = Field(default="", description="It was to land and did not: why, and how to mend it")
    taken_back: list[str] = Field(default=[], description="Taken back since; only in what `kfpilot report` prints")
    working: int | None = Field(default=None, description="The process that works on it while `kfpilot report` prints")
    carried: bool = Field(default=False, description="Documents that were not committed went along on the branch")
    model: str = ""
    worker: str = ""
    words: str = ""
    state: RunState = "unfinished"
    exit_code: int | None = None
    message: str = ""
    sessions: int = Field(default=0, description="1 + how often the run was resumed")
    started: float | None = Field(default=None, description="Seconds since the epoch")
    last_event: float | None = None
    seconds: float = Field(default=0.0, description="Time worked, without the pauses between sessions")
    plan_source: str = "documents"
    tasks: list[TaskReport] = []
    left_out: list[Left] = []
    warnings: int = Field(default=0, description="Warnings about the documents that the plan carries")
    usage: Usage = Field(default_factory=Usage, description="All model calls, those for no task included")
    attempts: int = Field(default=0, description="Attempts begun, all tasks and sessions together")
    budgets: list[BudgetLine] = Field(default=[], description="The run's, and of the tasks those that are nearly used")
    tests: TestFigures = Field(default_factory=TestFigures)
    acceptance: list[Row] = Field(default=[], description="One row each requirement, success criterion and scenario")
    review: Review | None = Field(default=None, description="None: the run has not come to it")
    issues: list[Issue] = []
    readiness: Readiness = Field(default_factory=lambda: Readiness(ready=False, text=""))

    @property
    def accused(self) -> list[TaskReport]:
        """The tasks whose tests' author says that the code is wrong."""
        return [task for task in self.tasks if task.fault]

    @property
    def verified(self) -> list[TaskReport]:
        """The tasks that were seen to pass."""
        return [task for task in self.tasks if task.state == "verified"]

    @property
    def open(self) -> list[TaskReport]:
        """The planned tasks that were not seen to pass, whatever the reason."""
        return [task for task in self.tasks if task.state != "verified"]
