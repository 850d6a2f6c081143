"""Works the features of a night one after another; whatever happens to one, the others get their turn."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from ..budgets import Scope
from ..documents import load_feature
from ..errors import EXIT_NOT_VERIFIED, EXIT_OK, BudgetExceeded, Interrupted, KfpilotError, ModelError, UserError
from ..events import Listener, RunStarted, TaskFinished
from ..reports.find import RunInfo, list_runs
from ..reports.summarise import summarise
from ..settings import Settings
from ..workflow.driver import NothingToDo, implement
from ..workflow.place import Request
from .landing import land_item, send_early, sync
from .merging import waits_for_merge
from .models import Entry, Item, Night
from .persons import needs_person
from .policy import why_skipped
from .record import brief
from .spending import scope_of_feature, scope_of_night, time_runs, used_of, why_over
from .summary import save

UNFINISHED = ("unfinished", "interrupted", "budget", "error")
GOOD = ("verified", "done")
EXIT_NO_MODEL = ModelError.exit_code

Show = Callable[[Item, int, int], "AbstractContextManager[Listener | None]"]
"""Gets an item, its number and how many there are; gives a listener for its run."""


def no_show(item: Item, number: int, total: int) -> AbstractContextManager[Listener | None]:
    """Shows nothing."""
    return nullcontext(None)


def work_night(night: Night, settings_of: Callable[[Entry], Settings], show: Show = no_show) -> int:
    """Work every item that has no outcome yet; returns the exit code.

    Args:
        night: As `begin` gives it; it is changed, and saved after each step.
        settings_of: The settings of a feature's run.
        show: Shows a run while it goes on.
    """
    save(night)
    budget = scope_of_night(night)
    try:
        for number, item in enumerate(night.items, 1):
            if item.state != "pending":
                continue
            over = why_over(budget)
            if over:
                night.state, night.message = "budget", over
                break
            with show(item, number, len(night.items)) as listener:
                work_item(night, item, settings_of, listener, budget)
            save(night)
            if night.state != "running":
                break
    except (KeyboardInterrupt, Interrupted):
        night.state, night.message = "interrupted", "stopped; what is unfinished goes on when it is started again"
    finish(night)
    save(night)
    return night.exit_code or 0


def work_item(
    night: Night, item: Item, settings_of: Callable[[Entry], Settings], listener: Listener | None, budget: Scope
) -> None:
    """One feature: may it be worked, is there work, the run, and where its work goes."""
    item.started, item.state = time.time(), "running"
    save(night)
    try:
        if may_begin(night, item):
            sync(night, item)
            if waits_for_merge(item.entry):
                item.state, item.why = "done", "all of it is verified on its branch, which waits to be merged"
            else:
                run_item(night, item, settings_of(item.entry), listener, budget)
    except (KeyboardInterrupt, Interrupted):
        night.state = "interrupted"
        item.state, item.why = "interrupted", "stopped; the next night goes on with it"
    except KfpilotError as error:
        item.state, item.why, item.exit_code = "error", brief(error), error.exit_code
    except Exception as error:
        # A defect that one feature's documents or code bring to light must not cost the others their night.
        item.state, item.why, item.exit_code = "error", f"{type(error).__name__}: {brief(error)}", EXIT_NOT_VERIFIED
    if night.state == "interrupted":
        night.message = "stopped; what is unfinished goes on when it is started again"
    look_at_run(item)
    item.person = needs_person(item)
    if item.state not in ("skipped", "waiting"):
        land_item(night, item)
        item.person = needs_person(item)
    item.ended = time.time()


def may_begin(night: Night, item: Item) -> bool:
    """Whether dependencies and policy let a feature be worked; says why not."""
    entry = item.entry
    here = {other.entry.name: other.state for other in night.items}
    for name in entry.depends_on:
        # What is not part of this night (--only) is not known; its branch is built upon if there is one.
        state = here.get(name, "done")
        if state not in GOOD:
            item.state, item.why = "waiting", f"depends on {name}, which is not verified ({state})"
            return False
    why = why_skipped(load_feature(entry.root / entry.directory, entry.root), entry.gate)
    if why:
        item.state, item.why = "skipped", why
        return False
    return True


def run_item(night: Night, item: Item, settings: Settings, listener: Listener | None, budget: Scope) -> None:
    """Run or resume a feature and keep what came of it."""
    entry, own = item.entry, scope_of_feature(item)
    before = last_run(entry)
    item.run = before.id if before else None

    def keep(event: Any) -> None:
        item.used = used_of(own)
        if isinstance(event, RunStarted):
            item.run = event.run
        elif isinstance(event, TaskFinished):
            save(night)
            if event.commit:
                send_early(night, item)

    listeners: list[Listener] = [*([listener] if listener else []), keep]
    request = Request(
        feature=str(entry.root / entry.directory),
        words=entry.words,
        tasks=entry.tasks,
        stories=entry.stories,
        after=entry.after,
    )  # fmt: skip
    item.resumed = before is not None and before.outcome in UNFINISHED
    try:
        with time_runs([budget, own]):
            item.exit_code = start(entry.root, request, settings, listeners, [budget, own], resume=item.resumed)
        item.state = "verified" if item.exit_code == EXIT_OK else "partly"
    except NothingToDo as end:
        item.state, item.why, item.exit_code = after_nothing(before, end)
    except BudgetExceeded as error:
        item.state, item.why, item.exit_code = "budget", error.what, error.exit_code
        if error.scope == "night":
            night.state, night.message = "budget", error.what
    finally:
        item.used = used_of(own)


def start(
    root: Path, request: Request, settings: Settings, listeners: list[Listener], budgets: list[Scope], *, resume: bool
) -> int:
    """Start or resume; a record that cannot be resumed gives way to a new run."""
    if resume:
        try:
            return implement(root, request, settings, listeners, resume=True, outer=budgets)
        except UserError as error:
            if "record cannot be read" not in error.what:
                raise
    return implement(root, request, settings, listeners, outer=budgets)


def after_nothing(before: RunInfo | None, end: NothingToDo) -> tuple[Any, str, int]:
    """Nothing is left to do: done, unless the latest run says that the whole does not pass."""
    if before is not None and before.outcome == "partly":
        report = summarise(before.journal)
        if report.tests.final_check is False:
            return "partly", "every task is done, and the final check of the whole branch failed", EXIT_NOT_VERIFIED
        if report.open:
            return "partly", f"{end}; the latest run left tasks open", EXIT_NOT_VERIFIED
    return "done", str(end), EXIT_OK


def last_run(entry: Entry) -> RunInfo | None:
    """The feature's latest run."""
    return next(iter(list_runs(entry.root, entry.feature)), None)


def look_at_run(item: Item) -> None:
    """The report of the run the item stands for, from its journal."""
    found = last_run(item.entry)
    if found is None or item.state in ("skipped", "waiting"):
        return
    try:
        item.report, item.run = summarise(found.journal), found.id
    except UserError as error:
        item.why = item.why or brief(error)


def finish(night: Night) -> None:
    """Settle what was not reached, the state and the exit code."""
    for item in night.items:
        if item.state == "pending":
            item.why = night.message or "not reached"
        elif item.state == "running":
            item.state, item.why = "interrupted", "stopped; the next night goes on with it"
    if night.state == "running":
        night.state = "finished"
    night.ended = time.time()
    night.exit_code = exit_code_of(night)


def exit_code_of(night: Night) -> int:
    """130 interrupted · 3 a budget ended the night or a feature · 4 no model at all · 1 some not verified or landed."""
    if night.state == "interrupted":
        return Interrupted.exit_code
    if night.state == "budget" or any(item.state == "budget" for item in night.items):
        return BudgetExceeded.exit_code
    tried = [item for item in night.items if item.state not in ("skipped", "waiting", "done")]
    if tried and all(item.exit_code == EXIT_NO_MODEL for item in tried):
        return EXIT_NO_MODEL
    stuck = any(item.landed and item.landed.problem for item in night.items)
    return EXIT_OK if all(item.state in GOOD for item in night.items) and not stuck else EXIT_NOT_VERIFIED
