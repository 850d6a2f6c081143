"""The life of one task, as a LangGraph graph with a checkpoint of its own.

    work ─► judge ─► settle
      ▲       │        │
      └───────┴────────┘ refused, attempts left; or the branch has moved and both do not go together

Each node can be run again: it starts from git and the record, not from what an earlier try left behind.
"""

from __future__ import annotations

import time
from typing import Any, TypedDict

from ...tools import git
from ...tools.git_merge import paths_between
from ...tools.import_reach import hard
from ...tools.redact import redact
from ..budgets import working_on
from ..errors import BudgetExceeded, ToolFailure
from ..events import AttemptFinished, AttemptStarted, GateFinished, Notice, TaskFinished, TaskStarted
from ..planner.models import PlannedTask
from ..verifier.models import Verdict
from ..verifier.verify import verify
from ..workers.draft_worker import DraftWorker
from ..workers.job import Feedback
from ..workers.same import same_failures
from .clean_record import clean_failure
from .landing import NewBase, land, put_judged
from .lanes import await_turn, with_model
from .limits import SAME_OTHER_WORKER, keep_unfinished, stop_for
from .place import keep_patch
from .session import Lane
from .suspects import in_output
from .turns import may_be_company


class TaskState(TypedDict, total=False):
    """What a checkpoint keeps of a task; big texts stay in files."""

    attempt: int
    base: str
    tree: str
    started: float
    feedback: dict[str, Any] | None
    failures: list[str]
    verdict: dict[str, Any] | None
    findings: list[str]
    again: bool
    same: int
    stop: str
    said: str
    over_budget: bool


def work_task(lane: Lane, task: PlannedTask, checkpointer: Any) -> None:
    """Work a task to its end, or go on where a killed run was. Its outcome is then in the run and in the journal.

    Args:
        lane: Where to work.
        task: The task.
        checkpointer: Keeps the state after each node.
    """
    from langgraph.graph import END, START, StateGraph

    run = lane.run
    graph = StateGraph(TaskState)
    for name, node in {"work": work, "judge": judge, "settle": settle}.items():
        graph.add_node(name, bound(node, lane, task))
    graph.add_edge(START, "work")
    graph.add_edge("work", "judge")
    graph.add_conditional_edges("judge", lambda state: after_judge(lane, state), ["work", "settle"])
    graph.add_conditional_edges("settle", lambda state: "work" if state.get("again") else END, ["work", END])
    compiled = graph.compile(checkpointer=checkpointer)
    config: Any = {"configurable": {"thread_id": f"{run.place.run}/{task.id}"}, "recursion_limit": 10_000}
    lane.session, lane.session_task = None, ""
    going_on = run.resumed and bool(compiled.get_state(config).next)
    if not going_on:
        run.emit(TaskStarted(task=task.id, role=task.role, title=task.title))
    fresh: TaskState = {
        "attempt": 0,
        "base": "",
        "started": time.time(),
        "feedback": None,
        "failures": [],
        "verdict": None,
        "findings": [],
        "again": False,
        "same": 0,
        "stop": "",
        "over_budget": False,
    }
    compiled.invoke(None if going_on else fresh, config, durability="sync")


def bound(node: Any, lane: Lane, task: PlannedTask) -> Any:
    """The node with its task; it is not begun when the run is to stop."""

    def call(state: TaskState) -> TaskState:
        stop = lane.run.stop
        # A run that ends because of a failure still lands what is verified.
        stop.check_halted() if node is settle and stop.ending.is_set() else stop.check()
        with clean_failure():
            return node(lane, task, state)

    return call


def work(lane: Lane, task: PlannedTask, state: TaskState) -> TaskState:
    """One attempt of the worker."""
    run, base, attempt = lane.run, state["base"], state["attempt"] + 1
    feedback = Feedback.model_validate(state["feedback"]) if state.get("feedback") else None
    same = state.get("same", 0)
    if lane.session is None or lane.session_task != task.id:
        # The first attempt; or a resumed run, or a new base: the conversation is gone, so the task begins anew, on
        # what the branch holds by now. As many attempts are left as if it had never been begun.
        base, attempt, feedback, same = run.head(), 1, None, 0
        lane.put(base)
        lane.session, lane.session_task = run.worker.open(lane.job(task, base)), task.id
    elif run.worker.fresh_tree or (feedback and feedback.restored):
        lane.put(base)
        if same == SAME_OTHER_WORKER and not run.worker.fresh_tree:
            # From a fresh start it failed in the same way: whole files without tools are another way of working.
            lane.session = DraftWorker(run.handle, run.worker.attempts).open(lane.job(task, base))
    useless, over, said = "", False, ""
    try:
        with with_model(lane):
            run.ledger.begin_attempt()
            run.emit(AttemptStarted(task=task.id, attempt=attempt, of=run.worker.attempts))
            with working_on(task.id):
                said = lane.session.attempt(attempt, feedback)
    except ToolFailure as error:
        useless = redact(str(error))
    except BudgetExceeded as error:
        if error.scope != "task":
            keep_unfinished(lane, task.id, base)
            raise
        useless, over = error.what, True
    return {
        "stop": useless if over else "",
        "said": " ".join(redact(said).split())[:300],
        "over_budget": over,
        "same": same,
        "feedback": feedback.model_dump(mode="json") if feedback else None,
        "attempt": attempt,
        "base": base,
        "tree": git.tree_hash(lane.worktree),
        "failures": [useless] if useless else [],
        "again": False,
    }


def judge(lane: Lane, task: PlannedTask, state: TaskState) -> TaskState:
    """The verifier looks at the worktree; model text has no part in it."""
    run, attempt = lane.run, state["attempt"]
    verdict = None
    if state["failures"]:
        failures = list(state["failures"])
    else:
        verdict = seen_by_gates(lane, task, state)
        failures = [line for gate in verdict.gates if not gate.passed for line in gate.failures]
    passed = verdict is not None and verdict.passed
    why = "" if passed else " ".join((failures or ["no gate ran"])[0].split())[:300]
    run.emit(AttemptFinished(task=task.id, attempt=attempt, passed=passed, why=why))
    if passed and verdict:
        return {"verdict": verdict.model_dump(mode="json"), "feedback": None, "failures": []}
    before = (state.get("feedback") or {}).get("failures")
    same = state.get("same", 0) + 1 if same_failures(before, failures) else 0
    stop = state.get("stop") or stop_for(run, same, failures)
    feedback = Feedback(
        attempt=attempt,
        of=run.worker.attempts,
        text=verdict.feedback() if verdict else "\n".join(failures),
        failures=failures,
        # The same findings twice: what stands there leads nowhere.
        restored=run.worker.fresh_tree or same > 0,
        fresh=same > 0,
    )
    for notice in in_output(task.id, feedback.text):
        run.emit(notice)
    findings = [*(state.get("findings") or [] if attempt > 1 else []), why]
    return {
        "verdict": None,
        "feedback": feedback.model_dump(mode="json"),
        "failures": [],
        "findings": findings,
        "same": same,
        "stop": stop,
    }


def seen_by_gates(lane: Lane, task: PlannedTask, state: TaskState) -> Verdict:
    """The verdict on the attempt. Where others' gates may be to blame for a refusal, the gates run once more, alone."""
    run = lane.run

    def on_gate(result: Any) -> None:
        run.emit(GateFinished(task=task.id, attempt=state["attempt"], result=result.model_dump(mode="json")))

    def look() -> Verdict:
        # Neither what a run of the tests left behind, nor what an interrupted look did.
        put_judged(lane, state["base"], state["tree"])
        lane.bench.latest = None
        return verify(lane.context(task, state["base"]), on_gate=on_gate)

    with run.turns.shared() as turn:
        put_judged(lane, state["base"], state["tree"])
        lane.set_baseline(state["base"])
        verdict = look()
    if turn.company and may_be_company(verdict):
        with run.turns.alone():
            verdict = look()
    return verdict


def after_judge(lane: Lane, state: TaskState) -> str:
    """Again while it is refused and attempts are left."""
    if state.get("verdict") or state.get("stop") or state["attempt"] >= lane.run.worker.attempts:
        return "settle"
    return "work"


def settle(lane: Lane, task: PlannedTask, state: TaskState) -> TaskState:
    """Land the change with its tick, or keep the work as a patch and leave the box open."""
    run = lane.run
    seconds = round(time.time() - state["started"], 1)
    if not state.get("verdict"):
        put_judged(lane, state["base"], state["tree"])
        patch = keep_patch(run.place, lane.worktree, task.id, state["base"])
        await_turn(lane, task)
        run.stop.check()
        if hard(paths_between(run.place.root, state["base"], run.head())):
            # It was tried before its turn, and what it lacked may have come meanwhile.
            return begin_again(lane, task, why_failed(state))
        run.settle(task.id, "failed")
        if state.get("over_budget"):
            run.ledger.stopped[task.id] = state["stop"]
        run.emit(
            TaskFinished(
                task=task.id,
                outcome="failed",
                attempts=state["attempt"],
                why=why_failed(state) + told_by(task, state),
                over_budget=state.get("over_budget", False),
                patch=patch,
                seconds=seconds,
            )
        )
        return {"again": False}
    verdict, base = Verdict.model_validate(state["verdict"]), state["base"]
    files = paths_between(run.place.root, base, verdict.tree)
    await_turn(lane, task)
    try:
        sha, verdict = land(lane, task, verdict, base, state["attempt"])
    except NewBase as error:
        return begin_again(lane, task, str(error))
    run.emit(
        TaskFinished(
            task=task.id,
            outcome="verified",
            attempts=state["attempt"],
            commit=sha,
            files=sorted(files),
            evidence=verdict.digest,
            seconds=seconds,
        )
    )
    return {"again": False}


def begin_again(lane: Lane, task: PlannedTask, why: str) -> TaskState:
    """The task once more, on what the branch holds now. All before it is settled, so this happens once at most."""
    message = f"{task.id} is worked again on top of what came onto the branch meanwhile: {why}"[:600]
    lane.run.emit(Notice(level="info", code="new-base", message=message))
    # The conversation is about files that are no more.
    lane.session = None
    return {
        "attempt": 0,
        "verdict": None,
        "feedback": None,
        "failures": [],
        "findings": [],
        "again": True,
        "same": 0,
        "stop": "",
    }


def told_by(task: PlannedTask, state: TaskState) -> str:
    """What the author of refused tests said last: they may be right and the code wrong, which no gate can tell."""
    said = state.get("said", "")
    return f"; its worker said: {said}" if said and task.role == "tests" and not state.get("stop") else ""


def why_failed(state: TaskState) -> str:
    """Why it was stopped. Else the last finding; and the one before, if the last attempt began anew and so may not
    have come as far."""
    if state.get("stop"):
        return state["stop"]
    feedback = state.get("feedback") or {}
    why = " ".join((feedback.get("failures") or ["not verified"])[0].split())[:500]
    earlier = [(number, text) for number, text in enumerate(state.get("findings") or [], 1) if text[:200] != why[:200]]
    if not earlier:
        return why
    number, text = earlier[-1]
    return f"{why[:300]} (attempt {number}: {text[:300]})"
