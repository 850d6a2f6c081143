"""What an audit says: a verdict for each tick, and the checks it comes from."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from ...tools.findings import Finding, Rule

Verdict = Literal["verified", "unsupported", "contradicted"]
Outcome = Literal["holds", "unknown", "false", "note"]
"""`holds`: seen to be so. `unknown`: cannot be told here. `false`: surely not so. `note`: said, counts for nothing."""

RULES = (
    Rule(
        id="TICK-FILE",
        name="ticked-file-never-existed",
        summary="A ticked task says that it made a file, and no commit ever had that file.",
        why="Whoever builds on the task looks for something that is not there.",
    ),
    Rule(
        id="TICK-SYMBOL",
        name="ticked-symbol-not-defined",
        summary="A ticked task says that it defined a name, and the name occurs nowhere in the code.",
        why="Whoever calls what the task promised gets an import error.",
    ),
    Rule(
        id="TICK-TEST",
        name="ticked-tests-do-not-pass",
        summary="The tests a ticked task names are empty, fail, or cannot be collected.",
        why="What the task promised does not work, or nothing shows that it does.",
    ),
    Rule(
        id="TICK-COMPILE",
        name="ticked-pipeline-does-not-compile",
        summary="A pipeline or component that a ticked task names does not compile.",
        why="It cannot be submitted to Kubeflow Pipelines.",
    ),
    Rule(
        id="TICK-REMOVED",
        name="ticked-removal-not-done",
        summary="A ticked task says that it removed a file, and the file is still there.",
        why="What should be gone is still used.",
    ),
    Rule(
        id="TICK-PART",
        name="ticked-task-with-a-false-part",
        summary="A task is ticked, and one of its ticked sub-tasks is contradicted.",
        why="A task is done when its parts are; without its part it says more than there is.",
    ),
    Rule(
        id="TICK-UNSUPPORTED",
        name="tick-without-evidence",
        summary="Nothing was found that shows that a ticked task was done.",
        severity="warning",
        why="Nobody can tell from the repository whether it was.",
        default=False,
    ),
)


class Base(BaseModel):
    """Forbids unknown fields, so that a reader of the JSON can trust its shape."""

    model_config = ConfigDict(extra="forbid")


class Check(Base):
    """One thing that was looked at for one tick."""

    rule: str = Field(
        description="TICK-FILE, TICK-SYMBOL, TICK-TEST, TICK-COMPILE, TICK-REMOVED, TICK-PART, TICK-RECORD"
    )
    subject: str = Field(description="The path or name it is about")
    outcome: Outcome
    message: str
    near: list[str] = Field(default=[], description="Files or names like it that do exist")
    found: str = Field(default="", description="The file that was found for the path, relative to the repository")
    commit: str = Field(default="", description="The commit that renamed or deleted it, or that holds the task")


class TickAudit(Base):
    """A ticked task."""

    key: str
    title: str
    path: str = Field(description="The document, relative to the repository")
    line: int
    verdict: Verdict
    reason: str = Field(description="One sentence: why this verdict")
    checks: list[Check] = []
    unticked: bool = Field(default=False, description="--fix has taken the tick away")


class FeatureAudit(Base):
    """The ticked tasks of one feature."""

    name: str
    path: str = Field(description="Its tasks file, relative to the repository")
    dialect: str
    tasks: int = Field(description="All its tasks, ticked or not")
    ticks: list[TickAudit] = []

    def count(self, verdict: Verdict) -> int:
        """How many ticks have the verdict."""
        return sum(tick.verdict == verdict for tick in self.ticks)


class Totals(Base):
    """Counts over all features."""

    features: int = 0
    ticked: int = 0
    verified: int = 0
    unsupported: int = 0
    contradicted: int = 0


class Audit(Base):
    """Everything an audit found."""

    root: str
    ran: bool = Field(description="Whether tests and pipelines were run (not with --no-run)")
    features: list[FeatureAudit] = []
    notes: list[str] = Field(default=[], description="What limits the whole audit: a shallow clone, no pytest, …")
    skipped: list[str] = Field(default=[], description="Features that could not be read, and why")
    totals: Totals = Totals()

    @property
    def contradicted(self) -> list[TickAudit]:
        """The ticks that are surely false."""
        return [tick for feature in self.features for tick in feature.ticks if tick.verdict == "contradicted"]

    @property
    def unsupported(self) -> list[TickAudit]:
        """The ticks that nothing shows."""
        return [tick for feature in self.features for tick in feature.ticks if tick.verdict == "unsupported"]

    def findings(self, *, strict: bool = False) -> list[Finding]:
        """One finding for each thing that contradicts a tick, at the tick's line; with `strict` the unsupported too."""
        found = [
            Finding(
                rule=check.rule,
                path=tick.path,
                line=tick.line,
                message=f"{tick.key} is ticked, but {check.message}.{near_words(check)}",
            )
            for tick in self.contradicted
            for check in tick.checks
            if check.outcome == "false"
        ]
        return found + [
            Finding(
                rule="TICK-UNSUPPORTED",
                path=tick.path,
                line=tick.line,
                severity="warning",
                message=f"{tick.key} is ticked, and nothing shows that it was done: {tick.reason}",
            )
            for tick in (self.unsupported if strict else [])
        ]


def near_words(check: Check) -> str:
    """` Near: a, b.` or nothing."""
    return f" Near: {', '.join(check.near)}." if check.near else ""


def count_all(features: list[FeatureAudit]) -> Totals:
    """The counts of all features together."""
    return Totals(
        features=len(features),
        ticked=sum(len(feature.ticks) for feature in features),
        verified=sum(feature.count("verified") for feature in features),
        unsupported=sum(feature.count("unsupported") for feature in features),
        contradicted=sum(feature.count("contradicted") for feature in features),
    )
