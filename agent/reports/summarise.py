"""From a journal to the report: nothing but the event stream is looked at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ..acceptance.models import say
from ..errors import UserError
from ..events import NOT_LANDED, read_journal
from ..planner.groups import WHY_GROUP
from .fold import RunFold
from .models import BudgetLine, Issue, IssueKind, Left, Readiness, Report, TaskReport, Usage
from .models import TestFigures as Figures
from .words import one_line, plural, say_counts

NEARLY = 0.8
MOST_DOUBTS = 12
MOST_TOLD = 2000
"""Characters of a notice; the longest ones hold what git said."""
BEFORE_ITS_CODE = "before that code is there"
"""The end of what the mutation gate says of tests that wait."""


def summarise(journal: Path) -> Report:
    """The report of a run, from its journal alone.

    Works on the journal of a run that is under way, was killed or was resumed.

    Args:
        journal: The run's event file (JSON lines).

    Raises:
        UserError: The file cannot be read as a journal.
    """
    return build_report(events_of(journal), run=journal.parent.name)


def events_of(journal: Path) -> Iterator[Any]:
    """The events of a journal.

    Raises:
        UserError: The file is missing, or a line of it is not an event.
    """
    number = 0
    try:
        for event in read_journal(journal):
            number += 1
            yield event
    except FileNotFoundError:
        raise UserError("the run has no journal", where=journal, mend="See `kfpilot status` for the runs.") from None
    except (ValidationError, UnicodeDecodeError):
        raise UserError(
            "not an event of this version of kfpilot",
            where=journal,
            line=number + 1,
            mend="The line is damaged or was written by another version; the commits of the run are not affected.",
        ) from None


def build_report(events: Iterable[Any], run: str = "") -> Report:
    """The report over a sequence of events.

    Args:
        events: The events in order.
        run: The run's id, if no event gives it.
    """
    fold = RunFold()
    for event in events:
        fold.apply(event)
    return report_of(fold, run)


def report_of(fold: RunFold, run: str = "") -> Report:
    """The report of what has been folded so far."""
    start, first, finish = fold.start, fold.first, fold.finish
    report = Report(run=start.run if start else run, sessions=fold.sessions, usage=fold.usage, seconds=fold.seconds)
    if start and first:
        report.feature, report.branch, report.base = start.feature, start.branch, first.base
        report.model, report.worker, report.words = start.model, start.worker, start.words or first.words
        report.started = first.at or None
    report.carried = any(notice.code == "documents-committed" for notice in fold.notices)
    report.last_event = fold.last_at
    if finish:
        report.feature = report.feature or feature_of(finish.branch)
        report.state, report.exit_code, report.message = finish.outcome, finish.exit_code, finish.message
        report.head, report.landed = finish.head, finish.landed
        report.branch = finish.branch or report.branch
        told = [notice.message for notice in fold.notices if notice.code == NOT_LANDED]
        report.not_landed = told[-1] if told and not report.landed else ""
        if not fold.seconds:
            report.seconds = finish.seconds
    report.tasks = [_task(fold, task) for task in fold.tasks.values()]
    if report.head is None:
        report.head = next((task.commit for task in reversed(report.tasks) if task.commit), None)
    if fold.plan:
        report.plan_source, report.warnings = fold.plan.source, len(fold.plan.warnings)
        # A resumed run's plan leaves out what an earlier session has done: that is not left out of the run.
        # A group is its sub-tasks, and these are told.
        skipped = [skip for skip in fold.plan.skipped if not skip.why.startswith(WHY_GROUP)]
        report.left_out = [Left(id=skip.id, why=skip.why) for skip in skipped if skip.id not in fold.tasks]
    report.attempts, report.budgets = fold.attempts, _budgets(fold, report)
    report.tests = _figures(fold)
    report.acceptance, report.review = fold.acceptance, fold.review
    report.issues = list(_issues(fold, report))
    report.readiness = readiness(report)
    return report


def feature_of(branch: str) -> str:
    """The feature of a run's branch: all that a journal tells when the run broke off before it began."""
    return branch.removeprefix("kfpilot/") if branch.startswith("kfpilot/") else ""


def _task(fold: RunFold, task: TaskReport) -> TaskReport:
    copy = task.model_copy(deep=True)
    copy.seconds = round(fold.seconds_of(task), 3)
    return copy


def _budgets(fold: RunFold, report: Report) -> list[BudgetLine]:
    """The run's budgets with what is used, and of the tasks' those that are used to four fifths."""
    if fold.budgets is None:
        return []

    def lines(whose: str, limits: dict[str, float], usage: Usage, attempts: int, seconds: float) -> list[BudgetLine]:
        used = {
            "tokens": usage.tokens,
            "cost": usage.cost or 0.0,
            "calls": usage.calls,
            "attempts": attempts,
            "seconds": seconds,
        }
        return [BudgetLine(whose=whose, kind=kind, used=used[kind], limit=limit) for kind, limit in limits.items()]

    found = lines("run", fold.budgets.run, report.usage, report.attempts, round(report.seconds, 1))
    for task in report.tasks:
        own = lines(task.id, fold.budgets.task, task.usage, task.attempts, round(task.seconds, 1))
        found += [line for line in own if line.used >= NEARLY * line.limit]
    return found


def _figures(fold: RunFold) -> Figures:
    before, after = fold.baseline, fold.final
    return Figures(
        before=before.counts if before else None,
        after=after.counts if after else None,
        coverage_before=before.coverage if before else None,
        coverage_after=after.coverage if after else None,
        change_coverage=after.change_coverage if after else None,
        uncovered=after.uncovered if after else [],
        final_check=after.passed if after else None,
        failures=after.failures if after else [],
    )


def _issues(fold: RunFold, report: Report) -> Iterator[Issue]:
    for task in report.tasks:
        issue = _issue_of(task)
        if issue:
            yield issue
    if report.tests.final_check is False:
        for failure in report.tests.failures or ["the final check of the whole branch failed"]:
            yield Issue(kind="regression", text=f"Final check: {one_line(failure)}")
    elif report.tests.after and (
        still := sum(report.tests.after.get(name, 0) for name in ("failed", "error", "errors"))
    ):
        yield Issue(kind="regression", text=f"{plural(still, 'test')} that failed before the run still fail")
    before, after = report.tests.coverage_before, report.tests.coverage_after
    if before is not None and after is not None and after < before - 0.05:
        yield Issue(kind="warning", text=f"Coverage fell from {before:.1f} % to {after:.1f} %")
    for text, tasks in _not_verified(report).items():
        # One line for what many gates say: "cannot run containers here" stands for every task that hit it.
        yield Issue(kind="not-verified", text=f"{text} ({', '.join(tasks)})")
    yield from gate_warnings(report)
    for warning in fold.plan.warnings if fold.plan else []:
        place = f" (line {warning.line})" if warning.line else ""
        yield Issue(kind="warning", text=f"{warning.code}: {one_line(warning.message)}{place}")
    for task in report.accused:
        if task.fault:
            text = f"{task.id}: its tests find fault with {one_line(task.fault.text)}; {one_line(task.fault_end)}"
            yield Issue(kind="warning", task=task.id, text=text)
    yield from _acceptance_issues(report)
    seen = {warning.message for warning in fold.plan.warnings} if fold.plan else set()
    for notice in fold.notices:
        if notice.level != "info" and notice.message not in seen:
            seen.add(notice.message)
            kind: IssueKind = "error" if notice.level == "error" else "warning"
            code = f"{notice.code}: " if notice.code else ""
            # Whole: at the end of a notice stands how to mend what it tells.
            yield Issue(kind=kind, text=code + one_line(notice.message, MOST_TOLD))


def gate_warnings(report: Report) -> Iterator[Issue]:
    """What gates that let a task pass have doubts about."""
    told = [
        (task.id, f"{task.id}, gate {gate.gate}: {one_line(warning)}")
        for task in report.tasks
        if task.state == "verified"
        for gate in task.gates
        for warning in gate.warnings
    ]
    for task, text in told[:MOST_DOUBTS]:
        yield Issue(kind="warning", task=task, text=text)
    if len(told) > MOST_DOUBTS:
        more = plural(len(told) - MOST_DOUBTS, "more warning")
        yield Issue(kind="warning", text=f"{more} of gates: in report.json, under the gates of the tasks")


def _acceptance_issues(report: Report) -> Iterator[Issue]:
    """Rows that are open although their tasks are done, and the reviewer's findings; gaps stand among the warnings."""
    unfinished = {task.id for task in report.open}
    for row in report.acceptance:
        if row.verdict == "open" and not row.gap and not unfinished & set(row.tasks):
            yield Issue(kind="warning", text=f"Acceptance: {row.id} is open: {one_line(row.why)}")
    for found in report.review.findings if report.review else []:
        place = f"{found.file}:{found.line}"
        yield Issue(kind="warning", text=f"Review, {found.severity}: {place}: {one_line(found.what)}")


def _issue_of(task: TaskReport) -> Issue | None:
    why = f": {one_line(task.why)}" if task.why else ""
    match task.state:
        case "failed":
            kept = f"; its work is kept in {task.patch}" if task.patch else ""
            return Issue(
                kind="failed",
                task=task.id,
                text=f"{task.id} failed after {plural(task.attempts, 'attempt')}{why}{kept}",
            )
        case "skipped":
            return Issue(kind="skipped", task=task.id, text=f"{task.id} was skipped{why}")
        case "unfinished":
            last = f"; its last attempt failed{why}" if task.why else ""
            return Issue(kind="unfinished", task=task.id, text=f"{task.id} was begun and not finished{last}")
        case "pending":
            return Issue(kind="unfinished", task=task.id, text=f"{task.id} was not reached")
    return None


def _not_verified(report: Report) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    # Of tests that waited for their code it was seen with that code.
    seen = {first.file for task in report.verified for gate in task.gates for first in gate.test_first if first.red}
    for task in report.verified:
        for gate in task.gates:
            for text in gate.not_verified:
                if text.endswith(BEFORE_ITS_CODE) and text.partition(":")[0] in seen:
                    continue
                tasks = found.setdefault(one_line(text), [])
                if task.id not in tasks:
                    tasks.append(task.id)
    return found


def readiness(report: Report) -> Readiness:
    """Whether what the run made can be deployed, in one paragraph with its reasons.

    "Ready" needs: the run came to its end, there is at least one task, every selected task is verified, and the final
    check of the whole branch ran and passed.

    Args:
        report: The report, complete but for this part.
    """
    against = list(_against(report))
    unseen = list(_not_verified(report))
    done, total = len(report.verified), len(report.tasks)
    parts: list[str] = []
    if against:
        parts.append(f"Not ready to deploy: {'; '.join(against)}.")
        if done:
            parts.append(f"{done} of {plural(total, 'task')} verified; each of them is a commit of its own.")
    else:
        parts.append(
            f"Ready for review and a trial deployment: {'the task' if total == 1 else f'all {total} tasks'} verified, "
            f"and the final check of the whole branch passed{_after(report)}."
        )
    if report.left_out:
        parts.append(
            f"{plural(len(report.left_out), 'task')} of tasks.md {'was' if len(report.left_out) == 1 else 'were'} "
            "not part of this run; nothing is said about them."
        )
    if report.warnings:
        parts.append(
            f"The plan carries {plural(report.warnings, 'warning')} about the documents, see the known issues."
        )
    if report.acceptance:
        parts.append(f"Acceptance: {say(report.acceptance)}.")
    if unseen:
        parts.append(f"Not verified on this machine: {'; '.join(unseen)}.")
    if not against:
        # Even a clean run saw no cluster: say so rather than let "ready" promise it.
        parts.append("No cluster was used: image builds, scheduling, permissions and real data are still to be tried.")
    return Readiness(ready=not against, text=" ".join(parts), reasons=against, not_verified=unseen)


def _against(report: Report) -> Iterator[str]:
    if report.taken_back:
        yield f"taken back since: {_some(report.taken_back)}"
    if report.state == "unfinished":
        yield "the run works now" if report.working else "the run has not finished"
    elif report.state != "verified" and report.state != "partly":
        told = {
            "budget": "a budget ended the run",
            "interrupted": "the run was interrupted",
            "error": "the run broke off",
        }
        yield told[report.state] + (f" ({one_line(report.message)})" if report.message else "")
    if not report.tasks:
        yield "no task was worked"
    for state, words in (
        ("failed", "failed"),
        ("skipped", "skipped"),
        ("unfinished", "unfinished"),
        ("pending", "not reached"),
    ):
        ids = [task.id for task in report.tasks if task.state == state]
        if ids:
            yield f"{words}: {_some(ids)}"
    if report.state == "partly" and not report.open:
        yield "the run ended with something not verified"
    if report.tests.final_check is None:
        yield "the final check of the whole branch did not run"
    elif not report.tests.final_check:
        count = len(report.tests.failures)
        yield "the final check of the whole branch failed" + (f" with {plural(count, 'failure')}" if count else "")


def _after(report: Report) -> str:
    counts = report.tests.after
    return f" ({say_counts(counts)})" if counts else ""


def _some(ids: list[str], limit: int = 8) -> str:
    more = len(ids) - limit
    return ", ".join(ids[:limit]) + (f" and {more} more" if more > 0 else "")
