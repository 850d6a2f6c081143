"""Hands tests back to the code: their author says that the code is wrong, and the code role looks at it, once a task.

    work ─► judge ─► mend ─► judge ─► settle      the code is mended: tests and code land as one
              ▲                 │
              └──── work ◄──────┘                 it is not: its author has the tests again, while attempts are left

The code role works on the tree with the tests and cannot write them. What has become of both is judged by the gates of
both roles. Nothing of an attempt that is refused stays in the tree.
"""

from __future__ import annotations

from ...tools import git
from ...tools.git_merge import paths_between
from ..events import HandedBack
from ..planner.models import PlannedTask
from ..planner.paths import may_write, role_of_path, roles_of, writable_for
from ..verifier.claims import demands, groundless, path_of, with_code
from ..verifier.context import GateContext
from ..verifier.crashes import seen
from ..verifier.models import Fault, HandBack, Mended, Verdict
from ..workers.job import Feedback
from .attempts import TaskState, ask, seen_by_gates
from .landing import put_judged
from .place import keep_patch
from .session import Lane

MOST_OTHERS = 3
MOST_MENDINGS = 2
"""Attempts of the code role at one claim, or fewer if the run's tasks have fewer."""
MOST_DRAFTS = 4
"""The same for a worker that draws the code anew each time."""


def handed_of(state: TaskState) -> HandBack | None:
    """What the code role has now; None while the task is its author's."""
    return HandBack.model_validate(state["handed"]) if state.get("handed") else None


def as_handed(task: PlannedTask, state: TaskState) -> PlannedTask:
    """The task with the roles and gates that it has now."""
    handed = handed_of(state)
    return with_code(task, path_of(handed.fault)) if handed else task


def attempts_of(lane: Lane, state: TaskState) -> int:
    """The number of the last attempt that whoever has the task now may make."""
    handed = handed_of(state)
    if handed:
        most = MOST_DRAFTS if lane.run.worker.fresh_tree else MOST_MENDINGS
        return handed.attempt + min(most, lane.run.worker.attempts)
    return lane.run.worker.attempts + state.get("mendings", 0)


def offered(lane: Lane, task: PlannedTask, state: TaskState, verdict: Verdict | None) -> tuple[HandBack | None, str]:
    """Look at the claim of an attempt: what the code role gets, or why it does not. Both empty without a claim."""
    run = lane.run
    roles = roles_of(task)
    if not verdict or not run.settings.hand_back or "tests" not in roles or "code" in roles:
        return None, ""
    context = lane.context(task, state["base"])
    fault, others = seen_twice(lane, context, verdict, state) if not state.get("fault") else (state["fault"], [])
    if fault is None:
        return None, ""
    fault = Fault.model_validate(fault)
    why = groundless(context, verdict, fault) or ("it was handed to the code role before" if state.get("once") else "")
    run.emit(HandedBack(task=task.id, attempt=state["attempt"], fault=fault.model_dump(mode="json"), refused=why))
    if why:
        return None, f"That the code is wrong ({fault.text}) is not followed up: {why}"
    handed = HandBack(
        fault=fault,
        demands=demands(context.feature, fault),
        failing=verdict.feedback(),
        tree=state["tree"],
        others=others,
        attempt=state["attempt"],
    )
    return handed, ""


def seen_twice(lane: Lane, context: GateContext, verdict: Verdict, state: TaskState) -> tuple[Fault | None, list[str]]:
    """What two drafts of the tests show of the code: a worker that only drafts cannot say it itself.

    Returns:
        The claim, if there is one, and the trees of the earlier drafts, latest first.
    """
    found = seen(context) if lane.run.worker.fresh_tree else None
    if found is None:
        return None, []
    fault, shown = found
    before = state.get("shown") or {}
    others = [tree for item in shown for tree in before.get(item, []) if tree != state["tree"]]
    state["shown"] = before | {item: [*before.get(item, []), state["tree"]] for item in shown}
    if not any(item in before for item in shown) or state.get("once") or groundless(context, verdict, fault):
        return None, []
    return fault, list(dict.fromkeys(others[::-1]))[:MOST_OTHERS]


def with_other_tests(lane: Lane, task: PlannedTask, state: TaskState) -> tuple[str, Verdict] | None:
    """The new code with each of the other drafts of the tests that had found the same, until one passes.

    Returns:
        The tree and what the gates saw of it; None where none passes.
    """
    handed = handed_of(state)
    for tree in handed.others if handed else []:
        put_judged(lane, state["base"], state["tree"])
        paths = [path for path in paths_between(lane.worktree, state["base"], tree) if role_of_path(path) == "tests"]
        git.restore(lane.worktree, tree, paths)
        other: TaskState = {**state, "tree": git.tree_hash(lane.worktree)}
        verdict = seen_by_gates(lane, task, other)
        if verdict.passed:
            return other["tree"], verdict
    return None


def mend(lane: Lane, task: PlannedTask, state: TaskState) -> TaskState:
    """One attempt of the code role at the code that the tests find fault with."""
    handed, base = HandBack.model_validate(state["handed"]), state["base"]
    feedback = Feedback.model_validate(state["feedback"]) if state.get("feedback") else None
    key = f"{task.id} handed back"
    if lane.session is None or lane.session_task != key:
        # The first attempt; or a resumed run, whose conversation is gone: the tests are where they were.
        if lane.session_task == task.id:
            lane.author = lane.session
        put_judged(lane, base, handed.tree)
        job = lane.job(with_code(task, path_of(handed.fault)), base)
        job.handed = handed
        lane.session, lane.session_task = lane.run.worker.open(job), key
        feedback = feedback.model_copy(update={"restored": True}) if feedback else None
    elif feedback and feedback.restored:
        put_judged(lane, base, handed.tree)
    attempt = state["attempt"] + 1
    done = ask(lane, lane.session, task.id, base, attempt, attempts_of(lane, state), feedback)
    paths = writable_for(with_code(task, path_of(handed.fault)), "code")
    strange = [path for path in paths_between(lane.worktree, handed.tree, done["tree"]) if not may_write(paths, path)]
    if strange:
        # No tool writes these. The task has both roles now, so its gates alone would let the tests be changed.
        git.restore(lane.worktree, handed.tree, strange)
        done["tree"] = git.tree_hash(lane.worktree)
    return {**done, "fault": None, "mendings": attempt - handed.attempt}


def not_agreed(lane: Lane, state: TaskState) -> str:
    """What the code role says, if it has changed nothing: then it does not agree, and no gate need look."""
    handed = handed_of(state)
    if handed is None or paths_between(lane.worktree, handed.tree, state["tree"]):
        return ""
    return ": ".join(filter(None, ("the code role has changed nothing", state.get("said"))))


def mended(lane: Lane, state: TaskState) -> Mended | None:
    """What goes into the evidence of a task whose code was mended along with its tests."""
    handed = handed_of(state)
    if handed is None:
        return None
    changed = paths_between(lane.worktree, handed.tree, state["tree"])
    return Mended(fault=handed.fault, files=sorted(path for path in changed if role_of_path(path) != "tests"))


def give_back(lane: Lane, task: PlannedTask, state: TaskState, why: str) -> TaskState:
    """The tests are their author's again, and the tree is as it was; what the code role tried is kept as a patch."""
    handed, base = HandBack.model_validate(state["handed"]), state["base"]
    put_judged(lane, base, state["tree"])
    kept = keep_patch(lane.run.place, lane.worktree, f"{task.id}.mending", handed.tree)
    put_judged(lane, base, handed.tree)
    lane.session, lane.session_task, lane.author = lane.author, task.id, None
    reply = f"handed to the code role ({handed.fault.text}), which did not mend it: {' '.join(why.split())[:300]}"
    lines = [*handed.failing.splitlines(), f"The tests were {reply}. If that is right, mend the tests."]
    if kept:
        reply += f" (what it tried is in {kept})"
    used = state["attempt"] - state.get("mendings", 0)
    feedback = Feedback(attempt=used, of=lane.run.worker.attempts, text="\n".join(lines), failures=lines)
    return {
        "verdict": None,
        "feedback": feedback.model_dump(mode="json"),
        "failures": [],
        "tree": handed.tree,
        "handed": None,
        "same": 0,
        "reply": reply,
    }
