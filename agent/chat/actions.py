"""What a conversation may do: the commands of the command line."""

from __future__ import annotations

from typing import Protocol

from ..planner.models import ExecutionPlan


class Actions(Protocol):
    """What the command line can do; the conversation calls nothing else."""

    def run(self, feature: str | None, words: str, overrides: dict[str, str], *, resume: bool) -> int:
        """Run a feature with live progress."""

    def plan(self, feature: str | None) -> int:
        """Show the plan of a feature."""

    def show_plan(self, plan: ExecutionPlan) -> None:
        """Show a plan."""

    def status(self) -> None:
        """Show features and runs."""

    def report(self, feature: str | None) -> int:
        """Show the latest run's report."""

    def undo(self, target: str, feature: str, runs: list[str]) -> int:
        """Take a task or a run of a feature back; without a target the last of these runs."""

    def verify(self, tasks: list[str], feature: str | None) -> int:
        """Run gates on the checkout."""

    def diff(self, feature: str | None, task: str) -> None:
        """Show what a run or a task changed."""

    def document(self, path: str, text: str) -> None:
        """Show a document."""
