"""How numbers and foreign text are put into words."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from ..acceptance.review import Review
    from .models import Report

Form = Literal["md", "json", "html", "junit"]
"""What a report is written as."""

OUTCOMES = {
    "verified": "every selected task verified",
    "partly": "finished, some tasks not verified",
    "budget": "ended by a budget",
    "interrupted": "interrupted",
    "error": "broken off by an error",
    "unfinished": "not finished",
}
"""How a run ended."""


def merge_command(report: Report) -> str:
    """How the work of a run is taken over. git itself refuses where documents of its branch lie there uncommitted."""
    if report.carried:
        return f"kfpilot land {shlex.quote(report.feature)}"
    return f"git merge --ff-only {shlex.quote(report.branch)}"


def missing_end(report: Report) -> str:
    """What is missing of a run that broke off with every task verified: the review alone, or the final check too."""
    broken = report.state in ("unfinished", "interrupted", "budget", "error")
    if not broken or not report.tasks or report.open:
        return ""
    if report.tests.final_check is None:
        return "the final check and the review"
    return "only the review" if report.review is None else ""


def clock(seconds: float) -> str:
    """`0:07`, `12:30`, `1:02:05`."""
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def count(number: int) -> str:
    """`950`, `12.3k`, `1.20M`."""
    if number < 1000:
        return str(number)
    return f"{number / 1000:.1f}k" if number < 999_950 else f"{number / 1e6:.2f}M"


def plural(number: int, word: str) -> str:
    """`1 task`, `2 tasks`."""
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def one_line(text: str, limit: int = 300) -> str:
    """The first line that says something, shortened."""
    line = next((part.strip() for part in text.splitlines() if part.strip()), "")
    return line if len(line) <= limit else line[: limit - 1] + "…"


def bare(text: str) -> str:
    """Text without control characters: what a model or a test printed must not steer the terminal."""
    return "".join(char for char in text if char.isprintable())


def say_review(review: Review) -> str:
    """`Review: 2 findings, 1 verdict lowered`, or why there is none."""
    if not review.done:
        return f"No review: {one_line(bare(' '.join(review.why.split())), 200)}"
    parts = [plural(len(review.findings), "finding"), f"{plural(len(review.lowered), 'verdict')} lowered"]
    if review.refused:
        parts.append(f"{plural(review.refused, 'attempt')} to raise a verdict ignored")
    if review.unsupported:
        parts.append(f"{plural(review.unsupported, 'claim')} dropped, naming no place that exists")
    return f"Review: {', '.join(parts)}"


def say_counts(counts: dict[str, int] | None) -> str:
    """Test counts in words: `12 passed, 1 skipped`."""
    if counts is None:
        return "not measured"
    order = ["passed", "failed", "error", "errors", "skipped", "xfailed", "xpassed"]
    names = sorted((name for name, many in counts.items() if many), key=lambda n: order.index(n) if n in order else 99)
    return ", ".join(f"{counts[name]} {name}" for name in names) or "no tests"
