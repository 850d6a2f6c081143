"""One attempt at a task: what its worker is asked, and what the gates see of it."""

from __future__ import annotations

from typing import Any, TypedDict

from ...tools import git
from ...tools.redact import redact, redact_data
from ..budgets import working_on
from ..errors import BudgetExceeded, ToolFailure
from ..events import AttemptStarted, GateFinished
from ..planner.models import PlannedTask
from ..verifier.models import Verdict
from ..verifier.verify import verify
from ..workers.job import Feedback, Session
from .landing import put_judged
from .lanes import with_model
from .limits import keep_unfinished
from .session import Lane
from .turns import may_be_company


class TaskState(TypedDict, total=False):
    """What a checkpoint keeps of a task; big texts stay in files.

    The last six are about handing back (`handback`): the claim of the last attempt, the tests that the code role has
    now, whether it had them, how many attempts it made, what came of it, and what drafts of the tests
    showed of the code, with their trees.
    """

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
    fault: dict[str, Any] | None
    handed: dict[str, Any] | None
    once: bool
    mendings: int
    reply: str
    shown: dict[str, list[str]]


def ask(
    lane: Lane, session: Session, task: str, base: str, attempt: int, of: int, feedback: Feedback | None
) -> TaskState:
    """Let the worker work once.

    Raises:
        BudgetExceeded: A budget ends the run; what there is of the work is kept.
    """
    run = lane.run
    useless, over, said = "", False, ""
    try:
        with with_model(lane):
            run.ledger.begin_attempt()
            run.emit(AttemptStarted(task=task, attempt=attempt, of=of))
            with working_on(task):
                said = session.attempt(attempt, feedback)
    except ToolFailure as error:
        useless = redact(str(error))
    except BudgetExceeded as error:
        if error.scope != "task":
            keep_unfinished(lane, task, base)
            raise
        useless, over = error.what, True
    fault = None if useless or session.fault is None else redact_data(session.fault.model_dump(mode="json"))
    return {
        "stop": useless if over else "",
        "said": " ".join(redact(said).split())[:300],
        "fault": fault,
        "over_budget": over,
        "feedback": feedback.model_dump(mode="json") if feedback else None,
        "attempt": attempt,
        "base": base,
        "tree": git.tree_hash(lane.worktree),
        "failures": [useless] if useless else [],
        "again": False,
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
        return verify(lane.context(task, state["base"], state["tree"]), on_gate=on_gate)

    with run.turns.shared() as turn:
        lane.set_baseline(state["base"])
        verdict = look()
    if turn.company and may_be_company(verdict):
        with run.turns.alone():
            verdict = look()
    return verdict
