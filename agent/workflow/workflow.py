"""The whole life of a run, as a LangGraph graph.

    prepare ─► tasks ─► finish ─► review

`tasks` works all tasks, each a graph of its own (`taskwork`), several side by side. Each node can be run again: it
starts from git and the record, not from what an earlier try left behind.
"""

from __future__ import annotations

import time
from itertools import pairwise
from typing import Any, TypedDict

from pydantic import ValidationError

from ...tools import git
from ...tools.pytest_run import TestRun, regressions
from ..events import BaselineReady, FinalCheck, Notice, TaskFinished, read_journal
from ..verifier.change_coverage import change_coverage
from ..verifier.final import check_branch
from ..verifier.models import Verdict
from ..verifier.red_green import waiting
from .acceptance import ask_reviewer, make_table
from .clean_record import clean_failure, write_clean
from .landing import evidence_file
from .lanes import work_tasks
from .session import Run, still_waiting
from .taskwork import work_task


class State(TypedDict, total=False):
    """What a checkpoint keeps of the run; what came of each task is in git and in the journal."""

    red: dict[str, list[str]]
    outcomes: dict[str, str]


def build(run: Run, checkpointer: Any) -> Any:
    """The graph of a run.

    Args:
        run: What the nodes share.
        checkpointer: Keeps the state after each node.
    """
    from langgraph.graph import END, START, StateGraph

    def tasks(run: Run, state: State) -> State:
        settle_what_is(run, state["red"])
        work_tasks(run, lambda lane, task: work_task(lane, task, checkpointer))
        return {"outcomes": dict(run.outcomes)}

    graph = StateGraph(State)
    nodes = {"prepare": prepare, "tasks": tasks, "finish": finish, "review": review}
    for name, node in nodes.items():
        graph.add_node(name, bound(node, run))
    names = [START, *nodes, END]
    for before, after in pairwise(names):
        graph.add_edge(before, after)
    return graph.compile(checkpointer=checkpointer)


def bound(node: Any, run: Run) -> Any:
    """The node with its run; it is not begun when the run is to stop."""

    def call(state: State) -> State:
        run.stop.check()
        with clean_failure():
            return node(run, state)

    return call


def prepare(run: Run, state: State) -> State:
    """Run the tests as they are: what passes now must pass at the end, what waits for a task is due with it."""
    head = run.head()
    git.restore(run.place.worktree, head)
    started = time.monotonic()
    done = run.bench.run_tests(run.place.worktree, coverage=True)
    run.keep_baseline(head, done)
    seconds = round(time.monotonic() - started, 2)
    run.emit(BaselineReady(counts=done.counts, coverage=done.coverage, seconds=seconds))
    if baseline_of(run) is None:
        write_clean(run.place.record / "baseline.json", done)
    if not done.tests and done.exit_code not in (0, 5):
        message = f"the tests could not be run before the work began: {done.output[-500:]}"
        run.emit(Notice(level="warning", code="baseline-broken", message=message))
    return {"red": waiting(done, run.plan.tasks, run.documents())}


def baseline_of(run: Run) -> TestRun | None:
    """The tests as they were before the run; None if that is not known."""
    try:
        text = (run.place.record / "baseline.json").read_text(encoding="utf-8")
        return TestRun.model_validate_json(text)
    except (OSError, ValidationError):
        return None


def settle_what_is(run: Run, red: dict[str, list[str]]) -> None:
    """What came of tasks before this process: git says what is verified, the journal what was given up.

    A task whose commit stands on the branch, but whose end was not told any more, is told now.
    """
    told = {event.task: event for event in read_journal(run.journal.path) if isinstance(event, TaskFinished)}
    planned = {task.id for task in run.plan.tasks}
    run.outcomes, run.red = {}, dict(red)
    for key, sha in run.committed().items():
        verdict = evidence_of(run, key)
        run.outcomes[key] = "verified"
        run.red |= verdict.red if verdict else {}
        last = told.get(key)
        if key in planned and not (last and last.outcome == "verified" and last.commit == sha):
            files = [path for path in files_in(run, sha) if path != tasks_file(run)]
            digest = verdict.digest if verdict else None
            mended = verdict.mended.files if verdict and verdict.mended else []
            run.emit(
                TaskFinished(task=key, outcome="verified", commit=sha, files=files, evidence=digest, mended=mended)
            )
    for key, last in told.items():
        # Verified without a commit: there was nothing to change and no box to tick.
        given_up = last.outcome == "failed" and not last.over_budget
        if key in planned and (given_up or (last.outcome == "verified" and last.commit is None)):
            run.outcomes.setdefault(key, last.outcome)
    run.red = still_waiting(run.red, run.outcomes)


def evidence_of(run: Run, key: str) -> Verdict | None:
    """The kept verdict of a task; None if it cannot be read."""
    try:
        return Verdict.model_validate_json(evidence_file(run.place.record, key).read_text(encoding="utf-8"))
    except (OSError, ValidationError):
        return None


def files_in(run: Run, sha: str) -> list[str]:
    """The files of a commit."""
    names = run.repo.git.diff_tree("-r", "--root", "--no-commit-id", "--name-only", "-z", sha).split("\0")
    return sorted(name for name in names if name)


def tasks_file(run: Run) -> str:
    """The path of tasks.md in the repository."""
    return run.documents().tasks.path.relative_to(run.place.worktree).as_posix()


def finish(run: Run, state: State) -> State:
    """Everything once more on the branch's head: the whole suite with coverage, against the start."""
    git.restore(run.place.worktree, run.head())
    started = time.monotonic()
    done = run.bench.run_tests(run.place.worktree, coverage=True)
    failures = [f"{case.nodeid} {case.outcome}" for case in done.tests if case.outcome in ("failed", "error")]
    before = baseline_of(run)
    if before is not None:
        failures += regressions(before, done)
        old = {case.nodeid for case in before.tests if case.outcome in ("failed", "error")}
        failures = [line for line in failures if line.rsplit(" ", 1)[0] not in old]
    failures = list(dict.fromkeys(failures))
    if done.timed_out:
        failures.append("the suite did not end within its time limit")
    change = change_coverage(run.place.worktree, run.place.start, done)
    least = run.settings.min_change_coverage
    if least and change is not None and change.percent < least:
        missing = ", ".join(change.uncovered)
        failures.append(f"the tests execute {change.percent:g} % of the added lines, less than {least} %: {missing}")
    branch = check_branch(run.bench, run.repo, run.place.worktree, run.place.start, run.documents())
    failures += branch.failures
    for unseen in branch.unseen:
        run.emit(Notice(level="warning", code="not-verified", message=unseen))
    run.emit(
        FinalCheck(
            counts=done.counts,
            coverage=done.coverage,
            change_coverage=change.percent if change and change.lines else None,
            uncovered=change.uncovered if change else [],
            passed=not failures,
            failures=failures,
            seconds=round(time.monotonic() - started, 2),
        )
    )
    tell_waiting(run, state["outcomes"])
    make_table(run, done, state["outcomes"])
    return {}


def tell_waiting(run: Run, outcomes: dict[str, str]) -> None:
    """Tests that were verified as rightly red, and whose code did not come: their ticks stand, so this is said."""
    red: dict[str, list[str]] = {}
    for key in run.committed():
        verdict = evidence_of(run, key)
        red |= verdict.red if verdict else {}
    for path, waits in sorted(red.items()):
        left = [key for key in waits if outcomes.get(key) != "verified"]
        if left:
            message = f"{path} is red: it was written first and waits for {', '.join(left)}, not verified"
            run.emit(Notice(level="warning", code="tests-wait", message=message))


def review(run: Run, state: State) -> State:
    """A reader's view of the whole; a node of its own, so that a run killed in it need not test everything again."""
    ask_reviewer(run, state["outcomes"])
    return {}
