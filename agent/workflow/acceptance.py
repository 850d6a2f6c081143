"""The end of a run after its final check: the acceptance table, then the reviewer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ...tools import git
from ...tools.pytest_run import TestRun
from ..acceptance.models import Row, TaskEvidence
from ..acceptance.request import ReviewedTask
from ..acceptance.review import Review
from ..acceptance.reviewer import review_work, why_not
from ..acceptance.table import build_table
from ..acceptance.written import unchanged_tests
from ..documents.models import Feature
from ..errors import ToolFailure
from ..events import AcceptanceReady, AttemptFinished, FinalCheck, Notice, ReviewFinished, RunStarted, read_journal
from ..planner.classify import classify
from ..planner.groups import is_group, members
from ..planner.paths import role_of_path
from ..verifier.models import Verdict
from .place import task_commits
from .session import Run

if TYPE_CHECKING:
    from git import Repo


def make_table(run: Run, done: TestRun, outcomes: Mapping[str, str]) -> None:
    """Build the table on the branch's head and tell it. The final check stands, whatever happens here."""
    try:
        feature = run.documents()
        tasks = task_evidence(run.repo, run.head(), feature)
        for key, outcome in outcomes.items():
            if key in tasks and outcome in ("verified", "failed", "skipped"):
                tasks[key].state = outcome  # type: ignore[assignment]
        for key, verdict in verdicts_of(run).items():
            if key in tasks:
                tasks[key].gates = [gate.gate for gate in verdict.gates if gate.passed]
                tasks[key].not_verified = [text for gate in verdict.gates for text in gate.not_verified]
        rows = build_table(feature, tasks, done, run.place.worktree)
    except Exception as error:
        # A defect in reading somebody's documents or tests must not undo a run that is verified: it is told, and
        # the report has no table.
        message = f"the acceptance table could not be made: {type(error).__name__}: {error}"
        run.emit(Notice(level="error", code="no-acceptance", message=message))
        return
    run.emit(AcceptanceReady(rows=[row.model_dump(mode="json") for row in rows]))


def ask_reviewer(run: Run, outcomes: Mapping[str, str]) -> None:
    """Have the work reviewed, if the settings and the model are for it, and tell what came of it."""
    rows = table_again(run)
    start, head = run.place.start, run.head()
    git.restore(run.place.worktree, head)
    patch = git.diff(run.place.worktree, start)
    why = why_not(run.settings.review, run.handle, rows, patch)
    if why:
        review = Review(done=False, why=why)
    else:
        verdicts = verdicts_of(run)
        said = last_said(run)
        tasks = [
            ReviewedTask(
                id=task.id,
                title=task.title,
                role=task.role,
                state=outcomes.get(task.id, "open"),
                said=said.get(task.id, ""),
                gates=verdicts[task.id].gates if task.id in verdicts else [],
            )
            for task in run.plan.tasks
        ]
        review = review_work(
            run.documents(),
            rows,
            tasks,
            patch,
            lambda path: lines_of(run.repo, (head, start), path),
            run.handle,
            run.emit,
        )
    run.emit(ReviewFinished(review=review.model_dump(mode="json")))


def table_again(run: Run) -> list[Row]:
    """The table. A run that was killed in its review tells the end of its tests again: the head is still the same."""
    events = list(read_journal(run.journal.path))
    begun = max((i for i, event in enumerate(events) if isinstance(event, RunStarted)), default=0)
    ends = [i for i, event in enumerate(events) if isinstance(event, FinalCheck)]
    if ends and ends[-1] < begun:
        for event in events[ends[-1] : begun]:
            if isinstance(event, FinalCheck | AcceptanceReady):
                run.emit(event)
    ready = [event for event in events[ends[-1] if ends else 0 :] if isinstance(event, AcceptanceReady)]
    return [Row.model_validate(row) for row in ready[-1].rows] if ready else []


def last_said(run: Run) -> dict[str, str]:
    """What the worker of each task said of its last attempt."""
    return {event.task: event.said for event in read_journal(run.journal.path) if isinstance(event, AttemptFinished)}


def lines_of(repo: Repo, commits: tuple[str, ...], path: str) -> int | None:
    """How many lines a file has in the first of some commits that has it; None for none. Git alone is asked."""
    for commit in commits:
        try:
            data = git.show(repo, commit, path)
        except ToolFailure:
            return None
        if data is not None:
            return len(data.splitlines())
    return None


def verdicts_of(run: Run) -> dict[str, Verdict]:
    """The evidence that this run has kept, by task."""
    found = {}
    for file in sorted((run.place.record / "evidence").glob("*.json")):
        verdict = Verdict.model_validate_json(file.read_text(encoding="utf-8"))
        found[verdict.task] = verdict
    return found


def task_evidence(repo: Repo, head: str, feature: Feature) -> dict[str, TaskEvidence]:
    """What boxes and commits say of every task of a feature.

    Args:
        repo: The repository.
        head: The commit whose history counts.
        feature: The documents, with the ticks as they stand.
    """
    commits = {task: sha for sha, task in task_commits(repo, head, feature.name)}
    found = {}
    for task in feature.tasks.tasks:
        evidence = TaskEvidence(
            key=task.key, roles=classify(task, feature), files=list(task.files), optional=task.optional
        )
        sha = commits.get(task.key)
        if task.state == "done":
            evidence.state = "verified" if sha else "ticked"
        elif task.state == "deferred":
            evidence.state = "deferred"
        if sha and task.state == "done":
            names = repo.git.diff_tree("-r", "--root", "--no-commit-id", "--name-only", "-z", sha).split("\0")
            evidence.commit = sha
            evidence.files += [name for name in names if name and name not in evidence.files]
            body = repo.git.log("-1", "--format=%b", sha)
            evidence.gates = re.findall(r"(?m)^- ([\w-]+): ", body)
            noticed = re.search(r"(?m)^- mutation: (\d+) of \d+ changes", body)
            evidence.noticed = int(noticed[1]) if noticed else None
            evidence.earlier = [test for name in names for test in earlier_tests(repo, sha, name)]
        found[task.key] = evidence
    for task in feature.tasks.tasks:
        below = [found[member.key] for member in members(task, feature)] if task.state == "done" else []
        if is_group(task, feature) and below and all(other.state == "verified" for other in below):
            # What stands for it is what stands for its sub-tasks.
            evidence = found[task.key]
            evidence.state, evidence.commit = "verified", below[-1].commit
            evidence.gates = [gate for gate in below[0].gates if all(gate in other.gates for other in below)]
            evidence.files = list(dict.fromkeys(name for other in below for name in other.files))
    return found


def earlier_tests(repo: Repo, sha: str, path: str) -> list[str]:
    """The tests of a file that a commit left as they were."""
    if not path.endswith(".py") or role_of_path(path) != "tests":
        return []
    parents = repo.commit(sha).parents
    before, after = (git.show(repo, commit, path) for commit in (parents[0].hexsha if parents else sha, sha))
    if not parents or before is None or after is None:
        return []
    return unchanged_tests(path, before.decode("utf-8", "replace"), after.decode("utf-8", "replace"))
