"""The whole life of a run, as a LangGraph graph.

    prepare ─► choose ─► work ─► judge ─► settle ─► choose … ─► finish ─► review
                           ▲        │
                           └────────┘ refused, attempts left

Each node can be run again: it starts from git and the record, not from what an earlier try left behind.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, TypedDict

from ...tools import git
from ...tools.pytest_run import TestRun, regressions
from ..errors import GateFailure, ToolFailure
from ..events import (
    AttemptFinished,
    AttemptStarted,
    BaselineReady,
    FinalCheck,
    GateFinished,
    Notice,
    TaskFinished,
    TaskStarted,
)
from ..planner.models import PlannedTask
from ..verifier.change_coverage import change_coverage
from ..verifier.final import check_branch
from ..verifier.models import Verdict
from ..verifier.red_green import waiting
from ..verifier.verify import verify
from ..workers.job import Feedback
from .acceptance import ask_reviewer, make_table
from .history import EVIDENCE_TRAILER, FEATURE_TRAILER, RUN_TRAILER, TASK_TRAILER
from .place import keep_patch, tick_file
from .session import Run
from .suspects import in_output

SUBJECTS = {"code": "feat", "tests": "test", "docs": "docs", "infra": "ci"}


class State(TypedDict, total=False):
    """What a checkpoint keeps; big texts stay in files."""

    outcomes: dict[str, str]
    red: dict[str, list[str]]
    task: str | None
    attempt: int
    base: str
    tree: str
    started: float
    feedback: dict[str, Any] | None
    failures: list[str]
    verdict: dict[str, Any] | None


def build(run: Run, checkpointer: Any) -> Any:
    """The graph of a run.

    Args:
        run: What the nodes share.
        checkpointer: Keeps the state after each node.
    """
    from langgraph.graph import END, START, StateGraph

    graph = StateGraph(State)
    for name, node in {
        "prepare": prepare,
        "choose": choose,
        "work": work,
        "judge": judge,
        "settle": settle,
        "finish": finish,
        "review": review,
    }.items():
        graph.add_node(name, bound(node, run))
    graph.add_edge(START, "prepare")
    graph.add_edge("prepare", "choose")
    graph.add_conditional_edges("choose", lambda state: "work" if state.get("task") else "finish", ["work", "finish"])
    graph.add_edge("work", "judge")
    graph.add_conditional_edges("judge", lambda state: after_judge(run, state), ["work", "settle"])
    graph.add_edge("settle", "choose")
    graph.add_edge("finish", "review")
    graph.add_edge("review", END)
    return graph.compile(checkpointer=checkpointer)


def bound(node: Any, run: Run) -> Any:
    """The node with its run."""

    def call(state: State) -> State:
        return node(run, state)

    return call


def prepare(run: Run, state: State) -> State:
    """Run the tests as they are: what passes now must pass at the end, what waits for a task is due with it."""
    done = ensure_baseline(run, announce=True)
    red = waiting(done, run.plan.tasks, run.documents())
    return {"outcomes": {}, "red": red, "task": None, "attempt": 0, "feedback": None, "failures": [], "verdict": None}


def ensure_baseline(run: Run, *, announce: bool = False) -> TestRun:
    """The tests on the branch's head; run once in this process, then kept up to date by `settle`."""
    if run.bench.baseline is None:
        git.restore(run.place.worktree, run.head())
        started = time.monotonic()
        run.bench.baseline = run.bench.run_tests(run.place.worktree, coverage=announce)
        if announce:
            done = run.bench.baseline
            seconds = round(time.monotonic() - started, 2)
            run.emit(BaselineReady(counts=done.counts, coverage=done.coverage, seconds=seconds))
            (run.place.record / "baseline.json").write_text(done.model_dump_json() + "\n", encoding="utf-8")
            if not done.tests and done.exit_code not in (0, 5):
                message = f"the tests could not be run before the work began: {done.output[-500:]}"
                run.emit(Notice(level="warning", code="baseline-broken", message=message))
    return run.bench.baseline


def choose(run: Run, state: State) -> State:
    """The next task whose dependencies are verified; tasks that cannot be reached any more are skipped."""
    outcomes = dict(state["outcomes"])
    for key in run.committed():
        outcomes.setdefault(key, "verified")
    for task in run.plan.tasks:
        if task.id in outcomes:
            continue
        lost = [other for other in task.depends_on if outcomes.get(other) in ("failed", "skipped")]
        if lost:
            outcomes[task.id] = "skipped"
            run.emit(TaskFinished(task=task.id, outcome="skipped", why=f"depends on {', '.join(lost)}, not verified"))
            continue
        run.session = None
        run.emit(TaskStarted(task=task.id, role=task.role, title=task.title))
        return {
            "outcomes": outcomes,
            "task": task.id,
            "attempt": 0,
            "base": run.head(),
            "started": time.time(),
            "feedback": None,
            "failures": [],
            "verdict": None,
        }
    return {"outcomes": outcomes, "task": None}


def work(run: Run, state: State) -> State:
    """One attempt of the worker."""
    task, base, attempt = run.planned(str(state["task"])), state["base"], state["attempt"] + 1
    feedback = Feedback.model_validate(state["feedback"]) if state.get("feedback") else None
    if run.session is None or run.session_task != task.id:
        # First attempt, or a resumed run: the conversation is gone, so the files start from the base as well.
        git.restore(run.place.worktree, base)
        run.session, run.session_task = run.worker.open(run.job(task, base)), task.id
        feedback = None
    elif run.worker.fresh_tree or (feedback and feedback.restored):
        git.restore(run.place.worktree, base)
    run.emit(AttemptStarted(task=task.id, attempt=attempt, of=run.worker.attempts))
    useless = ""
    try:
        run.session.attempt(attempt, feedback)
    except ToolFailure as error:
        useless = str(error)
    return {
        "attempt": attempt,
        "tree": git.tree_hash(run.place.worktree),
        "failures": [useless] if useless else [],
    }


def judge(run: Run, state: State) -> State:
    """The verifier looks at the worktree; model text has no part in it."""
    task, attempt = run.planned(str(state["task"])), state["attempt"]
    ensure_baseline(run)
    # After a resume: neither what the run of the tests just left behind, nor what an interrupted judge did.
    put_back(run.place.worktree, state["tree"])
    if state["failures"]:
        verdict, failures = None, list(state["failures"])
    else:
        context = run.context(task, state["base"], state["outcomes"], state["red"])

        def on_gate(result: Any) -> None:
            run.emit(GateFinished(task=task.id, attempt=attempt, result=result.model_dump(mode="json")))

        verdict = verify(context, on_gate=on_gate)
        failures = [line for gate in verdict.gates if not gate.passed for line in gate.failures]
    passed = verdict is not None and verdict.passed
    why = "" if passed else " ".join((failures or ["no gate ran"])[0].split())[:300]
    run.emit(AttemptFinished(task=task.id, attempt=attempt, passed=passed, why=why))
    if passed and verdict:
        return {"verdict": verdict.model_dump(mode="json"), "feedback": None, "failures": []}
    before = (state.get("feedback") or {}).get("failures")
    feedback = Feedback(
        attempt=attempt,
        of=run.worker.attempts,
        text=verdict.feedback() if verdict else "\n".join(failures),
        failures=failures,
        # The same findings twice: what stands there leads nowhere.
        restored=run.worker.fresh_tree or (before == failures and attempt > 1),
    )
    for notice in in_output(task.id, feedback.text):
        run.emit(notice)
    return {"verdict": None, "feedback": feedback.model_dump(mode="json"), "failures": []}


def after_judge(run: Run, state: State) -> str:
    """Again while it is refused and attempts are left."""
    if state.get("verdict") or state["attempt"] >= run.worker.attempts:
        return "settle"
    return "work"


def settle(run: Run, state: State) -> State:
    """Commit the change and the tick together, or keep the work as a patch and leave the box open."""
    task = run.planned(str(state["task"]))
    outcomes = dict(state["outcomes"])
    seconds = round(time.time() - state["started"], 1)
    if not state.get("verdict"):
        feedback = state.get("feedback") or {}
        why = " ".join((feedback.get("failures") or ["not verified"])[0].split())[:500]
        patch = keep_patch(run.place, task.id, state["base"])
        git.restore(run.place.worktree, state["base"])
        outcomes[task.id] = "failed"
        run.emit(
            TaskFinished(
                task=task.id, outcome="failed", attempts=state["attempt"], why=why, patch=patch, seconds=seconds
            )
        )
        return {"outcomes": outcomes, "task": None}
    verdict = Verdict.model_validate(state["verdict"])
    files = git.changed_files(run.place.worktree, state["base"])
    sha = commit_task(run, task, verdict, state["base"])
    if run.bench.latest is not None and any(gate.gate == "tests" for gate in verdict.gates):
        run.bench.baseline = run.bench.latest
    outcomes[task.id] = "verified"
    red = {path: waits for path, waits in state["red"].items() if set(waits) - set(outcomes)} | verdict.red
    run.emit(
        TaskFinished(
            task=task.id,
            outcome="verified",
            attempts=state["attempt"],
            commit=sha,
            files=files,
            evidence=verdict.digest,
            seconds=seconds,
        )
    )
    return {"outcomes": outcomes, "red": red, "task": None}


def put_back(worktree: Path, tree: str) -> None:
    """The worktree's files as they were when the tree was taken."""
    left = git.changed_files(worktree, tree)
    if left:
        git.restore(worktree, tree, left)


def commit_task(run: Run, task: PlannedTask, verdict: Verdict, base: str) -> str | None:
    """One commit: what the verifier saw pass, plus the tick.

    Raises:
        GateFailure: The worktree is not what the verifier judged; nothing is committed.
    """
    place = run.place
    committed = run.committed().get(task.id)
    if committed:
        # Killed between the branch's update and the checkpoint: the work is done already.
        return committed
    tip = git.head(git.open_repo(place.worktree))
    if tip != base and (tip, verdict.digest) in git.commits_with_trailer(run.repo, f"{base}..{tip}", EVIDENCE_TRAILER):
        # Killed between the commit and the branch's update.
        move_branch(run, tip, base)
        return tip
    # Killed between the tick and the commit, or the worktree is a new one: what was judged is what counts.
    put_back(place.worktree, verdict.tree)
    feature = run.documents()
    if git.tree_hash(place.worktree) != verdict.tree:
        raise GateFailure(f"{task.id}: the files changed after the verifier had judged them; nothing is committed")
    write_evidence(place.record, verdict)
    if not tick_file(feature, task.id):
        message = f"{task.id} has no box to tick in {feature.tasks.path.name}; its commit stands for it"
        run.emit(Notice(level="warning", code="no-box", message=message))
    if not git.changed_files(place.worktree, base):
        # Nothing to change and no box to tick: there is nothing that a commit could hold.
        return None
    sha = git.commit_all(
        place.worktree,
        subject_of(task),
        body_of(task, verdict),
        {
            TASK_TRAILER: task.id,
            FEATURE_TRAILER: place.feature,
            EVIDENCE_TRAILER: verdict.digest,
            RUN_TRAILER: place.run,
        },
    )
    move_branch(run, sha, base)
    return sha


def move_branch(run: Run, new: str, base: str) -> None:
    """Set the run branch to a new commit, if it still stands where the task started."""
    exists = git.branch_head(run.repo, run.place.branch) is not None
    git.update_branch(run.repo, run.place.branch, new, base if exists else None)


def write_evidence(record: Path, verdict: Verdict) -> None:
    """Keep what the gates saw; its digest goes into the commit."""
    folder = record / "evidence"
    folder.mkdir(exist_ok=True)
    name = "".join(char if char.isalnum() or char in ".#-" else "_" for char in verdict.task)
    (folder / f"{name}.json").write_text(verdict.model_dump_json(indent=2) + "\n", encoding="utf-8")


def subject_of(task: PlannedTask) -> str:
    """A subject line of at most 72 characters."""
    title = " ".join(task.title.replace("`", "").split()).rstrip(".")
    head, tail = f"{SUBJECTS[task.role]}: ", f" ({task.id})"
    room = 72 - len(head) - len(tail)
    return head + (title if len(title) <= room else title[: room - 1].rstrip() + "…") + tail


def body_of(task: PlannedTask, verdict: Verdict) -> str:
    """The full title and what each gate saw."""
    seen = "\n".join(f"- {gate.gate}: {gate.summary}" for gate in verdict.gates)
    refs = f"\nFor {', '.join(task.refs)}.\n" if task.refs else ""
    return f"{task.title}\n{refs}\nVerified on tree {verdict.tree}:\n{seen}"


def finish(run: Run, state: State) -> State:
    """Everything once more on the branch's head: the whole suite with coverage, against the start."""
    git.restore(run.place.worktree, run.head())
    started = time.monotonic()
    done = run.bench.run_tests(run.place.worktree, coverage=True)
    failures = [f"{case.nodeid} {case.outcome}" for case in done.tests if case.outcome in ("failed", "error")]
    first = run.place.record / "baseline.json"
    if first.exists():
        before = TestRun.model_validate_json(first.read_text(encoding="utf-8"))
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
    make_table(run, done, state["outcomes"])
    return {}


def review(run: Run, state: State) -> State:
    """A reader's view of the whole; a node of its own, so that a run killed in it need not test everything again."""
    ask_reviewer(run, state["outcomes"])
    return {}
