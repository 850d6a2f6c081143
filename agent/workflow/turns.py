"""Whose gates run when: as many at a time as there are cores, and alone where what is shared may be to blame."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from ..verifier.models import Verdict

SHARED = ("docs_run", "local", "tests", "mutation")
"""Gates that run the project's code, which may use a port, a file outside the worktree or much time."""

SUSPICIOUS = re.compile(
    r"passed before and|Address already in use|EADDRINUSE|Connection ?refused|Connection ?reset|BlockingIOError"
    r"|FileExistsError|database is locked|timed? ?out|time limit|did not end within|Resource temporarily unavailable",
    re.I,
)


class Turns:
    """Takes turns at the machine.

    Args:
        places: How many may have theirs at once.
    """

    def __init__(self, places: int) -> None:
        self.places = places
        self._free = threading.Semaphore(places)
        self._alone = threading.Lock()
        self._count = threading.Lock()
        self._running = 0
        self._begun = 0

    @contextmanager
    def shared(self) -> Iterator[Turn]:
        """A turn beside others; afterwards `company` says whether there were any."""
        with self._free:
            with self._count:
                self._running += 1
                self._begun += 1
                turn, begun = Turn(company=self._running > 1), self._begun
            try:
                yield turn
            finally:
                with self._count:
                    self._running -= 1
                    turn.company = turn.company or self._begun > begun

    @contextmanager
    def alone(self) -> Iterator[None]:
        """A turn while nobody else has one."""
        with self._alone, ExitStack() as stack:
            for _ in range(self.places):
                stack.enter_context(self._free)
            yield


class Turn:
    """One turn. `company`: others had theirs at the same time."""

    def __init__(self, company: bool) -> None:
        self.company = company


def places_for(jobs: int) -> int:
    """How many gates may run at once: they need the processor, so no more than there are cores."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(jobs, cores))


def may_be_company(verdict: Verdict) -> bool:
    """Whether a refusal may come from what several runs of the project's code share: a port, a file, the time."""
    return any(
        gate.gate in SHARED and not gate.passed and any(SUSPICIOUS.search(text) for text in gate.failures)
        for gate in verdict.gates
    )
