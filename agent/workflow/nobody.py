"""Who works a checkpoint: nobody. It asks whether all tests pass, and only a run of them can say that."""

from __future__ import annotations

from dataclasses import dataclass

from ..verifier.models import Fault
from ..workers.job import Feedback


@dataclass
class Nobody:
    """A session without a model: it leaves the files as they are."""

    fault: Fault | None = None

    def attempt(self, number: int, feedback: Feedback | None) -> str:
        """Nothing is written, and nothing is said of it."""
        return ""
