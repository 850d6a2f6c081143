"""Counts what a feature uses, and ends its run when a budget or the time is up."""

from __future__ import annotations

import time
from typing import Any

from ..errors import BudgetExceeded
from ..events import AttemptStarted, ModelCalled, TaskStarted
from .models import Budget, Used


class Meter:
    """A listener of one run.

    Unlike others it raises, and only where work is about to begin or a call has come back: there the workflow is as
    safe as at a kill, what is verified is committed, and the next night goes on.

    Args:
        feature: The feature's budget.
        night: The night's budget.
        before: What the night had used when the feature began.
        deadline: When the night is over, in seconds since the epoch.
        spent: What the feature used earlier in the same night, before a kill; part of `before`.
    """

    def __init__(
        self, feature: Budget, night: Budget, before: Used, deadline: float | None, spent: Used | None = None
    ) -> None:
        self.feature, self.night, self.before, self.deadline = feature, night, before, deadline
        self.spent = spent or Used()
        self.used = Used()
        self.night_over = False
        self.run: str | None = None
        self._begun = time.monotonic()

    def __call__(self, event: Any) -> None:
        """Take in an event.

        Raises:
            BudgetExceeded: A limit is reached.
        """
        self.run = getattr(event, "run", None) or self.run
        if isinstance(event, ModelCalled):
            self.used.calls += 1
            self.used.tokens += event.prompt_tokens + event.completion_tokens
        self.used.seconds = round(time.monotonic() - self._begun, 3)
        if isinstance(event, TaskStarted | AttemptStarted):
            self.check()
        elif isinstance(event, ModelCalled):
            # An answer that uses up the last of it is paid for: it is still judged.
            self.check(spare=1)

    def check(self, spare: int = 0) -> None:
        """Raise if a limit is reached (by more than `spare`): the night's, then the feature's."""
        over = night_over(self.night, self.before.plus(self.used), self.deadline, spare)
        if over:
            self.night_over = True
            raise BudgetExceeded(over)
        said = reached(self.feature, self.spent.plus(self.used), spare)
        if said:
            raise BudgetExceeded(f"the feature's budget is used up: {said}")


def night_over(budget: Budget, used: Used, deadline: float | None, spare: int = 0) -> str:
    """Why the night is over; empty while it is not."""
    if deadline is not None and time.time() >= deadline:
        return f"the night ends at {time.strftime('%H:%M', time.localtime(deadline))}"
    said = reached(budget, used, spare)
    return f"the night's budget is used up: {said}" if said else ""


def reached(budget: Budget, used: Used, spare: int = 0) -> str:
    """The limit that is reached, in words; empty if none is."""
    if budget.tokens is not None and used.tokens >= budget.tokens + spare:
        return f"{used.tokens} of {budget.tokens} tokens"
    if budget.calls is not None and used.calls >= budget.calls + spare:
        return f"{used.calls} of {budget.calls} model calls"
    if budget.minutes is not None and used.seconds >= 60 * budget.minutes:
        return f"{used.seconds / 60:.1f} of {budget.minutes:g} minutes"
    return ""
