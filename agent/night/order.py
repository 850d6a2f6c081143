"""The order of work: what is needed first, then what is urgent, then as listed."""

from __future__ import annotations

from pathlib import Path

from ..errors import UserError
from .models import Entry


def in_order(entries: list[Entry], *, where: Path, lines: dict[str, int]) -> list[Entry]:
    """Highest priority first; a feature that others depend on is as urgent as the most urgent of them.

    Args:
        entries: The features as listed; what they depend on is among them.
        where: The backlog, for the message.
        lines: Where each feature stands in it.

    Raises:
        UserError: Dependencies go in a circle.
    """
    urgent = {entry.name: entry.priority for entry in entries}
    for _ in entries:
        for entry in entries:
            for other in entry.depends_on:
                urgent[other] = min(urgent[other], urgent[entry.name])
    left, done, ordered = list(entries), set[str](), list[Entry]()
    while left:
        ready = [entry for entry in left if set(entry.depends_on) <= done]
        if not ready:
            names = circle(left)
            raise UserError(f"dependencies go in a circle: {' -> '.join(names)}", where=where,
                            line=lines.get(names[0]), mend="Take one `depends-on` of them out.")  # fmt: skip
        chosen = min(ready, key=lambda entry: urgent[entry.name])
        ordered.append(chosen)
        done.add(chosen.name)
        left.remove(chosen)
    return ordered


def circle(left: list[Entry]) -> list[str]:
    """One circle among entries that all wait for each other."""
    needs = {entry.name: list(entry.depends_on) for entry in left}
    path = [left[0].name]
    while True:
        following = next(other for other in needs[path[-1]] if other in needs)
        if following in path:
            return [*path[path.index(following) :], following]
        path.append(following)
