"""Which acceptance scenarios a tests task is about: those that it names, else those of its user story."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..documents.models import Story
from .redraw import scenario_heads

NUMBERS = r"\d+(?:\s*(?:,\s*(?:and\s+)?|and\s+|to\s+|through\s+|-|–)\s*\d+)*"
TOLD = re.compile(
    rf"\bscenarios?(?:\s+(?P<which>{NUMBERS}))?\s+(?:of|in|from)\s+(?:the\s+)?(?:user\s+)?"
    rf"(?:(?:stories|story)\s+(?P<stories>{NUMBERS})|(?P<keys>US\d+(?:(?:,\s*|\s+and\s+)US\d+)*))",
    re.I,
)
NAME = re.compile(r"`(\w+)`")


def numbers_in(text: str) -> list[int]:
    """The numbers of an enumeration: `1, 2 and 5`, `1 to 4`."""
    found: list[int] = []
    for part in re.split(r"\s*(?:,|\band\b)\s*", text.lower().replace("us", "")):
        ends = [int(number) for number in re.findall(r"\d+", part)]
        found += range(ends[0], ends[-1] + 1) if ends and ends[-1] - ends[0] < 100 else []
    return list(dict.fromkeys(found))


def heads_told(text: str, stories: Sequence[Story], own: Story | None, components: Sequence[str]) -> dict[str, str]:
    """A test to draw for each scenario that a task is about: its name, and its signature with the scenario below.

    Args:
        text: What the task says.
        stories: Those of the feature.
        own: The one that the task belongs to; its scenarios are meant where the task names none.
        components: Those that the file tests. Where there are several, the name of a test has the one that the task
            names last before its scenarios.
    """
    heads: dict[str, str] = {}
    for match in TOLD.finditer(text):
        keys = [f"US{number}" for number in numbers_in(match["stories"] or match["keys"])]
        which = numbers_in(match["which"] or "")
        before = [name for name in NAME.findall(text[: match.start()]) if name in components]
        about = before[-1] if before and len(components) > 1 else ""
        for story in [story for story in stories if story.key in keys]:
            chosen = [scenario for scenario in story.scenarios if not which or scenario.number in which]
            heads |= scenario_heads(story.model_copy(update={"scenarios": chosen}), about)
    return heads or (scenario_heads(own) if own else {})
