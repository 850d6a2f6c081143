"""Errors, divided by whose fault they are, and the exit codes that go with them."""

from __future__ import annotations

from pathlib import Path

from ..tools.errors import ToolFailure

__all__ = [
    "BudgetExceeded",
    "GateFailure",
    "Interrupted",
    "KfpilotError",
    "ModelError",
    "ToolFailure",
    "UserError",
]

EXIT_OK = 0
EXIT_NOT_VERIFIED = 1


class KfpilotError(Exception):
    """Base of all errors that end a command with a message instead of a stack trace."""

    exit_code = 1


class UserError(KfpilotError):
    """Bad input or configuration: says what, where, and how to mend it.

    Args:
        what: One sentence that says what is wrong.
        where: The file it is in, if it is in a file.
        line: The 1-based line in that file.
        mend: What the user can do about it.
    """

    exit_code = 2

    def __init__(self, what: str, *, where: Path | str | None = None, line: int | None = None, mend: str = "") -> None:
        self.what, self.where, self.line, self.mend = what, where, line, mend
        place = "" if where is None else f"{where}:{line}: " if line else f"{where}: "
        super().__init__(place + what + (f"\n  {mend}" if mend else ""))


class ModelError(KfpilotError):
    """The model's endpoint failed, or its answer is of no use.

    Args:
        what: One sentence that says what is wrong.
        mend: What the user can do about it.
        transient: The same request may well succeed a little later.
        retry_after: Seconds the endpoint asked to wait, if it said so.
        overflow: The request is longer than the model's context.
        unreachable: Nobody answered at the address: no sign yet that anybody ever will.
        tries: How often the same request is worth sending, where waiting does not help; None for no limit.
    """

    exit_code = 4

    def __init__(
        self,
        what: str,
        *,
        mend: str = "",
        transient: bool = False,
        retry_after: float | None = None,
        overflow: bool = False,
        unreachable: bool = False,
        tries: int | None = None,
    ) -> None:
        self.what, self.mend = what, mend
        self.transient, self.retry_after, self.overflow = transient, retry_after, overflow
        self.unreachable, self.tries = unreachable, tries
        super().__init__(what + (f"\n  {mend}" if mend else ""))


class GateFailure(KfpilotError):
    """A gate did not pass; the message is the feedback for the worker."""


class BudgetExceeded(KfpilotError):
    """A budget (tokens, money, calls, attempts, time) is used up.

    Args:
        what: One sentence that says which, how much of it was used and what the limit is.
        scope: Whose budget it is: `run`, `night`, `feature` or `task`; a task's ends this task alone.
        mend: What the user can do about it.
    """

    exit_code = 3

    def __init__(self, what: str, *, scope: str = "run", mend: str = "") -> None:
        self.what, self.scope, self.mend = what, scope, mend
        super().__init__(what + (f"\n  {mend}" if mend else ""))


class Interrupted(KfpilotError):
    """The user or the system asked the run to stop."""

    exit_code = 130
