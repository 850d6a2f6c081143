"""What of a feature the user wants done, and how their words were understood."""

from __future__ import annotations

from ..documents.models import Feature
from ..planner.selection import Selection, choose, parse_words
from .place import Request

MOST = 12
"""Tasks that are named one by one."""


def selection_of(request: Request, feature: Feature) -> Selection:
    """What of the feature is to be done: options and the user's own words together."""
    selection = parse_words(request.words, feature)
    tasks = [*selection.tasks, *(task for task in request.tasks if task not in selection.tasks)]
    stories = [*selection.stories, *(story for story in request.stories if story not in selection.stories)]
    return selection.model_copy(update={"tasks": tasks, "stories": stories})


def understood(words: str, feature: Feature) -> str:
    """One line on what the words pick; empty where there are none. Words that pick nothing look as if they did."""
    selection = parse_words(words, feature)
    if not selection.said:
        return ""
    picked = choose(feature, selection) or set()
    keys = [task.key for task in feature.tasks.tasks if task.key in picked and task.key not in selection.exclude]
    parts = [f"the words pick {_some(keys)}"] if keys else ["the words pick no task"]
    if selection.exclude:
        parts.append(f"{'' if keys else 'and '}leave out {_some(selection.exclude)}")
    text = (", " if keys else " ").join(parts)
    if selection.words:
        text += "; planner and workers get them as they are" if keys else "; they go to planner and workers as they are"
    return text


def _some(keys: list[str]) -> str:
    return ", ".join(keys[:MOST]) + (f" and {len(keys) - MOST} more" if len(keys) > MOST else "")
