"""The acceptance table: one row for every requirement, success criterion and scenario."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from ..planner.cover import CriterionKind
from ..planner.models import Role

Verdict = Literal["met", "partly", "open", "not verifiable here"]
VERDICTS: tuple[Verdict, ...] = ("met", "partly", "open", "not verifiable here")

TaskState = Literal["verified", "ticked", "open", "failed", "skipped", "deferred"]
"""`verified`: a commit holds it that the verifier saw pass. `ticked`: only the box in tasks.md says so."""

LinkKind = Literal["named", "file", "task", "written", "words", "story", "near", "unsure", "empty"]
"""How a test is linked: it names the id; its file does; a tests task cites the id, and the test uses what the tasks
made; a tests task that cites nothing is for the code of a task that cites the id, and the test uses it;
(scenarios) the same by the story, and the test shares words or not; (requirements that no task cites) it shares
words, and uses what any task made; it uses nothing that the tasks made; it would
be linked, but asserts nothing."""
SHOWS: tuple[LinkKind, ...] = ("named", "file", "task", "written", "words")
"""The links that let a passed test show a criterion, the strongest first; the others are only told."""
EVIDENCE = 3
"""Tests that are named for a criterion, at the most."""


class TaskEvidence(BaseModel):
    """What is known of a task when the table is made."""

    model_config = ConfigDict(extra="forbid")

    key: str
    roles: list[Role] = []
    state: TaskState = "open"
    optional: bool = Field(default=False, description="It may be left out, and nothing lacks for that")
    commit: str | None = None
    files: list[str] = Field(default=[], description="Files it names or its commit changed")
    gates: list[str] = Field(default=[], description="Gates that passed")
    not_verified: list[str] = Field(default=[], description="What its gates could not show on this machine")
    noticed: int | None = Field(default=None, description="Changes of code that tests noticed; None if none was tried")
    earlier: list[str] = Field(default=[], description="Tests in its files that stood there before, as they are")

    @property
    def done(self) -> bool:
        """Verified, or at least said to be done."""
        return self.state in ("verified", "ticked")


class TestLink(BaseModel):
    """A test that has to do with a criterion."""

    __test__: ClassVar[bool] = False
    model_config = ConfigDict(extra="forbid")

    nodeid: str
    outcome: str
    link: LinkKind
    by: str = Field(default="", description="The task or name that links it")
    weight: float = Field(default=0.0, description="How much of the criterion's words and values it has")
    speaks: bool = Field(default=False, description="No other test that shows it has clearly more of them")
    earlier: bool = Field(default=False, description="It stood there before the task that it is linked by")


class Row(BaseModel):
    """One line of the table."""

    model_config = ConfigDict(extra="forbid")

    id: str
    kind: CriterionKind
    text: str = Field(description="Shortened")
    where: str = Field(description="file:line in the specification")
    verdict: Verdict
    reason: str
    tests: list[TestLink] = []
    tasks: list[str] = []
    commits: list[str] = []
    unseen: list[str] = Field(default=[], description="What its tasks' gates could not show on this machine")
    gap: bool = Field(default=False, description="No task and no test has to do with it")
    lowered_from: Verdict | None = Field(default=None, description="The verdict before the reviewer lowered it")

    @property
    def shown_by(self) -> list[str]:
        """The node ids of the tests that passed and show it."""
        return [test.nodeid for test in self.tests if test.outcome == "passed" and test.link in SHOWS]

    @property
    def evidence(self) -> list[str]:
        """Of these the few that speak most of it, each once whatever its parameters; any, if none speaks of it."""
        shown = [test for test in self.tests if test.outcome == "passed" and test.link in SHOWS]
        best = [test for test in shown if test.speaks or test.link in ("named", "file")] or shown
        return list(dict.fromkeys(test.nodeid.partition("[")[0] for test in best))[:EVIDENCE]

    @property
    def why(self) -> str:
        """The reason, and what could not be seen."""
        return f"{self.reason}; not verified here: {'; '.join(self.unseen)}" if self.unseen else self.reason


def counts(rows: Iterable[Row]) -> dict[Verdict, int]:
    """How many rows have each verdict, in the order of `VERDICTS`."""
    verdicts = [row.verdict for row in rows]
    return {verdict: verdicts.count(verdict) for verdict in VERDICTS}


def say(rows: Iterable[Row]) -> str:
    """`7 met, 2 partly, 3 open (1 without a task)`."""
    rows = list(rows)
    parts = [f"{many} {verdict}" for verdict, many in counts(rows).items() if many]
    text = ", ".join(parts) or "nothing to show"
    gaps = sum(row.gap for row in rows)
    return f"{text} ({gaps} named by no task)" if gaps else text
