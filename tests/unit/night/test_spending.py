"""The budgets of a night and of its features, as a run's books see them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from kfpilot.agent.budgets import Ledger, Limits
from kfpilot.agent.errors import BudgetExceeded
from kfpilot.agent.events import ModelCalled
from kfpilot.agent.night.models import Budget, Entry, Item, Night, Used
from kfpilot.agent.night.spending import scope_of_feature, scope_of_night, used_of, why_over


def item(used: Used | None = None, **budget: Any) -> Item:
    entry = Entry(name="a", root=Path("/r"), feature="a", directory="specs/a", priority=1, budget=Budget(**budget))
    return Item(entry=entry, state="running", used=used or Used())


def night(*items: Item, **more: Any) -> Night:
    return Night(id="20260101-220000-aaaa", home=Path("/r"), started=1_000_000.0, items=list(items), **more)


def called(tokens: int) -> ModelCalled:
    return ModelCalled(task="T001", prompt_tokens=tokens, completion_tokens=0)


def books(whole: Night) -> Ledger:
    """Those of a run of the night's first feature."""
    return Ledger(Limits(), Limits(), outer=[scope_of_night(whole), scope_of_feature(whole.items[0])])


def test_a_feature_ends_before_the_call_that_it_cannot_pay() -> None:
    ledger = books(night(item(calls=2)))
    ledger.take(called(10))
    ledger.check()
    ledger.take(called(10))
    with pytest.raises(BudgetExceeded, match="the feature's budget of model calls is used up: 2 of 2") as caught:
        ledger.check()
    assert caught.value.scope == "feature"


def test_a_call_that_is_larger_than_what_is_left_is_not_made() -> None:
    ledger = books(night(item(), budget=Budget(tokens=100)))
    ledger.take(called(80))
    ledger.check(20)
    with pytest.raises(BudgetExceeded, match="the night's budget of tokens is used up: 80 of 100 used, and the next"):
        ledger.check(21)


def test_the_nights_budget_counts_what_came_before() -> None:
    other = item(Used(tokens=999))
    ledger = books(night(item(), other, budget=Budget(tokens=1000)))
    ledger.check()
    ledger.take(called(2))
    with pytest.raises(BudgetExceeded, match="the night's budget") as caught:
        ledger.check()
    assert caught.value.scope == "night"


def test_what_a_killed_session_used_of_a_feature_counts() -> None:
    with pytest.raises(BudgetExceeded, match="the feature's budget of model calls"):
        books(night(item(Used(calls=2), calls=2))).begin_attempt()


def test_no_call_is_made_after_the_nights_hour() -> None:
    over = night(item(), deadline=time.time() - 1)
    with pytest.raises(BudgetExceeded, match=r"^the night ends at \d\d:\d\d\n") as caught:
        books(over).check()
    assert caught.value.scope == "night" and why_over(scope_of_night(over)) == caught.value.what
    early = night(item(), deadline=time.time() + 900)
    books(early).check()
    assert 890 < (books(early).time_left() or 0) <= 900
    assert why_over(scope_of_night(early)) == ""


def test_minutes_of_work_are_a_budget_too() -> None:
    worked = night(item(Used(seconds=61)), budget=Budget(minutes=1))
    assert why_over(scope_of_night(worked)) == "the night's budget of time is used up: 61 s of 60 s used"
    assert used_of(scope_of_feature(worked.items[0])) == Used(seconds=61)
