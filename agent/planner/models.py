"""The execution plan: which task, in which order, by which role, judged by which gates."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

Role = Literal["code", "tests", "docs", "infra"]
ROLES: tuple[Role, ...] = ("code", "tests", "docs", "infra")
"""In order of priority."""


class PlannedTask(BaseModel):
    """One open task, ready to be given to a worker."""

    id: str = Field(description="The task's key in tasks.md")
    title: str
    role: Role
    also: list[Role] = Field(default=[], description="Further roles, when one task names files of several")
    story: str | None = None
    priority: str | None = Field(default=None, description="The story's priority: P1 …")
    files: list[str] = Field(default=[], description="Files it names, relative to the repository's root")
    depends_on: list[str] = Field(default=[], description="Tasks without which this one cannot be done")
    gates: list[str] = []
    refs: list[str] = Field(default=[], description="Acceptance references: FR-001, SC-002, US1/AS2")
    line: int = 0


class Skipped(BaseModel):
    """A task that this plan leaves out, and why."""

    id: str
    why: str


class PlanWarning(BaseModel):
    """Something about the documents that a person should see before work starts."""

    code: str
    message: str
    line: int | None = None


class ExecutionPlan(BaseModel):
    """Waves of tasks; the tasks of one wave depend on nothing that comes later."""

    feature: str
    waves: list[list[PlannedTask]] = []
    skipped: list[Skipped] = []
    warnings: list[PlanWarning] = []
    source: Literal["documents", "refined"] = "documents"

    @property
    def tasks(self) -> list[PlannedTask]:
        """All planned tasks in the order of work."""
        return [task for wave in self.waves for task in wave]
