"""The books: what is counted, when it is told and stopped, what money is known."""

from __future__ import annotations

from typing import Any

import pytest
from kfpilot.agent.budgets import Ledger, Limits, Scope, Spent, check_price, cost_of, price_of, working_on
from kfpilot.agent.errors import BudgetExceeded, UserError
from kfpilot.agent.events import AttemptStarted, ModelCalled, Notice, TaskFinished
from kfpilot.agent.settings import Price, Settings, load_settings


def called(tokens: int, task: str | None = None) -> ModelCalled:
    return ModelCalled(task=task, prompt_tokens=tokens, completion_tokens=0)


def ledger(run: Limits | None = None, task: Limits | None = None, **more: Any) -> tuple[Ledger, list[Notice]]:
    told: list[Notice] = []
    return Ledger(run or Limits(), task or Limits(), emit=told.append, **more), told


def test_without_limits_nothing_ends() -> None:
    books, told = ledger()
    books.take(called(10**9))
    books.check(10**9)
    assert told == []


def test_the_scope_of_the_error_is_that_of_the_budget() -> None:
    books, _ = ledger(Limits(tokens=100), Limits(tokens=10))
    books.take(called(10, "T001"))
    with working_on("T001"), pytest.raises(BudgetExceeded, match="T001's budget of tokens") as caught:
        books.check()
    assert caught.value.scope == "task" and "--max-tokens-per-task" in caught.value.mend
    with working_on("T002"):
        books.check()
    books.take(called(90))
    with working_on("T002"), pytest.raises(BudgetExceeded, match="the run's budget of tokens") as caught:
        books.check()
    assert caught.value.scope == "run"


def test_each_kind_is_told_once_at_four_fifths() -> None:
    books, told = ledger(Limits(tokens=100, calls=100))
    for _ in range(9):
        books.take(called(10))
    assert [event.message for event in told] == ["80 % of the run's budget of tokens is used: 80 of 100"]
    assert told[0].level == "warning"


def test_a_tasks_time_stands_still_while_it_is_not_worked() -> None:
    now = [0.0]
    books, _ = ledger(task=Limits(seconds=10), now=lambda: now[0])
    books.take(AttemptStarted(task="T001", attempt=1, of=3))
    now[0] = 6
    books.take(TaskFinished(task="T001", outcome="failed"))
    now[0] = 600
    books.take(AttemptStarted(task="T001", attempt=1, of=3))
    books.check(task="T001")
    now[0] = 605
    with pytest.raises(BudgetExceeded, match="T001's budget of time is used up: 11 s of 10 s"):
        books.check(task="T001")


def test_time_left_is_that_of_the_nearest_end() -> None:
    now = [0.0]
    books, _ = ledger(Limits(seconds=100), Limits(seconds=30), now=lambda: now[0])
    books.run.start()
    books.take(AttemptStarted(task="T001", attempt=1, of=3))
    now[0] = 10
    assert books.time_left() == 90
    with working_on("T001"):
        assert books.time_left() == 20


def test_earlier_sessions_count() -> None:
    books, _ = ledger(Limits(calls=5))
    books.seed(Spent(calls=5), {})
    with pytest.raises(BudgetExceeded, match="5 of 5"):
        books.check()


def test_a_night_is_shared() -> None:
    night = Scope("night", Limits(calls=2), kind="night")
    for _ in range(2):
        books, _ = ledger(outer=[night])
        books.take(called(1))
    with pytest.raises(BudgetExceeded, match="the night's budget of model calls") as caught:
        books.check()
    assert caught.value.scope == "night"


def test_what_a_call_costs() -> None:
    assert cost_of(Price(prompt=2, completion=10), 1_000_000, 400_000, 100_000) == pytest.approx(3.0)
    assert cost_of(Price(prompt=2, completion=10, cached=0.5), 1_000_000, 400_000, 0) == pytest.approx(1.4)


def test_the_price_of_a_model() -> None:
    table = {name: Price(prompt=n, completion=0) for n, name in enumerate(["m*", "mod*", "model-1", "acme:other"])}
    settings = Settings(prices=table)
    asked = ("model-1", "acme:model-1", "modx", "mx", "acme:other")
    assert [price_of(settings, name, "endpoint") for name in asked] == [
        table["model-1"], table["model-1"], table["mod*"], table["m*"], table["acme:other"],
    ]  # fmt: skip
    assert price_of(settings, "nobody", "endpoint") is None
    assert price_of(settings, "nobody", "embedded") == Price(prompt=0, completion=0)


def test_money_that_nothing_holds_is_refused() -> None:
    with pytest.raises(UserError, match="max_cost_per_task cannot be held"):
        check_price(Settings(max_cost_per_task=1), "m", None)
    assert "tokens rules" in check_price(Settings(max_cost=1, max_tokens=5), "m", None)
    assert (
        check_price(Settings(), "m", None)
        == ""
        == check_price(Settings(max_cost=1), "m", Price(prompt=1, completion=1))
    )


@pytest.mark.parametrize(
    ("said", "meant"), [("500k", 500_000), ("1.5M", 1_500_000), ("20_000", 20_000), ("7", 7), (12, 12)]
)
def test_numbers_as_people_write_them(said: object, meant: int) -> None:
    assert load_settings(None, max_tokens=said).max_tokens == meant


@pytest.mark.parametrize(("said", "meant"), [("90", 90), ("90s", 90), ("45m", 2700), ("1h30m", 5400), ("8h", 28800)])
def test_durations_as_people_write_them(said: str, meant: float) -> None:
    assert load_settings(None, max_time=said).max_time == meant


@pytest.mark.parametrize(
    ("name", "said"),
    [("max_tokens", "many"), ("max_tokens", 0), ("max_time", "soon"), ("max_time", "0s"), ("max_cost", -1)],
)
def test_what_is_no_budget_is_refused(name: str, said: object) -> None:
    with pytest.raises(UserError, match=name):
        load_settings(None, **{name: said})
