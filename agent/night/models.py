"""What a backlog says, and what is known of a night, as data."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AliasGenerator, BaseModel, BeforeValidator, ConfigDict, Field

from ..reports.models import Report
from ..settings import count_of

Gate = Literal["skip", "proceed"]
LandMode = Literal["branch", "push", "pull-request"]
Host = Literal["auto", "github", "gitlab"]
ItemState = Literal[
    "pending", "running", "verified", "done", "partly", "budget", "interrupted", "error", "skipped", "waiting"
]
NightState = Literal["running", "finished", "budget", "interrupted"]

CLOCK = re.compile(r"(?:[01]?\d|2[0-3]):[0-5]\d")


def priority_of(value: Any) -> Any:
    """`P1`, `p1` and `1` are the same priority."""
    if isinstance(value, str) and re.fullmatch(r"[Pp]?\d{1,3}", value.strip()):
        return int(value.strip().lstrip("Pp"))
    return value


def clock_of(value: Any) -> Any:
    """`06:00` stays as it is. Some readers of YAML take `6:00` for a number with a base of 60; ours does not."""
    if not isinstance(value, str) or not CLOCK.fullmatch(value.strip()):
        raise ValueError("write a time of the day like '06:00'")
    return value.strip()


Amount = Annotated[int, BeforeValidator(count_of)]
Priority = Annotated[int, BeforeValidator(priority_of), Field(ge=0, le=999)]
Clock = Annotated[str, BeforeValidator(clock_of)]


class Model(BaseModel):
    """Base of everything here; keys are written with dashes in a backlog."""

    model_config = ConfigDict(
        extra="forbid",
        populate_by_name=True,
        alias_generator=AliasGenerator(validation_alias=lambda name: name.replace("_", "-")),
    )


class Budget(Model):
    """What a feature, or a night, may use up; None is no limit."""

    tokens: Amount | None = Field(default=None, gt=0, description="Prompt and completion together, like 500k or 2M")
    calls: Amount | None = Field(default=None, gt=0, description="Calls of the model")
    minutes: float | None = Field(default=None, gt=0, description="Minutes of work")

    def over(self, other: Budget) -> Budget:
        """This budget, with the other's limits where it has none."""
        return Budget(
            tokens=self.tokens if self.tokens is not None else other.tokens,
            calls=self.calls if self.calls is not None else other.calls,
            minutes=self.minutes if self.minutes is not None else other.minutes,
        )


class Landing(Model):
    """What becomes of the verified work."""

    mode: LandMode = Field(default="branch", description="branch leaves it, push sends it, pull-request opens one too")
    remote: str = Field(default="origin", pattern=r"^[\w][\w.-]*$", description="Name of a configured remote")
    base: str | None = Field(default=None, description="Branch that the pull request goes to; else the one checked out")
    host: Host = Field(default="auto", description="auto looks at the remote's address")


class NightPart(Model):
    """What holds for the night as a whole."""

    budget: Budget = Field(default_factory=Budget)
    until: Clock | None = Field(default=None, description="No work begins or goes on after this time")


class Defaults(Model):
    """What holds for every feature that says nothing else."""

    budget: Budget = Field(default_factory=Budget)
    model: str | None = None
    gate: Gate = Field(default="skip", description="Open checklists or clarifications: skip the feature, or proceed")


class Wanted(Model):
    """A feature of the backlog."""

    path: str = Field(min_length=1, description="Its folder, its name or its number")
    repo: str | None = Field(default=None, description="Its repository, relative to the backlog; else where you are")
    name: str | None = Field(default=None, description="How others refer to it; else the folder's name")
    priority: Priority | None = Field(default=None, description="1 comes first; else that of its open stories")
    budget: Budget = Field(default_factory=Budget)
    model: str | None = None
    only_stories: list[str] = []
    only_tasks: list[str] = []
    words: str = Field(default="", description="Your own words to planner and workers")
    depends_on: list[str] = Field(default=[], description="Names of features that have to be verified before")
    gate: Gate | None = None


class Backlog(Model):
    """backlog.yaml."""

    night: NightPart = Field(default_factory=NightPart)
    defaults: Defaults = Field(default_factory=Defaults)
    landing: Landing = Field(default_factory=Landing)
    features: list[Wanted] = Field(min_length=1)


class Entry(BaseModel):
    """A feature as the night works it: everything said or left out is settled."""

    model_config = ConfigDict(extra="forbid")

    name: str
    root: Path
    feature: str = Field(description="The folder's name")
    directory: str = Field(description="Relative to the root")
    priority: int
    budget: Budget = Field(default_factory=Budget)
    model: str | None = None
    stories: list[str] = []
    tasks: list[str] = []
    words: str = ""
    depends_on: list[str] = []
    after: list[str] = Field(default=[], description="Branches of what it depends on, in its own repository")
    gate: Gate = "skip"
    open_tasks: int = 0
    problem: str = Field(default="", description="Why its documents cannot be read")


class Used(BaseModel):
    """What was used up."""

    model_config = ConfigDict(extra="forbid")

    tokens: int = 0
    calls: int = 0
    seconds: float = 0.0

    def plus(self, other: Used) -> Used:
        """Both together."""
        return Used(
            tokens=self.tokens + other.tokens,
            calls=self.calls + other.calls,
            seconds=round(self.seconds + other.seconds, 3),
        )


class Landed(BaseModel):
    """Where the work of a feature went."""

    model_config = ConfigDict(extra="forbid")

    mode: LandMode
    branch: str = ""
    head: str | None = None
    pushed: bool = False
    url: str = Field(default="", description="Of the pull request")
    problem: str = Field(default="", description="Why it did not get there")


class Item(BaseModel):
    """A feature and what the night made of it."""

    model_config = ConfigDict(extra="forbid")

    entry: Entry
    state: ItemState = "pending"
    why: str = ""
    person: str = Field(default="", description="What needs a person; empty when nothing does")
    run: str | None = None
    resumed: bool = False
    exit_code: int | None = None
    started: float | None = None
    ended: float | None = None
    used: Used = Field(default_factory=Used)
    landed: Landed | None = None
    report: Report | None = None

    @property
    def branch(self) -> str:
        """The run branch, as far as one is known."""
        return self.report.branch if self.report else ""


class Night(BaseModel):
    """nightly.json."""

    model_config = ConfigDict(extra="forbid")

    id: str
    home: Path
    state: NightState = "running"
    started: float
    ended: float | None = None
    deadline: float | None = None
    sessions: int = Field(default=1, description="1 + how often it was killed and started again")
    budget: Budget = Field(default_factory=Budget)
    landing: Landing = Field(default_factory=Landing)
    message: str = ""
    exit_code: int | None = None
    items: list[Item] = []

    @property
    def used(self) -> Used:
        """What all features used together."""
        total = Used()
        for item in self.items:
            total = total.plus(item.used)
        return total

    def item(self, name: str) -> Item:
        """The item of that name; KeyError if there is none."""
        for item in self.items:
            if item.entry.name == name:
                return item
        raise KeyError(name)
