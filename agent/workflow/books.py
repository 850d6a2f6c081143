"""A run's budgets, opened with what its earlier sessions used, and the guard that keeps to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..budgets import Ledger, Limits, Scope, Spent, check_price, limits_of, price_of
from ..events import BudgetsSet, Journal, Notice, read_journal
from ..models.choose import kind_of
from ..models.guard import Guard
from ..models.handle import Handle
from ..reports.fold import RunFold
from ..reports.models import Usage
from ..settings import Settings
from .stopping import Stop


def open_ledger(
    settings: Settings, handle: Handle, journal: Journal, outer: Sequence[Scope] = ()
) -> tuple[Ledger, list[Any]]:
    """The books of a run; they listen to its journal from now on.

    Args:
        settings: The limits and the prices.
        handle: The model.
        journal: The run's; what earlier sessions wrote into it counts.
        outer: Budgets that are not the run's own, such as a night's.

    Returns:
        The ledger, and the events to tell once the run has begun.

    Raises:
        UserError: Money is limited, and nothing says what the model costs.
    """
    run, task = limits_of(settings)
    price = price_of(settings, handle.name, handle.kind)
    warning = check_price(settings, handle.name, price)
    ledger = Ledger(run, task, price, emit=journal.emit, outer=outer)
    if journal.path.exists():
        fold = RunFold()
        for event in read_journal(journal.path):
            fold.apply(event)
        ledger.seed(
            spent(fold.usage, fold.attempts, fold.seconds),
            {key: spent(one.usage, one.attempts, one.seconds) for key, one in fold.tasks.items()},
        )
    ledger.run.start()
    journal.listeners.append(ledger.take)
    told: list[Any] = [BudgetsSet(run=said(run), task=said(task), priced=price is not None)]
    if warning:
        told.append(Notice(level="warning", code="price-unknown", message=warning))
    return ledger, told


def check_money(settings: Settings) -> None:
    """The same check before any model is opened, as far as its name is known by then.

    Raises:
        UserError: Money is limited, and nothing says what the model costs.
    """
    kind, name = kind_of(settings)
    if name or kind in ("embedded", "replay") or not settings.prices:
        name = name or "that the endpoint serves"
        check_price(settings, name, price_of(settings, name, kind))


def said(limits: Limits) -> dict[str, float]:
    """The limits that there are."""
    return limits.model_dump(exclude_none=True)


def spent(usage: Usage, attempts: int, seconds: float) -> Spent:
    """What the journal says was used."""
    return Spent(tokens=usage.tokens, cost=usage.cost or 0.0, calls=usage.calls, attempts=attempts, seconds=seconds)


def guard_of(settings: Settings, journal: Journal, ledger: Ledger, stop: Stop) -> Guard:
    """The guard of the run's model; a run that is to stop waits for no endpoint."""

    def sleep(seconds: float) -> None:
        stop.asked.wait(seconds)
        stop.check()

    return Guard(
        settings.model_wait,
        check=ledger.check,
        emit=lambda event: journal.emit(ledger.stamp(event)),
        time_left=ledger.time_left,
        sleep=sleep,
    )
