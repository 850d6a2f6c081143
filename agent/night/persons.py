"""What needs a person, and why: in one line for each feature."""

from __future__ import annotations

from ..reports.words import one_line, plural
from .models import Item


def needs_person(item: Item) -> str:
    """What somebody has to do before the next night can do better; empty when nobody has to."""
    parts = []
    match item.state:
        case "skipped":
            parts.append(f"settle what is open: {item.why}; or set `gate: proceed`")
        case "waiting":
            parts.append(f"look at what it waits for: {item.why}")
        case "error":
            parts.append(f"mend this: {item.why}")
        case "partly":
            parts.append(of_report(item))
    if item.landed and item.landed.problem:
        parts.append(f"bring the branch {item.landed.branch} there by hand: {item.landed.problem}")
    return "; ".join(part for part in parts if part)


def of_report(item: Item) -> str:
    """The tasks that failed, and why the first did."""
    report = item.report
    failed = [task for task in report.tasks if task.state == "failed"] if report else []
    if failed:
        first = failed[0]
        others = f" (and {plural(len(failed) - 1, 'other task')})" if len(failed) > 1 else ""
        return f"look at {first.id}{others}: {one_line(first.why or 'not verified', 200)}"
    if report and report.tests.final_check is False:
        failures = report.tests.failures or ["it failed"]
        return f"look at the final check of the whole branch: {one_line(failures[0], 200)}"
    return item.why or "look at the report"
