"""Brings a verified change onto the run's branch: one commit with its tick, on what the branch holds by then."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from ...tools import git
from ...tools.git_merge import carry_over, paths_between
from ...tools.import_reach import hard, meet
from ...tools.pytest_run import TestRun
from ...tools.redact import redact
from ..errors import GateFailure
from ..events import GateFinished, Notice
from ..planner.checkpoints import is_checkpoint
from ..planner.groups import tick_groups
from ..planner.models import PlannedTask
from ..reports.history import (
    DONE_BY_TRAILER,
    EVIDENCE_TRAILER,
    FEATURE_TRAILER,
    MENDED_TRAILER,
    RUN_TRAILER,
    TASK_TRAILER,
)
from ..reports.write import write_whole
from ..verifier.claims import path_of
from ..verifier.context import GateContext
from ..verifier.models import Verdict
from ..verifier.red_green import due
from ..verifier.verify import verify
from .place import tick_file
from .session import Lane, put_back

ANEW = ("scope", "files", "python", "config", "docs", "infra")
"""Gates that run again on every new base: they are quick, and look at more than what the task has changed."""

SUBJECTS = {"code": "feat", "tests": "test", "docs": "docs", "infra": "ci"}


class NewBase(Exception):
    """What came onto the branch meanwhile does not go together with the change; it has to be made again on top."""

    def __init__(self, failures: list[str]) -> None:
        self.failures = failures
        super().__init__("; ".join(failures))


def land(lane: Lane, task: PlannedTask, verdict: Verdict, base: str, attempt: int) -> tuple[str | None, Verdict]:
    """Commit a verified task, after what others have landed since it began. One at a time.

    Args:
        lane: Holds the judged content in its worktree, or gets it again.
        task: The task.
        verdict: What the gates saw of the change on its base.
        base: The commit the change was made on.
        attempt: The attempt that made it, for the events.

    Returns:
        The commit (None when there was nothing to commit) and the verdict that stands for it.

    Raises:
        NewBase: The branch has moved, and the change does not pass on top of it.
        GateFailure: The worktree is not what the verifier judged; nothing is committed.
    """
    run = lane.run
    with run.landing:
        run.stop.check_halted()
        sha = run.committed().get(task.id)
        # With a commit: killed between the branch's update and the checkpoint, the work is done already.
        if sha is None:
            head = run.head()
            if head == base:
                put_judged(lane, base, verdict.tree)
                tests = tests_seen(lane, verdict, run.baselines.get(head))
            else:
                verdict, tests = judge_again(lane, task, verdict, base, head, attempt)
            sha = commit_task(lane, task, verdict, head)
            if tests is not None:
                run.keep_baseline(run.head(), tests)
        run.settle(task.id, "verified", verdict.red)
    return sha, verdict


def tests_seen(lane: Lane, verdict: Verdict, before: TestRun | None) -> TestRun | None:
    """The tests as they are with the change: as its gate saw them, else as they were before; None if nobody knows."""
    if any(gate.gate == "tests" for gate in verdict.gates):
        return lane.bench.latest
    return before


def put_judged(lane: Lane, base: str, tree: str) -> None:
    """The worktree with what was judged, whatever a kill or the gates' own runs left there."""
    if lane.base != base:
        lane.put(base)
    put_back(lane.worktree, tree)


def judge_again(
    lane: Lane, task: PlannedTask, verdict: Verdict, base: str, head: str, attempt: int
) -> tuple[Verdict, TestRun | None]:
    """The verdict on the change on top of what the branch holds by now, and the tests as they are then.

    Gates that run code are run again only where something may notice both changes.

    Raises:
        NewBase: The two do not go together.
    """
    run, seen = lane.run, verdict.tree
    clashes = carry_over(lane.worktree, base, seen, head)
    lane.base = head
    if clashes:
        raise NewBase([f"{path}: another task has changed the same lines meanwhile" for path in clashes])
    why = why_all(lane.context(task, head), verdict, base, run.outcomes)
    kept = []
    if not why:
        note = f"seen on tree {seen}; nothing uses both this change and what came onto the branch meanwhile"
        kept = [
            gate.model_copy(update={"notes": [*gate.notes, note]}) for gate in verdict.gates if gate.gate not in ANEW
        ]
    known, latest = run.baselines.get(head), lane.bench.latest
    if why:
        lane.set_baseline(head)
        lane.bench.latest = None

    def on_gate(result: Any) -> None:
        run.emit(GateFinished(task=task.id, attempt=attempt, result=result.model_dump(mode="json")))

    context = lane.context(task, head)
    # Gates that only read are quick, and everybody who wants to land waits for them.
    with run.turns.shared() if why else nullcontext():
        again = verify(context, on_gate=on_gate, kept=kept)
    if not again.passed:
        raise NewBase([line for gate in again.gates if not gate.passed for line in gate.failures])
    again.mended = verdict.mended
    if why:
        return again, tests_seen(lane, again, known)
    again.red = verdict.red
    if known is None or latest is None or not any(gate.gate == "tests" for gate in verdict.gates):
        return again, known if latest is None else None
    return again, both(known, lane.bench.baseline, latest)


def why_all(context: GateContext, verdict: Verdict, base: str, outcomes: Mapping[str, str]) -> str:
    """Why every gate has to run again on the new base; empty when those that only read will do."""
    theirs = paths_between(context.worktree, base, context.base)
    if is_checkpoint(context.feature.task(context.task.id)):
        return "it speaks of all tests, whatever has come"
    ours = dict.fromkeys(context.changed, "M")
    ours.update({path: "D" for path in context.changed if not (context.worktree / path).is_file()})
    if due(context):
        return "tests that were written first are due with it"
    if any(outcomes.get(key) == "verified" for waits in verdict.red.values() for key in waits):
        return "code that its tests wait for has come"
    ticked = context.feature.tasks.path.relative_to(context.worktree).as_posix()
    theirs = {path: status for path, status in theirs.items() if path != ticked}
    if hard(theirs) and any(gate.gate == "docs_run" for gate in verdict.gates):
        return "its pages run code"
    return meet(context.worktree, ours, theirs)


def both(head: TestRun, base: TestRun | None, change: TestRun) -> TestRun:
    """The tests with two changes that no test notices both of: those of the one, with what the other has changed."""
    before = {case.nodeid: case.outcome for case in base.tests} if base else {}
    cases = {case.nodeid: case for case in head.tests}
    for case in change.tests:
        if case.nodeid not in cases or before.get(case.nodeid) != case.outcome:
            cases[case.nodeid] = case
    gone = before.keys() - {case.nodeid for case in change.tests}
    tests = [case for nodeid, case in cases.items() if nodeid not in gone]
    counts = dict.fromkeys(head.counts | change.counts, 0)
    for case in tests:
        counts[case.outcome] = counts.get(case.outcome, 0) + 1
    return head.model_copy(update={"tests": tests, "counts": counts, "collected": len(tests)})


def commit_task(lane: Lane, task: PlannedTask, verdict: Verdict, head: str) -> str | None:
    """One commit: what the verifier saw pass, plus the tick. The branch's update makes both true at once.

    Raises:
        GateFailure: The worktree is not what the verifier judged; nothing is committed.
    """
    run, place = lane.run, lane.run.place
    if git.tree_hash(lane.worktree) != verdict.tree:
        raise GateFailure(f"{task.id}: the files changed after the verifier had judged them; nothing is committed")
    write_evidence(place.record, verdict)
    feature = lane.documents()
    document = feature.tasks.path.read_bytes()
    if not tick_file(feature, task.id):
        message = f"{task.id} has no box to tick in {feature.tasks.path.name}; its commit stands for it"
        run.emit(Notice(level="warning", code="no-box", message=message))
    # A group has nothing that could be verified but its sub-tasks: the last of them carries its tick.
    tick_groups(feature, task.id)
    if feature.tasks.path.read_bytes() == document and not git.changed_files(lane.worktree, head):
        # Nothing to change and no box to tick: there is nothing that a commit could hold.
        return None
    sha = git.commit_all(
        lane.worktree,
        redact(subject_of(task)),
        redact(body_of(task, verdict)),
        {
            TASK_TRAILER: task.id,
            FEATURE_TRAILER: place.feature,
            EVIDENCE_TRAILER: verdict.digest,
            RUN_TRAILER: place.run,
            **({MENDED_TRAILER: path_of(verdict.mended.fault)} if verdict.mended else {}),
            **({DONE_BY_TRAILER: ", ".join(verdict.done_by)} if verdict.done_by else {}),
        },
    )
    run.stop.check_halted()
    exists = git.branch_head(run.repo, place.branch) is not None
    git.update_branch(run.repo, place.branch, sha, head if exists else None)
    lane.base = sha
    return sha


def evidence_file(record: Path, task: str) -> Path:
    """Where the verdict of a task is kept."""
    name = "".join(char if char.isalnum() or char in ".#-" else "_" for char in task)
    return record / "evidence" / f"{name}.json"


def write_evidence(record: Path, verdict: Verdict) -> None:
    """Keep what the gates saw; its digest goes into the commit."""
    file = evidence_file(record, verdict.task)
    file.parent.mkdir(exist_ok=True)
    write_whole(file, verdict.model_dump_json(indent=2) + "\n")


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
    mended = ""
    if verdict.mended:
        files = ", ".join(verdict.mended.files)
        mended = f"\nIts tests found fault with {verdict.mended.fault.text}\nChanged by the code role for it: {files}\n"
    return f"{task.title}\n{refs}{mended}\nVerified on tree {verdict.tree}:\n{seen}"
