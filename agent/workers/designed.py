"""What a request tells of the design: all of a short one, of a longer one what the task is about."""

from __future__ import annotations

import re

from ..documents.design import names_in
from ..documents.models import DesignPart
from ..planner.cover import long_words
from ..planner.models import Role
from .job import Job

WHOLE_CHARS = 4_000
MOST_CHARS = 6_000
SHARED = 4
"""Words that a section and a task have in common where they are about the same."""


def design_of(job: Job, role: Role, cited: list[str]) -> str:
    """The sections of the design for a task, as Markdown; empty without a design.

    Args:
        job: The task.
        role: Who works it. Of what a workflow or a manifest is about, a design only tells where it names it.
        cited: The texts of the requirements that the task cites.
    """
    parts = job.feature.plan.design if job.feature.plan else []
    if sum(len(part.text) for part in parts) <= WHOLE_CHARS and (role != "infra" or job.task.also):
        return written(parts)
    document = job.feature.task(job.task.id)
    said = " ".join([job.task.title, *document.details])
    names = {*document.symbols, *job.task.files, *names_in(" ".join(cited))}
    words = long_words(" ".join([said, *cited]))
    points = {part.line: points_of(part, names, words, set(document.refs), said) for part in parts}
    chosen: list[DesignPart] = []
    room = MOST_CHARS
    for part in sorted(parts, key=lambda part: (-points[part.line], part.line)):
        if points[part.line] and len(part.text) <= room:
            chosen.append(part)
            room -= len(part.text)
    return written(sorted(chosen, key=lambda part: part.line))


def points_of(part: DesignPart, names: set[str], words: set[str], refs: set[str], said: str) -> int:
    """How much a section has to do with a task: its names count most, then what it cites, then words."""
    text = f"{part.title}\n{part.text}"
    points = 3 * sum(bool(re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", text)) for name in names)
    points += 2 * bool(refs & set(re.findall(r"\b\d+\.\d+\b", " ".join(re.findall(r"Requirements?[^\n]*", text)))))
    points += 5 * bool(re.match(r"Property \d+", part.title) and re.search(rf"{re.escape(part.title[:10])}\b", said))
    shared = len(words & long_words(text))
    return points + (shared // SHARED)


def written(parts: list[DesignPart]) -> str:
    """Sections as Markdown, all of one level."""
    return "\n\n".join(f"### {part.title}\n{part.text.strip()}" for part in parts)
