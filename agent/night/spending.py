"""The budgets of a night and of its features, as scopes: the books of each run look at them before every call."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from ..budgets import KINDS, Limits, Scope, Spent, told
from .models import Budget, Item, Night, Used


def scope_of_night(night: Night) -> Scope:
    """The night's budget, with what its features have used and the hour at which it ends."""
    return Scope("night", limits_of(night.budget), spent_of(night.used), "night", until=night.deadline)


def scope_of_feature(item: Item) -> Scope:
    """A feature's budget; what it used earlier in the same night, before a kill, counts."""
    return Scope("feature", limits_of(item.entry.budget), spent_of(item.used), "feature")


def used_of(scope: Scope) -> Used:
    """What is used by now, as the night's record holds it."""
    return Used(tokens=scope.spent.tokens, calls=scope.spent.calls, seconds=round(scope.used("seconds"), 3))


def why_over(scope: Scope) -> str:
    """Which limit is reached, in words; empty while none is."""
    kind = scope.ended_by(KINDS)
    return told(scope, kind) if kind else ""


@contextmanager
def time_runs(scopes: Sequence[Scope]) -> Iterator[None]:
    """Their time runs inside."""
    for scope in scopes:
        scope.start()
    try:
        yield
    finally:
        for scope in scopes:
            scope.stop()


def limits_of(budget: Budget) -> Limits:
    """What a backlog says, in the terms of a run's budgets."""
    seconds = None if budget.minutes is None else 60 * budget.minutes
    return Limits(tokens=budget.tokens, calls=budget.calls, seconds=seconds)


def spent_of(used: Used) -> Spent:
    """What was used, in the same terms."""
    return Spent(tokens=used.tokens, calls=used.calls, seconds=used.seconds)
