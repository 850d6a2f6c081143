"""What of a draft is seen to be wrong without running it."""

from __future__ import annotations

from ...tools.docs_facts import words_of
from ..planner.models import Role
from ..verifier.asked_values import without_docstrings
from .answers import copied_from, rows_copied
from .job import Job
from .packet import Packet
from .redraw import names_of_tests
from .scaffold import components_of
from .tables import missing_columns, wrong_columns
from .wanted import SPEAKS_JSON, text_of


def unread_json(job: Job, content: str) -> str:
    """A component that has nothing to do with JSON, though the task speaks of it; empty where that is not so."""
    told = SPEAKS_JSON.search(text_of(job)) and components_of(content)
    if told and "json" not in without_docstrings(content).lower():
        return "the task speaks of JSON and the draft reads and writes none: use json.loads, json.dumps"
    return ""


def strange_columns(job: Job, content: str) -> str:
    """Columns that a component looks up and its inputs do not have, or leaves out and is to write."""
    return "; ".join([*wrong_columns(job, content), *missing_columns(text_of(job), content)][:2])


def copies(job: Job, role: Role, target: str, content: str, packet: Packet) -> str:
    """What tests have of the example, by their names or by the rows that they give, or a page by its phrases and names.

    Args:
        job: The task.
        role: Who writes.
        target: The file.
        content: What came of it.
        packet: What the request showed.
    """
    copied: list[str] = []
    if role == "tests":
        names = names_of_tests(content)
        copied += sorted(names & {name for recipe in packet.recipes for name in names_of_tests(recipe.text)})
        copied += [row for recipe in packet.recipes for row in rows_copied(recipe.text, content)]
    elif role == "docs" and packet.recipes:
        known = words_of(job.worktree, target)
        copied += [part for recipe in packet.recipes for part in copied_from(recipe.text, content, known)]
    what = "tests repeat" if role == "tests" else "page repeats"
    return f"the {what} the example, which is about another project: {', '.join(copied[:3])}" if copied else ""
