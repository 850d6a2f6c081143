"""How the body of a component begins that reads one table: its rows, in groups where each group has a result.

A small model that reads and works in one go uses a file after it is closed, goes through it twice, or forgets what the
rows are grouped by. What it does with the rows that it has is what the task is about.
"""

from __future__ import annotations

import re

from .job import Job
from .scaffold import components_of
from .sources import code_sources
from .tables import columns_of_inputs, columns_wanted
from .wanted import ARTIFACT, FORMATS, Wanted, text_of

FORMS = {"lines": FORMATS[0][0].pattern, "csv": FORMATS[1][0].pattern}
OTHER = re.compile(r"\bParquet\b|\bpandas\b|\bAvro\b|\bExcel\b|\b(?:gz|zipp?)(?:ed)?\b|\bwithout a header\b", re.I)
PASSES = re.compile(
    r"\b(?:with|keeps?|and|under|all) (?:all )?(?:of )?(?:its|their|the (?:same|old|original)|their (?:old|own)) "
    r"(?:columns|fields|header)\b|\bsame columns\b|\bcolumns (?:stay|are kept)\b"
    r"|\b(?:untouched|not altered|unaltered)\b",
    re.I,
)
"""That the rows which are written have the columns of those that were read."""
STARTS = {
    "csv": (
        "    import csv\n\n"
        '    with open({name}.path, newline="") as source:\n'
        "        reader = csv.DictReader(source)\n"
        "        rows = list(reader)\n"
    ),
    "lines": (
        "    import json\n\n"
        "    with open({name}.path) as source:\n"
        "        records = [json.loads(line) for line in source if line.strip()]\n"
    ),
}


GROUPS = '    groups = {{}}\n    for {row} in {row}s:\n        groups.setdefault({row}["{key}"], []).append({row})\n'
EACH = re.compile(
    r"\b(?:(?:for )?(?:each|every)|per|(?:totalled|summed|counted)(?: up)? by|group\w*\b[^.;:`]{0,20} by)"
    r"\s+`?(?P<key>[A-Za-z_]\w*)`?",
    re.I,
)
"""What there is one result for."""
DROPPED = r"(?:skip|drop|ignor|omit|remov|discard)\w*|lea(?:ve|ves|ving) out|left out"
EMPTY = (
    r"(?:with(?: an?)? (?:empty|blank|missing)\s+|without(?: an?| any)?\s+|with no\s+|whose\s+(?=`?\w+`? (?:is|are) "
    r"(?:empty|blank|missing)))`?(\w+)`?(?: (?:is|are) (?:empty|blank|missing))?"
)
INCOMPLETE = re.compile(
    rf"\b(?:{DROPPED})\b[^.;:,]{{0,30}}\b{EMPTY}|\b{EMPTY} (?:is |are |must be )*(?:{DROPPED})\b", re.I
)
"""Rows that do not count, for want of a value."""
COMPLETE = '    {row}s = [{row} for {row} in {row}s if {row}["{column}"]]\n'
IN_TIME = re.compile(
    r"\b(?:earliest|latest|oldest|newest|first|last|most recent)\b[^.;:]{0,30}?"
    r"`?\b(\w*(?:day|date|time|month|year|hour|week)\w*)\b",
    re.I,
)
"""That the rows of a group have an order, and by which column."""
SORTED = '    rows.sort(key=lambda row: row["{column}"])\n'
AGGREGATES = re.compile(
    r"\b(?:numbers? of|count\w*|sums?|totals?|means?|averages?|median|how (?:many|often|much)"
    r"|(?:larg|small|high|low|earli|lat)est|max(?:imum)?|min(?:imum)?|shares?|percentages?|adds? up|summed"
    r"|first and last)\b",
    re.I,
)
"""That a result comes of several rows."""


def body_start(job: Job, wanted: Wanted) -> str:
    """The lines that read the one input of a component; empty where there is another number, or its form is unsure.

    Args:
        job: The task; what it says of the input counts, then how the repository writes it, then which format it names.
        wanted: The component.
    """
    inputs = [(name, kind) for name, way, kind in ARTIFACT.findall(wanted.head) if way == "Input"]
    if wanted.kind != "component" or len(inputs) != 1 or inputs[0][1] not in ("Dataset", "Artifact"):
        return ""
    name, text = inputs[0][0], text_of(job)
    if OTHER.search(text):
        return ""
    told = [form for form, words in FORMS.items() if re.search(rf"(?:{words})[^`.;:]{{0,30}}`{name}`", text, re.I)]
    form = told or written_as(job, name) or [form for form, words in FORMS.items() if re.search(words, text, re.I)]
    if len(form) != 1:
        return ""
    columns = columns_of_inputs(job, [name]).get(name, [])
    row = "row" if form[0] == "csv" else "record"
    needed = {column for pair in INCOMPLETE.findall(text) for column in pair} & {*columns}
    lines = [COMPLETE.format(row=row, column=column) for column in sorted(needed)] if row == "row" else []
    key = group_key(text, columns, wanted.outputs)
    times = {*IN_TIME.findall(text)} & {*columns} if key and row == "row" else set()
    lines += [SORTED.format(column=times.pop())] if len(times) == 1 else []
    if PASSES.search(text) and not key and not lines:
        return ""  # The recipe of a filter is better than a beginning: it reads and chooses in one line.
    return "".join([STARTS[form[0]].format(name=name), *lines, GROUPS.format(row=row, key=key) if key else ""])


def group_key(text: str, columns: list[str], outputs: list[str]) -> str:
    """The one column for each of whose values the task wants a result; empty where it wants none, or it is unsure.

    Args:
        text: What the task says.
        columns: The columns of the input; where they are not known, the first column of the output may be the one, or
            what the output is sorted by.
        outputs: The output artifacts.
    """
    if not AGGREGATES.search(text):
        return ""
    known = columns or [
        *(wanted[0] for wanted in columns_wanted(text, [], outputs).values()),
        *re.findall(r"\b(?:sorted|ordered) by `?(\w+)`?", text),
    ]
    keys = {found["key"].lower() for found in EACH.finditer(text)} & {*known}
    return keys.pop() if len(keys) == 1 else ""


def written_as(job: Job, name: str) -> list[str]:
    """How the components of the repository write an output of that name; empty where none does or one is unsure."""
    makers = [
        signature
        for _, source in code_sources(job.worktree)
        for signature in components_of(source)
        if name in signature.outputs
    ]
    forms = {"csv" if maker.writes_rows else "lines" if maker.writes_lines else "" for maker in makers}
    return [] if "" in forms else sorted(forms)
