"""Which columns a table has, by what components write and by what docstrings and documents say of it.

A small model that knows one column of a table makes up others, and then a different order each time; one that has to
write all of them gets its rows wrong. Two are enough for a test: what a row is about, and what is looked at.
"""

from __future__ import annotations

import ast
import re

from .job import Job
from .pages import functions, written_columns
from .scaffold import Signature, decorated
from .sources import code_sources

PLAIN = r"`?\w+`?(?:,\s*`?\w+`?)*(?:,?\s+and\s+`?\w+`?)?"
TICKED = r"`\w+`(?:,\s*`\w+`)*,?\s+and\s+`\w+`"
TOLD = re.compile(rf"\b(?:columns|fields|header)\b:?\s+(?:{PLAIN})|{TICKED}", re.I)
WORDS = ("and", "columns", "fields", "header")


def headers_for(job: Job, signature: Signature) -> dict[str, list[str]]:
    """Input of a component that reads one column of it -> its first column and that one, where they are certain.

    Args:
        job: The task; its repository and documents are looked at.
        signature: The component.
    """
    one = {name: columns for name, columns in signature.reads.items() if len(columns) == 1}
    if not one and len(signature.inputs) == 1 and len(signature.columns) == 1:
        one = dict.fromkeys(signature.inputs, signature.columns)
    if not one or signature.json:
        return {}
    written: dict[str, list[list[str]]] = {}
    told = [columns for note in entities(job) for columns in columns_told(note)]
    for _, source in code_sources(job.worktree):
        for node in functions(source):
            outputs = list(Signature(node).outputs)
            columns = written_columns(node) if decorated(node, "component") else []
            if len(outputs) == 1 and columns:
                written.setdefault(outputs[0], []).append(columns)
            told += columns_told(ast.get_docstring(node) or "")
    found: dict[str, list[str]] = {}
    for name, read in one.items():
        certain = only(written.get(name, []), read) or only(told, read)
        found |= {name: list(dict.fromkeys([certain[0], *read]))} if certain else {}
    return found


def only(tables: list[list[str]], read: list[str]) -> list[str]:
    """The one table that has the columns that are read; empty where there is none, or more than one."""
    fitting = [columns for columns in tables if set(read) <= set(columns)]
    return fitting[0] if len({frozenset(columns) for columns in fitting}) == 1 else []


def columns_told(text: str) -> list[list[str]]:
    """The lists of two or more names in a text that are columns: `with the columns a, b and c`."""
    return [
        [
            name
            for name in re.findall(r"\w+", match.group())
            if name.lower() not in ("and", "columns", "fields", "header")
        ]
        for match in TOLD.finditer(text)
    ]


def entities(job: Job) -> list[str]:
    """What the specification says of the data."""
    return [note.text for note in job.feature.spec.entities] if job.feature.spec else []
