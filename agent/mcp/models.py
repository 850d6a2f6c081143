"""What the tools answer."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

RunState = Literal[
    "starting", "running", "verified", "partly", "budget", "interrupted", "error", "unfinished", "nothing-to-do"
]


class Model(BaseModel):
    """Base of the answers."""

    model_config = ConfigDict(extra="forbid")


class TaskState(Model):
    """A task of a run."""

    id: str
    title: str = ""
    role: str = ""
    state: Literal["verified", "failed", "skipped", "working", "waiting"]
    attempts: int = 0
    commit: str | None = None
    why: str = Field(default="", description="Why it is not verified")


class RunStatus(Model):
    """Where a run stands."""

    run: str = ""
    feature: str = ""
    state: RunState = Field(description="running and starting: ask again; everything else is the end")
    message: str = ""
    tasks: list[TaskState] = []
    verified: int = 0
    branch: str = Field(default="", description="Holds the verified work, one commit a task")
    final_check: bool | None = Field(default=None, description="None: not run yet")
    calls: int = Field(default=0, description="Calls of the model")
    tokens: int = 0
    seconds: float = 0.0
    next: str = Field(default="", description="What can be done now")


class GateView(Model):
    """What a gate saw."""

    gate: str
    passed: bool
    summary: str
    failures: list[str] = []
    warnings: list[str] = []
    not_verified: list[str] = Field(default=[], description="What could not be looked at on this machine")


class TaskVerdict(Model):
    """All gates of a task."""

    task: str
    passed: bool
    gates: list[GateView] = []


class Verification(Model):
    """What `verify` saw."""

    feature: str
    passed: bool
    tasks: list[TaskVerdict] = []


class RunReport(Model):
    """The report of a run."""

    run: str
    feature: str
    state: str
    ready: bool = Field(description="Ready for review and a trial deployment")
    readiness: str
    verified: list[str] = []
    not_verified: list[str] = []
    branch: str = ""
    markdown: str = Field(description="The whole report, for a person")


class CommandResult(Model):
    """What a command of kfpilot said."""

    ok: bool = Field(description="Exit code 0")
    exit_code: int
    result: Any = Field(default=None, description="What the command prints with --json")
    message: str = ""
