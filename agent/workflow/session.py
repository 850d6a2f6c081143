"""What the nodes of a run share and a checkpoint cannot hold: the repository, the model, the bench, the journal."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ...tools import git
from ..documents import load_feature
from ..documents.models import Feature
from ..events import Journal
from ..models.handle import Handle
from ..planner.models import ExecutionPlan, PlannedTask
from ..settings import Settings
from ..verifier.bench import Bench
from ..verifier.context import GateContext
from ..workers.job import Job, Session, Worker
from .place import Place, task_commits

if TYPE_CHECKING:
    from git import Repo


@dataclass
class Run:
    """A run in this process. Everything that must outlive the process is in git, the record or the checkpoint."""

    repo: Repo
    place: Place
    settings: Settings
    journal: Journal
    bench: Bench
    handle: Handle
    worker: Worker
    plan: ExecutionPlan = field(default_factory=lambda: ExecutionPlan(feature=""))
    tree: str = ""
    resumed: bool = False
    session: Session | None = None
    session_task: str = ""

    def emit(self, event: Any) -> None:
        """Into the one stream."""
        self.journal.emit(event)

    def head(self) -> str:
        """The run branch's head; the start while nothing is committed."""
        return git.branch_head(self.repo, self.place.branch) or self.place.start

    def documents(self) -> Feature:
        """The feature's documents as they stand in the worktree."""
        return load_feature(self.place.worktree / self.place.directory, self.place.worktree)

    def planned(self, key: str) -> PlannedTask:
        """The planned task of that key."""
        return next(task for task in self.plan.tasks if task.id == key)

    def committed(self) -> dict[str, str]:
        """Task -> commit, for all that stands on the run branch since the run began: git is the truth."""
        span = f"{self.place.start}..{self.head()}"
        return {task: sha for sha, task in task_commits(self.repo, span, self.place.feature)}

    def later(self, done: dict[str, str]) -> list[PlannedTask]:
        """Planned tasks without an outcome yet."""
        return [task for task in self.plan.tasks if task.id not in done]

    def job(self, task: PlannedTask, base: str) -> Job:
        """What the worker gets."""
        return Job(
            task=task,
            feature=self.documents(),
            worktree=self.place.worktree,
            base=base,
            settings=self.settings,
            emit=self.emit,
            words=self.place.request.words,
            tree=self.tree,
        )

    def context(self, task: PlannedTask, base: str, done: dict[str, str], red: dict[str, list[str]]) -> GateContext:
        """What the gates get."""
        return GateContext(
            task=task,
            feature=self.documents(),
            worktree=self.place.worktree,
            base=base,
            bench=self.bench,
            later=[other for other in self.later(done) if other.id != task.id],
            # Only what is still awaited: a test that waits for two tasks is due with the second.
            red={path: [key for key in waits if done.get(key) != "verified"] for path, waits in red.items()},
        )
