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

LinkKind = Literal["named", "file", "task", "words", "story", "near", "unsure", "empty"]
"""How a test is linked: it names the id; its file does; a tests task cites the id, and the test uses what the tasks
made; (scenarios) the same by the story, and the test shares words or not; (requirements that no task cites) it shares
words, and uses what any task made; it uses nothing that the tasks made; it would
be linked, but asserts nothing."""
SHOWS: tuple[LinkKind, ...] = ("named", "file", "task", "words")
"""The links that let a passed test show a criterion; the others are only told."""


class TaskEvidence(BaseModel):
    """What is known of a task when the table is made."""

    model_config = ConfigDict(extra="forbid")

    key: str
    roles: list[Role] = []
    state: TaskState = "open"
    commit: str | None = None
    files: list[str] = Field(default=[], description="Files it names or its commit changed")
    gates: list[str] = Field(default=[], description="Gates that passed")
    not_verified: list[str] = Field(default=[], description="What its gates could not show on this machine")

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
    by: str = Field(default="", description="The task, name or words that link it")


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
    gap: bool = Field(default=False, description="No task and no test has to do with it")
    lowered_from: Verdict | None = Field(default=None, description="The verdict before the reviewer lowered it")

    @property
    def shown_by(self) -> list[str]:
        """The node ids of the tests that passed and show it."""
        return [test.nodeid for test in self.tests if test.outcome == "passed" and test.link in SHOWS]


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
