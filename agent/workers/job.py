"""The interface between the workflow and a worker."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import BaseModel

from ..documents.models import Feature
from ..planner.models import PlannedTask
from ..settings import Settings
from ..verifier.models import Fault, HandBack

if TYPE_CHECKING:
    from ...tools.kfp_check import KfpModule


@dataclass
class Job:
    """One task for one worker.

    Attributes:
        task: What to do.
        feature: The documents.
        worktree: Where to do it. The worker writes here and nowhere else.
        base: The commit the worktree starts from.
        words: The user's own words for this run.
        tree: The repository's files at the start of the run, the same text for every task.
        emit: Takes events.
        compiled: Compiles files of the worktree in the sandbox; None where nobody can.
        handed: Given when the task's tests are written, and its code role is to look at the code they find fault with.
    """

    task: PlannedTask
    feature: Feature
    worktree: Path
    base: str
    settings: Settings
    emit: Callable[[Any], None]
    words: str = ""
    tree: str = ""
    notes: list[str] = field(default_factory=list)
    compiled: Callable[[list[str]], list[KfpModule]] | None = None
    handed: HandBack | None = None


class Feedback(BaseModel):
    """Why the attempt before was refused.

    Attributes:
        attempt: Its number.
        of: How many there may be.
        text: The findings, for the model.
        failures: The same, one by one.
        restored: The files are as they were at the start.
        fresh: The same failure came twice: the conversation starts anew as well.
    """

    attempt: int
    of: int
    text: str
    failures: list[str] = []
    restored: bool = False
    fresh: bool = False


class Session(Protocol):
    """A worker at one task: remembers what it said and saw between attempts.

    Attributes:
        fault: What the author of tests said, in the last attempt, is wrong with the code that they test.
    """

    fault: Fault | None

    def attempt(self, number: int, feedback: Feedback | None) -> str:
        """Work once; returns the worker's own summary, which decides nothing.

        Raises:
            ModelError: The endpoint failed for good.
            ToolFailure: The answer was of no use; the message is feedback for the next attempt.
        """


class Worker(Protocol):
    """Opens sessions. `fresh_tree` says that every attempt starts from the base (drafts do)."""

    kind: str
    attempts: int
    fresh_tree: bool

    def open(self, job: Job) -> Session:
        """A session for this job."""
