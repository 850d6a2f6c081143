"""A ticked task while it is judged."""

from __future__ import annotations

from ..documents.models import Task
from .claims import Claims, claims_of
from .features import Document
from .models import Check


class Tick:
    """A ticked task, what it claims, and what has been seen of that so far.

    Args:
        document: The tasks file it stands in.
        task: The task.
    """

    def __init__(self, document: Document, task: Task) -> None:
        self.document = document
        self.task = task
        self.claims: Claims = claims_of(task)
        self.checks: list[Check] = []

    def waits_for(self) -> list[Task]:
        """The tasks that are not done and that its tests may need: those of its stories, or those without a story."""
        tasks = self.document.tasks.tasks
        still = [other for other in tasks if other.state in ("open", "in_progress") and not other.optional]
        mine = set(self.task.stories)
        return [other for other in still if not mine or not other.stories or mine & set(other.stories)]
