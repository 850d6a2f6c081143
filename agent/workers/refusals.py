"""What of a draft is seen to be wrong without running it."""

from __future__ import annotations

import re

from ...tools.docs_facts import words_of
from ..planner.models import Role
from ..verifier.asked_values import without_docstrings
from .answers import copied_from, rows_copied
from .begun import PASSES
from .job import Job
from .packet import Packet
from .redraw import names_of_tests
from .scaffold import components_of
from .skeleton import wanted_in
from .tables import TOLD, fields_missed, missing_columns, wrong_columns
from .wanted import SPEAKS_JSON, text_of

NAME = re.compile(r"`([a-z]\w*_\w+)`")
"""What is hardly a word of the language, but a column, a key or a parameter."""


def unread_json(job: Job, content: str) -> str:
    """A component that has nothing to do with JSON, though the task speaks of it; empty where that is not so."""
    told = SPEAKS_JSON.search(text_of(job)) and components_of(content)
    if told and "json" not in without_docstrings(content).lower():
        return "the task speaks of JSON and the draft reads and writes none: use json.loads, json.dumps"
    return ""


def strange_columns(job: Job, target: str, content: str) -> str:
    """What is wrong with the columns that a component uses; empty where nothing is.

    It looks up some that its inputs do not have, leaves out some that it is to write or to choose by, or loses them.
    """
    found = "; ".join(
        [*wrong_columns(job, content), *missing_columns(text_of(job), content), *fields_missed(job, content)][:2]
    )
    return found or columns_lost(job, content) or names_unused(job, target, content)


def columns_lost(job: Job, content: str) -> str:
    """A draft whose rows are to keep their columns and that never uses them; empty where that is not so."""
    code = without_docstrings(content)
    used = re.search(r"fieldnames|\b(?:columns|header|keys|copy\w*|to_csv|csv\.reader|json)\b", code)
    if used or not PASSES.search(text_of(job)) or not components_of(content):
        return ""
    return "the rows keep their columns: csv.DictWriter(target, fieldnames=reader.fieldnames), writer.writerow(row)"


def names_unused(job: Job, target: str, content: str) -> str:
    """A name that the task gives and a component never uses, such as the column it is to choose by; else empty.

    Names in an enumeration say nothing: they may be columns that are only handed on.

    Args:
        job: The task.
        target: The file.
        content: The draft of it.
    """
    code = without_docstrings(content)
    for wanted in wanted_in(job, target):
        if wanted.kind != "component" or f"def {wanted.name}(" not in code:
            continue
        text = TOLD.sub("", ". ".join(wanted.said))
        names = [name for name in NAME.findall(text) if not re.search(rf"\b{name}\b", code)]
        if names:
            how = f': row["{names[0]}"]' if "csv" in code else ""
            return f"the task speaks of `{names[0]}`, and {wanted.name} never uses it{how}"
    return ""


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
