"""What the documents say, with the file and line where they say it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

TaskState = Literal["open", "in_progress", "done", "deferred"]
Dialect = Literal["spec-kit", "kiro", "openspec", "headings"]


class Node(BaseModel):
    """Anything that stands on a line of a document (lines are 1-based)."""

    model_config = ConfigDict(extra="forbid")

    line: int = 0


class Note(Node):
    """A line of prose that matters by itself: an edge case, an assumption, an open clarification, an entity."""

    text: str


class Scenario(Node):
    """A numbered acceptance scenario of a user story. Its reference is `US1/AS2`; OpenSpec's have a title."""

    number: int
    title: str = ""
    text: str
    given: str = ""
    when: str = ""
    then: str = ""


class Story(Node):
    """A user story: `### User Story 1 - Title (Priority: P1)`."""

    key: str = Field(description="US1, US2.5 …")
    title: str
    priority: str | None = Field(default=None, description="P1, P2 …")
    text: str = ""
    why: str = ""
    independent_test: str = ""
    scenarios: list[Scenario] = []


class Requirement(Node):
    """A functional requirement (FR-001) or success criterion (SC-001)."""

    id: str = Field(description="FR-001; OpenSpec: its title")
    text: str
    kind: str = Field(
        description="The letters before the dash: FR, SC, NFR …; REMOVED for what an OpenSpec delta removes"
    )
    path: Path | None = Field(default=None, description="The document, where it is not the spec itself")
    scenarios: list[Scenario] = Field(default=[], description="OpenSpec's, which stand below their requirement")
    clarification: str | None = Field(default=None, description="Text of its [NEEDS CLARIFICATION: …]")


class Spec(BaseModel):
    """spec.md (Kiro: requirements.md, OpenSpec: proposal.md)."""

    path: Path
    title: str = ""
    header: dict[str, str] = Field(default={}, description="The bold header lines: Feature Branch, Status, Input …")
    introduction: str = Field(default="", description="What stands under Introduction (Kiro)")
    stories: list[Story] = []
    requirements: list[Requirement] = []
    criteria: list[Requirement] = []
    edge_cases: list[Note] = []
    entities: list[Note] = []
    assumptions: list[Note] = []
    clarifications: list[Note] = Field(default=[], description="Every open [NEEDS CLARIFICATION] of the file")


class DesignPart(Node):
    """A section of a design: what it says of a component, of the data, of errors."""

    title: str
    text: str = Field(description="Its lines as written, code included")


class Plan(BaseModel):
    """plan.md (Kiro and OpenSpec: design.md)."""

    path: Path
    title: str = ""
    summary: str = ""
    context: dict[str, str] = Field(default={}, description="Technical Context: Language/Version, Testing, …")
    structure: list[str] = Field(default=[], description="The code blocks under Project Structure, verbatim")
    paths: list[str] = Field(default=[], description="File paths the structure names, joined from the trees")
    constraints: list[Note] = []
    design: list[DesignPart] = Field(default=[], description="The sections of a design.md that tell how it is built")
    places: dict[str, str] = Field(default={}, description="The file in which the design puts a function or class")


class Task(Node):
    """One task of tasks.md. `key` is unique in the file whatever its author wrote."""

    key: str = Field(description="The id; T003#2 for a second T003; L17 for a task without id on line 17")
    id: str | None = None
    end_line: int = 0
    state: TaskState = "open"
    mark: str | None = Field(default=None, description="The character between the brackets; None without a checkbox")
    mark_offset: int | None = Field(default=None, description="Byte offset of that character in the file")
    digest: str = Field(default="", description="SHA-256 (hex) of the line with its mark blanked")
    raw: str = Field(default="", description="The task's lines as written")
    title: str = Field(default="", description="The description without id, tags, state words")
    details: list[str] = Field(default=[], description="Nested bullets and wrapped lines, in order")
    parallel: bool = False
    optional: bool = False
    stories: list[str] = []
    phase: str | None = Field(default=None, description="Heading of its phase")
    phase_number: float | None = None
    files: list[str] = Field(default=[], description="Paths it names, relative to the repository, in order")
    symbols: list[str] = Field(default=[], description="Code names it gives in backticks that are not paths")
    depends_on: list[str] = Field(default=[], description="Ids it says it depends on")
    refs: list[str] = Field(default=[], description="FR-001, SC-002, Kiro's 1.2, US1/AS2")
    children: list[str] = Field(default=[], description="Keys of the tasks right below it: by number, or nested in it")


class Phase(Node):
    """A phase heading of tasks.md."""

    title: str
    number: float | None = None
    kind: Literal["setup", "foundational", "story", "polish", "convergence", "other"] = "other"
    stories: list[str] = []
    goal: str = ""
    independent_test: str = ""
    checkpoint: str = ""


class Warn(Node):
    """Something a user should know about a document; never a reason to stop."""

    code: str = Field(description="kebab-case, stable: duplicate-id, phantom-tick, open-clarification …")
    message: str
    path: Path | None = None


class TaskList(BaseModel):
    """tasks.md."""

    path: Path
    dialect: Dialect = "spec-kit"
    tasks: list[Task] = []
    phases: list[Phase] = []
    warnings: list[Warn] = []


class Checklist(BaseModel):
    """checklists/*.md: owned by reviewers, never tasks."""

    path: Path
    done: int = 0
    open: list[Note] = []


class Feature(BaseModel):
    """A feature's documents together."""

    name: str = Field(description="The folder's name: 001-late-orders")
    root: Path = Field(description="The repository's root, absolute")
    directory: Path = Field(description="The feature's folder, absolute")
    dialect: Dialect = "spec-kit"
    spec: Spec | None = None
    plan: Plan | None = None
    tasks: TaskList
    constitution: Path | None = None
    steering: list[str] = Field(default=[], description="Kiro's rules for every task, from .kiro/steering")
    extras: dict[str, Path] = Field(
        default={}, description="research, data-model, quickstart, contracts/<name>: file by its name"
    )
    checklists: list[Checklist] = []

    def task(self, key: str) -> Task:
        """The task of that key or id (first match); KeyError if there is none."""
        for task in self.tasks.tasks:
            if key in (task.key, task.id):
                return task
        raise KeyError(key)
