"""What the steps of a run share and a checkpoint cannot hold: the repository, the model, the benches, the journal."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...tools import git
from ...tools.pytest_run import TestRun
from ..budgets import Ledger, Limits
from ..documents.models import Feature
from ..events import Journal, ModelCalled
from ..models.handle import Handle
from ..planner.models import ExecutionPlan, PlannedTask
from ..planner.paths import own_files
from ..settings import Settings
from ..verifier.bench import Bench
from ..verifier.compiled import compile_in
from ..verifier.context import GateContext
from ..workers.job import Job, Session, Worker
from .already import done_before
from .place import Place, task_commits
from .selecting import documents_in
from .stopping import Stop, Stopped
from .turns import Turns, places_for

if TYPE_CHECKING:
    from git import Repo

KEPT_BASELINES = 8
"""Runs of the tests, by commit, that are remembered beyond one for each task at work."""


@dataclass
class Run:
    """A run in this process. Everything that must outlive the process is in git, the record or the checkpoint.

    Attributes:
        outcomes: What came of each task so far.
        red: Test files that were written first and still wait, with the tasks they wait for.
        settled: Told when a task has got its outcome.
        landing: Held by whoever reads the branch's head in order to move it.
        state: Held for a moment by whoever reads or writes `outcomes` or `red`.
        baselines: The tests as they are on a commit; `baseline_lock` is held while they run.
    """

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
    jobs: int = 1
    outcomes: dict[str, str] = field(default_factory=dict)
    red: dict[str, list[str]] = field(default_factory=dict)
    baselines: dict[str, TestRun] = field(default_factory=dict)
    landing: threading.Lock = field(default_factory=threading.Lock)
    state: threading.Lock = field(default_factory=threading.Lock)
    baseline_lock: threading.Lock = field(default_factory=threading.Lock)
    settled: threading.Condition = field(default_factory=threading.Condition)
    stop: Stop = field(default_factory=Stop)
    ledger: Ledger = field(default_factory=lambda: Ledger(Limits(), Limits()))

    def __post_init__(self) -> None:
        self.turns = Turns(places_for(self.jobs))
        self.desk = threading.Semaphore(self.jobs)

    def emit(self, event: Any) -> None:
        """Into the one stream; a thread that outlives its run has nothing to say any more."""
        if self.stop.halted.is_set() and threading.current_thread() is not threading.main_thread():
            raise Stopped
        self.journal.emit(self.ledger.stamp(event))

    def head(self) -> str:
        """The run branch's head; the start while nothing is committed."""
        return git.branch_head(self.repo, self.place.branch) or self.place.start

    def documents(self) -> Feature:
        """The feature's documents as they stand in the run's own worktree."""
        return documents_in(self.place, self.place.worktree)

    def planned(self, key: str) -> PlannedTask:
        """The planned task of that key."""
        return next(task for task in self.plan.tasks if task.id == key)

    def committed(self) -> dict[str, str]:
        """Task -> commit, for all that stands on the run branch since the run began: git is the truth."""
        span = f"{self.place.start}..{self.head()}"
        return {task: sha for sha, task in task_commits(self.repo, span, self.place.feature)}

    def settle(self, key: str, outcome: str, red: dict[str, list[str]] | None = None) -> None:
        """Set what came of a task, and which test files wait from now on because of it."""
        with self.state:
            self.outcomes[key] = outcome
            if red is not None:
                self.red = still_waiting(self.red, self.outcomes) | red
        with self.settled:
            self.settled.notify_all()

    def keep_baseline(self, commit: str, tests: TestRun) -> None:
        """Remember the tests of a commit, and forget those of old ones."""
        self.baselines[commit] = tests
        while len(self.baselines) > KEPT_BASELINES + self.jobs:
            self.baselines.pop(next(iter(self.baselines)))


@dataclass
class Lane:
    """Where one task at a time is worked: a worktree, a bench, the conversation with the worker.

    Attributes:
        base: The commit the worktree was last put to; empty when it is not known.
        session: The conversation about `session_task`; None when there is none in this process.
        author: The conversation with the author of tests while the code role has them.
        tell: Tells the scheduler that the task is done with the model for now, or there again.
    """

    run: Run
    worktree: Path
    bench: Bench
    base: str = ""
    session: Session | None = None
    session_task: str = ""
    author: Session | None = None
    tell: Callable[[Any], None] = lambda what: None

    def put(self, commit: str) -> None:
        """The worktree at a commit, without anything else in it."""
        if self.worktree not in git.list_worktrees(self.run.repo):
            git.add_worktree(self.run.repo, self.worktree, commit)
        else:
            git.restore(self.worktree, commit)
        self.base = commit

    def set_baseline(self, base: str) -> None:
        """The tests as they are on a commit, as what the gates compare with. They are run if nobody has yet.

        The worktree, which stands at that commit, keeps what it holds.
        """
        with self.run.baseline_lock:
            if base not in self.run.baselines:
                held = git.tree_hash(self.worktree)
                self.put(base)
                self.run.keep_baseline(base, self.bench.run_tests(self.worktree))
                put_back(self.worktree, held)
            self.bench.baseline = self.run.baselines[base]

    def emit(self, event: Any) -> None:
        """Tell an event of the task. A model's answer ends a step: a run that is to stop begins no other one."""
        self.run.emit(event)
        if isinstance(event, ModelCalled):
            self.run.stop.check()

    def documents(self) -> Feature:
        """The feature's documents as they stand in the worktree."""
        return documents_in(self.run.place, self.worktree)

    def job(self, task: PlannedTask, base: str) -> Job:
        """What the worker gets."""
        return Job(
            task=task,
            feature=self.documents(),
            worktree=self.worktree,
            base=base,
            settings=self.run.settings,
            emit=self.emit,
            words=self.run.place.request.words,
            tree=self.run.tree,
            compiled=lambda paths: compile_in(self.bench, self.worktree, paths),
        )

    def context(self, task: PlannedTask, base: str, tree: str = "") -> GateContext:
        """What the gates get; `tree` is what the worktree holds, where that is known."""
        with self.run.state:
            done, red = dict(self.run.outcomes), dict(self.run.red)
        feature, already = self.documents(), {}
        if not self.run.worker.fresh_tree and not git.changed_files(self.worktree, base, tree):
            already = done_before(self.run.repo, self.run.place.feature, task, feature.task(task.id), base)
        return GateContext(
            task=task,
            feature=feature,
            worktree=self.worktree,
            base=base,
            only=own_files(task) if already else None,
            asked=bool(already),
            already=already,
            bench=self.bench,
            later=[other for other in self.run.plan.tasks if other.id not in done and other.id != task.id],
            # Only what is still awaited: a test that waits for two tasks is due with the second.
            red={path: [key for key in waits if done.get(key) != "verified"] for path, waits in red.items()},
        )


def still_waiting(red: Mapping[str, list[str]], outcomes: Mapping[str, str]) -> dict[str, list[str]]:
    """The test files that wait for a task without an outcome."""
    return {path: list(waits) for path, waits in red.items() if set(waits) - set(outcomes)}


def put_back(worktree: Path, tree: str) -> None:
    """The worktree's files as they were when the tree was taken."""
    left = git.changed_files(worktree, tree)
    if left:
        git.restore(worktree, tree, left)
