"""The life of one task, as a LangGraph graph with a checkpoint of its own.

    work ─► judge ─► settle
      ▲     │   ▲      │
      │     ▼   │      │
      │     mend       │     its tests find fault with the code: see `handback`
      └───────┴────────┘     refused, attempts left; or the branch has moved and both do not go together

Each node can be run again: it starts from git and the record, not from what an earlier try left behind.
"""

from __future__ import annotations

import time
from typing import Any

from ...tools.git_merge import paths_between
from ...tools.import_reach import hard
from ..events import AttemptFinished, Notice, TaskFinished, TaskStarted
from ..planner.checkpoints import is_checkpoint
from ..planner.models import PlannedTask
from ..verifier.models import Fault, Verdict
from ..workers.draft_worker import DraftWorker
from ..workers.job import Feedback, Session
from ..workers.same import same_failures
from .attempts import TaskState, ask, seen_by_gates
from .clean_record import clean_failure
from .handback import as_handed, attempts_of, give_back, mend, mended, not_agreed, offered, with_other_tests
from .landing import NewBase, land, put_judged
from .lanes import await_turn
from .limits import SAME_OTHER_WORKER, stop_for
from .nobody import Nobody
from .place import keep_patch
from .session import Lane
from .suspects import in_output


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
    for name, node in {"work": work, "judge": judge, "mend": mend, "settle": settle}.items():
        graph.add_node(name, bound(node, lane, task))
    graph.add_edge(START, "work")
    graph.add_edge("work", "judge")
    graph.add_edge("mend", "judge")
    graph.add_conditional_edges("judge", lambda state: after_judge(lane, state), ["work", "mend", "settle"])
    graph.add_conditional_edges("settle", lambda state: "work" if state.get("again") else END, ["work", END])
    compiled = graph.compile(checkpointer=checkpointer)
    config: Any = {"configurable": {"thread_id": f"{run.place.run}/{task.id}"}, "recursion_limit": 10_000}
    lane.session, lane.session_task, lane.author = None, "", None
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
        **NOT_HANDED,
    }
    compiled.invoke(None if going_on else fresh, config, durability="sync")


NOT_HANDED: TaskState = {"fault": None, "handed": None, "once": False, "mendings": 0, "reply": "", "shown": {}}
"""Of a task that is begun: nobody has said anything of its code."""


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
    same, mendings = state.get("same", 0), state.get("mendings", 0)
    if lane.session is None or lane.session_task != task.id:
        # The first attempt; or a resumed run, or a new base: the conversation is gone, so the task begins anew, on
        # what the branch holds by now. As many attempts are left as if it had never been begun.
        base, attempt, feedback, same, mendings = run.head(), 1, None, 0, 0
        lane.put(base)
        lane.session, lane.session_task = who_works(lane, task, base), task.id
    elif run.worker.fresh_tree or (feedback and feedback.restored):
        lane.put(base)
        if same == SAME_OTHER_WORKER and not run.worker.fresh_tree:
            # From a fresh start it failed in the same way: whole files without tools are another way of working.
            lane.session = DraftWorker(run.handle, run.worker.attempts).open(lane.job(task, base))
    return {
        **ask(lane, lane.session, task.id, base, attempt, run.worker.attempts + mendings, feedback),
        "same": same,
        "mendings": mendings,
    }


def who_works(lane: Lane, task: PlannedTask, base: str) -> Session:
    """The conversation with the worker; of a checkpoint there is none."""
    if is_checkpoint(lane.documents().task(task.id)):
        return Nobody()
    return lane.run.worker.open(lane.job(task, base))


def judge(lane: Lane, task: PlannedTask, state: TaskState) -> TaskState:
    """The verifier looks at the worktree; model text has no part in it."""
    run, attempt, now = lane.run, state["attempt"], as_handed(task, state)
    verdict, failures = None, list(state["failures"])
    refused = "" if failures else not_agreed(lane, state)
    if refused:
        failures = [refused]
    if not failures:
        verdict = seen_by_gates(lane, now, state)
        # Other tests help only where nothing but the tests is wrong.
        failed = {gate.gate for gate in verdict.gates if not gate.passed}
        other = with_other_tests(lane, now, state) if failed == {"tests"} else None
        if other:
            state = {**state, "tree": other[0]}
            verdict = other[1]
        failures = [line for gate in verdict.gates if not gate.passed for line in gate.failures]
    passed = verdict is not None and verdict.passed
    why = "" if passed else " ".join((failures or ["no gate ran"])[0].split())[:300]
    said = state.get("said", "")
    run.emit(AttemptFinished(task=task.id, attempt=attempt, passed=passed, why=why, said=said))
    offer, refusal = offered(lane, task, state, verdict) if not state.get("handed") else (None, "")
    if passed and verdict:
        verdict.mended = mended(lane, state)
        return {
            "verdict": verdict.model_dump(mode="json"),
            "tree": state["tree"],
            "feedback": None,
            "failures": [],
        }
    # What the code role did not manage is told by itself.
    findings = [*(state.get("findings") or [] if attempt > 1 else []), "" if state.get("handed") else why]
    if offer:
        return {
            "verdict": None,
            "feedback": None,
            "failures": [],
            "findings": findings,
            "same": 0,
            "handed": offer.model_dump(mode="json"),
            "once": True,
        }
    before = (state.get("feedback") or {}).get("failures")
    same = state.get("same", 0) + 1 if same_failures(before, failures) else 0
    stop = state.get("stop") or stop_for(run, same, failures)
    if isinstance(lane.session, Nobody):
        # Nothing would be different the next time.
        stop = failures[0]
    text = verdict.feedback() if verdict else "\n".join(failures)
    feedback = Feedback(
        attempt=attempt,
        of=attempts_of(lane, state),
        text="\n".join(filter(None, (text, refusal))),
        failures=failures,
        # The same findings twice: what stands there leads nowhere.
        restored=run.worker.fresh_tree or same > 0,
        fresh=same > 0,
    )
    for notice in in_output(task.id, feedback.text):
        run.emit(notice)
    # Of a worker that only drafts the same code again is no answer, for the next draft may be another; twice is one.
    final = refused and (same > 0 or not run.worker.fresh_tree)
    if state.get("handed") and (final or stop or attempt >= attempts_of(lane, state)):
        return {**give_back(lane, task, state, failures[0]), "findings": findings, "stop": stop}
    return {
        "verdict": None,
        "feedback": feedback.model_dump(mode="json"),
        "failures": [],
        "findings": findings,
        "same": same,
        "stop": stop,
        "shown": state.get("shown") or {},
    }


def after_judge(lane: Lane, state: TaskState) -> str:
    """Again while it is refused and attempts are left, by whoever has the task."""
    if state.get("verdict") or state.get("stop") or state["attempt"] >= attempts_of(lane, state):
        return "settle"
    return "mend" if state.get("handed") else "work"


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
        sha, verdict = land(lane, as_handed(task, state), verdict, base, state["attempt"])
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
            mended=verdict.mended.files if verdict.mended else [],
            seconds=seconds,
        )
    )
    return {"again": False}


def begin_again(lane: Lane, task: PlannedTask, why: str) -> TaskState:
    """The task once more, on what the branch holds now. All before it is settled, so this happens once at most."""
    message = f"{task.id} is worked again on top of what came onto the branch meanwhile: {why}"[:600]
    lane.run.emit(Notice(level="info", code="new-base", message=message))
    # The conversation is about files that are no more.
    lane.session = lane.author = None
    return {
        **NOT_HANDED,
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
    """What the author of refused tests said last, and what came of it: they may be right and the code wrong."""
    if state.get("reply"):
        return f"; its tests were {state['reply']}"
    said = state.get("said", "")
    if state.get("fault"):
        said = f"{said}; {Fault.model_validate(state['fault']).text}".removeprefix("; ")
    return f"; its worker said: {said}" if said and task.role == "tests" and not state.get("stop") else ""


def why_failed(state: TaskState) -> str:
    """Why it was stopped. Else the last finding; and the one before, if the last attempt began anew and so may not
    have come as far."""
    if state.get("stop"):
        return state["stop"]
    feedback = state.get("feedback") or {}
    why = " ".join((feedback.get("failures") or ["not verified"])[0].split())[:500]
    found = enumerate(state.get("findings") or [], 1)
    earlier = [(number, text) for number, text in found if text and text[:200] != why[:200]]
    if not earlier:
        return why
    number, text = earlier[-1]
    return f"{why[:300]} (attempt {number}: {text[:300]})"
