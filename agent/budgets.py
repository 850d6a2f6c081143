"""Budgets of runs, tasks, nights and their features: checked before each call, told at 80 %, an error when used up."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from fnmatch import fnmatchcase
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from .errors import BudgetExceeded, UserError
from .events import AttemptStarted, ModelCalled, Notice, TaskFinished
from .settings import Price, Settings

Kind = Literal["tokens", "cost", "calls", "attempts", "seconds"]
KINDS: tuple[Kind, ...] = ("tokens", "cost", "calls", "attempts", "seconds")
WARN_AT = 0.8
OPTIONS = {"tokens": "tokens", "cost": "cost", "calls": "calls", "attempts": "attempts", "seconds": "time"}
_task: ContextVar[str | None] = ContextVar("kfpilot_task", default=None)


@contextmanager
def working_on(task: str) -> Iterator[None]:
    """Model calls that are made inside belong to this task."""
    token = _task.set(task)
    try:
        yield
    finally:
        _task.reset(token)


class Limits(BaseModel):
    """How much there is of each kind; None for no limit."""

    model_config = ConfigDict(extra="forbid")

    tokens: int | None = None
    cost: float | None = None
    calls: int | None = None
    attempts: int | None = None
    seconds: float | None = None

    @property
    def any(self) -> bool:
        """Whether anything is limited."""
        return any(getattr(self, kind) is not None for kind in KINDS)


class Spent(BaseModel):
    """How much of each kind is used."""

    model_config = ConfigDict(extra="forbid")

    tokens: int = 0
    cost: float = 0.0
    calls: int = 0
    attempts: int = 0
    seconds: float = 0.0


class Scope:
    """A budget: limits, and what is used of them.

    Args:
        name: `run`, `night`, `feature` or a task's id.
        limits: The limits.
        spent: What was used before.
        kind: Whose it is.
        now: The clock.
        until: The time of the day when it is over, in seconds since the epoch, whatever is left by then.
    """

    def __init__(
        self,
        name: str,
        limits: Limits,
        spent: Spent | None = None,
        kind: Literal["run", "night", "feature", "task"] = "run",
        now: Callable[[], float] = time.monotonic,
        until: float | None = None,
    ) -> None:
        self.name, self.limits, self.kind, self.now, self.until = name, limits, kind, now, until
        self.spent = (spent or Spent()).model_copy()
        self.since: float | None = None
        self.warned: set[Kind] = set()

    def start(self) -> None:
        """Let its time run."""
        if self.since is None:
            self.since = self.now()

    def stop(self) -> None:
        """Let its time stand still."""
        if self.since is not None:
            self.spent.seconds += self.now() - self.since
            self.since = None

    def used(self, kind: Kind) -> float:
        """How much of a kind is used by now."""
        running = self.now() - self.since if kind == "seconds" and self.since is not None else 0.0
        return getattr(self.spent, kind) + running

    def left(self, kind: Kind) -> float | None:
        """How much of a kind is left; None when it has no limit."""
        limit = getattr(self.limits, kind)
        left = None if limit is None else limit - self.used(kind)
        if kind != "seconds" or self.until is None:
            return left
        # By the clock on the wall: that of `now` may stand still while a machine sleeps.
        rest = self.until - time.time()
        return rest if left is None else min(left, rest)

    def ended_by(self, kinds: Iterable[Kind], tokens: int = 0) -> Kind | None:
        """The first kind of which nothing is left, or not enough for a request of so many tokens."""
        for kind in kinds:
            left = self.left(kind)
            if left is not None and (left <= 0 or (kind == "tokens" and left < tokens)):
                return kind
        return None

    @property
    def whose(self) -> str:
        """Whose budget it is, in a message."""
        return f"{self.name}'s" if self.kind == "task" else f"the {self.name}'s"


class Ledger:
    """Keeps the books of a run: counts what the journal tells, and stops what would go over a limit.

    Args:
        run: The run's limits.
        task: The limits of each task.
        price: What the model's tokens cost; None when nobody said.
        emit: Takes the warnings.
        outer: Budgets that several runs share, such as a night's.
        now: The clock.
    """

    def __init__(
        self,
        run: Limits,
        task: Limits,
        price: Price | None = None,
        *,
        emit: Callable[[Any], None] = lambda event: None,
        outer: Sequence[Scope] = (),
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.price, self.emit, self.now, self.each = price, emit, now, task
        self.run = Scope("run", run, now=now)
        self.outer = list(outer)
        self.tasks: dict[str, Scope] = {}
        self.stopped: dict[str, str] = {}
        self._lock = threading.RLock()

    def seed(self, run: Spent, tasks: dict[str, Spent]) -> None:
        """What earlier sessions of the run have used."""
        self.run.spent = run.model_copy()
        for key, spent in tasks.items():
            self.tasks[key] = Scope(key, self.each, spent, "task", self.now)

    def stamp(self, event: Any) -> Any:
        """Write into the event of a call what it cost."""
        if isinstance(event, ModelCalled) and self.price is not None and event.cost is None:
            event.cost = cost_of(self.price, event.prompt_tokens, event.cached_tokens, event.completion_tokens)
        return event

    def take(self, event: Any) -> None:
        """Count an event; a listener of the journal."""
        with self._lock:
            if isinstance(event, ModelCalled):
                for scope in self._scopes(event.task or _task.get()):
                    scope.spent.calls += 1
                    scope.spent.tokens += event.prompt_tokens + event.completion_tokens
                    scope.spent.cost += event.cost or 0.0
                    self._warn(scope)
            elif isinstance(event, AttemptStarted):
                for scope in self._scopes(event.task):
                    scope.spent.attempts += 1
                    scope.start()
                    self._warn(scope)
            elif isinstance(event, TaskFinished) and event.task in self.tasks:
                self.tasks[event.task].stop()

    def check(self, tokens: int = 0, *, task: str | None = None, kinds: Sequence[Kind] | None = None) -> None:
        """Raise if a budget does not allow the next step.

        Args:
            tokens: What the next request will use at least.
            task: The task it is for; else that of `working_on`.
            kinds: What to look at; all but the attempts, which are looked at before one begins.

        Raises:
            BudgetExceeded: With the scope of the budget that ended it.
        """
        looked = kinds or [kind for kind in KINDS if kind != "attempts"]
        with self._lock:
            for scope in self._scopes(task or _task.get()):
                self._warn(scope)
                if kind := scope.ended_by(looked, tokens):
                    raise BudgetExceeded(
                        told(scope, kind, tokens),
                        scope=scope.kind,
                        mend=mend_of(scope, kind),
                    )

    def begin_attempt(self) -> None:
        """Raise if no further attempt of any task may begin.

        Raises:
            BudgetExceeded: A budget of the run is used up.
        """
        self.check(kinds=KINDS)

    def time_left(self) -> float | None:
        """Seconds until the first budget of time is used up; None without one."""
        left = [scope.left("seconds") for scope in self._scopes(_task.get())]
        return min((value for value in left if value is not None), default=None)

    def _scopes(self, task: str | None) -> list[Scope]:
        scopes = [*self.outer, self.run]
        if task:
            if task not in self.tasks:
                self.tasks[task] = Scope(task, self.each, None, "task", self.now)
            scopes.append(self.tasks[task])
        return scopes

    def _warn(self, scope: Scope) -> None:
        for kind in KINDS:
            limit = getattr(scope.limits, kind)
            if limit is None or kind in scope.warned or scope.used(kind) < WARN_AT * limit:
                continue
            scope.warned.add(kind)
            used = f"{amount(kind, scope.used(kind))} of {amount(kind, limit)}"
            percent = round(100 * scope.used(kind) / limit)
            message = f"{percent} % of {scope.whose} budget of {words(kind)} is used: {used}"
            self.emit(Notice(level="warning", code="budget", message=message))


def cost_of(price: Price, prompt: int, cached: int, completion: int) -> float:
    """What a call costs."""
    cached = min(cached, prompt)
    rate = price.prompt if price.cached is None else price.cached
    return ((prompt - cached) * price.prompt + cached * rate + completion * price.completion) / 1_000_000


def price_of(settings: Settings, name: str, kind: str) -> Price | None:
    """The price of a model: that of its name, else of the longest pattern that fits; models on this machine are free.

    Args:
        settings: With the table of prices.
        name: What the model is called, perhaps with its provider in front.
        kind: Where its answers come from (`Handle.kind`).
    """
    names = [name, name.partition(":")[2]] if ":" in name else [name]
    for one in names:
        if one in settings.prices:
            return settings.prices[one]
    fitting = [pattern for pattern in settings.prices if any(fnmatchcase(one, pattern) for one in names)]
    if fitting:
        return settings.prices[max(fitting, key=len)]
    return Price(prompt=0, completion=0) if kind in ("embedded", "replay") else None


def limits_of(settings: Settings) -> tuple[Limits, Limits]:
    """The limits of the run and those of each task."""
    run = Limits(
        tokens=settings.max_tokens,
        cost=settings.max_cost,
        calls=settings.max_calls,
        attempts=settings.max_attempts,
        seconds=settings.max_time,
    )
    task = Limits(
        tokens=settings.max_tokens_per_task,
        cost=settings.max_cost_per_task,
        calls=settings.max_calls_per_task,
        seconds=settings.max_time_per_task,
    )
    return run, task


def check_price(settings: Settings, name: str, price: Price | None) -> str:
    """What to tell when money is limited and the model has no price: then the tokens must be limited.

    Returns:
        A warning; empty when there is nothing to tell.

    Raises:
        UserError: Nothing would hold the run.
    """
    if price is not None:
        return ""
    unheld = [
        option
        for option, money, tokens in (
            ("max_cost", settings.max_cost, settings.max_tokens),
            ("max_cost_per_task", settings.max_cost_per_task, settings.max_tokens_per_task or settings.max_tokens),
        )
        if money is not None and tokens is None
    ]
    if unheld:
        raise UserError(
            f"{unheld[0]} cannot be held: the price of the model '{name}' is not known",
            mend=f'Say it: KFPILOT_PRICES=\'{{"{name}": {{"prompt": 1.0, "completion": 4.0}}}}\' (for a million '
            "tokens), or limit the tokens as well (--max-tokens).",
        )
    if settings.max_cost is None and settings.max_cost_per_task is None:
        return ""
    return f"the price of the model '{name}' is not known, so the budget of money says nothing; that of tokens rules"


def words(kind: Kind) -> str:
    """A kind in a message."""
    return {"cost": "money", "calls": "model calls", "seconds": "time"}.get(kind, kind)


def amount(kind: Kind, value: float) -> str:
    """So much of a kind."""
    if kind == "seconds":
        return f"{value:,.0f} s"
    return f"{value:,.4g}" if kind == "cost" else f"{value:,.0f}"


def told(scope: Scope, kind: Kind, tokens: int = 0) -> str:
    """Which budget ended it, and how."""
    limit = getattr(scope.limits, kind)
    if kind == "seconds" and scope.until is not None and (limit is None or scope.used(kind) < limit):
        return f"the {scope.name} ends at {time.strftime('%H:%M', time.localtime(scope.until))}"
    used = f"{amount(kind, scope.used(kind))} of {amount(kind, limit)}"
    more = f", and the next call needs about {tokens:,}" if kind == "tokens" and scope.used(kind) < limit else ""
    return f"{scope.whose} budget of {words(kind)} is used up: {used} used{more}"


def mend_of(scope: Scope, kind: Kind) -> str:
    """How to go on when a budget has ended something."""
    if scope.kind in ("night", "feature"):
        return f"The next night goes on; the {scope.name} has more with a larger budget in the backlog."
    option = f"--max-{OPTIONS[kind]}" + ("-per-task" if scope.kind == "task" else "")
    return f"Give it more: {option}, with `kfpilot run --resume`."
