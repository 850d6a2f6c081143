"""What a run left to do, as tasks: spec-kit's Convergence phase, or its like in the other two dialects.

The review's findings, the verdicts that it lowered and the requirements that nothing shows become lines which a person
reads before they stand in tasks.md. Nothing here writes them there by itself: documents are the user's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from ..acceptance.models import Row
from ..acceptance.review import Lowered
from ..documents.ids import sort_key
from ..documents.models import Feature
from ..planner.paths import is_protected, role_of_path
from .models import Report
from .words import bare, plural

MOST = 30
"""Tasks at once: who is to read them has to."""
MOST_FILES = 5
TEXT = 300
"""Characters that are taken from a finding or a requirement."""

DEGREES = {"open": "missing", "partly": "partial"}
"""The words that spec-kit's converge has for our verdicts."""


class NewTask(BaseModel):
    """A task that is proposed."""

    model_config = ConfigDict(extra="forbid")

    id: str
    text: str = Field(description="Without box and id")
    why: str = Field(description="The finding or the row that it comes from")


class Convergence(BaseModel):
    """The tasks that a run's report proposes."""

    model_config = ConfigDict(extra="forbid")

    feature: str
    run: str
    path: Path = Field(description="The feature's tasks.md")
    heading: str = ""
    tasks: list[NewTask] = []
    more: int = Field(default=0, description="Further proposals, for when these are worked")
    known: int = Field(default=0, description="Proposals that stand in tasks.md already")

    @property
    def markdown(self) -> str:
        """The lines as they may be appended; empty without tasks."""
        boxes = [f"- [ ] {task.id} {task.text}" for task in self.tasks]
        return "\n".join([*([self.heading, ""] if self.heading else []), *boxes, ""]) if boxes else ""


def converge(report: Report, feature: Feature) -> Convergence:
    """The tasks that would bring a feature from where a run left it to what its documents say.

    Args:
        report: The run's report, with its acceptance table and review.
        feature: The documents as they stand now.

    Returns:
        The tasks, the gravest first. What stands in tasks.md already is counted only.
    """
    written = {" ".join(task.raw.split()) for task in feature.tasks.tasks}
    found = Convergence(feature=feature.name, run=report.run, path=feature.tasks.path)
    fresh: list[tuple[str, str]] = []
    for text, why in proposals(report, feature):
        if any(text in old for old in written):
            found.known += 1
        else:
            fresh.append((text, why))
    fresh, found.more = fresh[:MOST], max(0, len(fresh) - MOST)
    found.heading, ids = numbering(feature, len(fresh))
    found.tasks = [NewTask(id=name, text=text, why=why) for name, (text, why) in zip(ids, fresh, strict=True)]
    return found


def proposals(report: Report, feature: Feature) -> Iterator[tuple[str, str]]:
    """Task texts, each with where it comes from."""
    review = report.review if report.review and report.review.done else None
    for item in review.findings if review else []:
        if is_protected(item.file):
            continue
        what = ". ".join(filter(None, (sentence(item.what), sentence(item.mend))))
        tested = with_test(item.file, feature.root)
        text = f"Mend `{item.file}` (line {item.line}){tested}: {what} per review ({item.severity})"
        yield text, f"review, {item.severity}: {item.file}:{item.line}"
    lowered = {item.id: item for item in review.lowered} if review else {}
    for row in report.acceptance:
        fallen = lowered.get(row.id)
        if fallen is not None and row.lowered_from is not None:
            yield f"{lowered_text(fallen, report, feature.root)} per {row.id} ({degree(row)})", why_of(row)
        elif row.gap and row.verdict in DEGREES:
            code = code_of(report, feature.root)
            if row.kind == "criterion":
                # What the whole is measured by is mostly there, and only not shown.
                text = test_of(row.id, code)
            else:
                read = f", after reading {code}" if code else ""
                text = f"Implement what {row.id} asks for where it is missing{read}, with a test that names it"
            yield f"{text}: {sentence(row.text)} per {row.id} ({degree(row)})", why_of(row)


def lowered_text(item: Lowered, report: Report, root: Path) -> str:
    """What is to be done about a verdict that the reviewer lowered."""
    said = sentence(item.reason)
    if is_protected(item.file) or role_of_path(item.file, root) == "tests":
        # The place is in the documents or in a test: what is missing is a test that shows it.
        return f"{test_of(item.id, code_of(report, root))}: {said} ({item.file}, line {item.line})"
    return f"Meet {item.id} in `{item.file}`{with_test(item.file, root)}: {said} (line {item.line})"


def test_of(criterion: str, code: str) -> str:
    """The beginning of a task of tests."""
    return f"Test that {criterion} holds{' for ' + code if code else ''}, in a test that names it"


def code_of(report: Report, root: Path) -> str:
    """The code that the run's tasks have written, for whoever has to look at it: `a.py`, `b.py` and `c.py`."""
    paths = dict.fromkeys(path for task in report.tasks for path in [*task.files, *task.named_files])
    code = [f"`{path}`" for path in paths if role_of_path(path, root) == "code" and (root / path).is_file()][
        :MOST_FILES
    ]
    return " and ".join(filter(None, [", ".join(code[:-1]), *code[-1:]]))


def degree(row: Row) -> str:
    """How much of a requirement is there, in spec-kit's words."""
    return DEGREES.get(row.verdict, "partial")


def why_of(row: Row) -> str:
    """Where a proposal about a requirement comes from."""
    return f"acceptance table, {row.verdict}: {row.id} ({row.where})"


def with_test(path: str, root: Path) -> str:
    """Code is mended with a test that shows it; nothing else can be."""
    return ", with a test that shows it" if role_of_path(path, root) == "code" else ""


def sentence(text: str) -> str:
    """One line of somebody else's words, which cannot be taken for the mark of a task."""
    line = " ".join(bare(re.sub(r"\[[ xX~-]?\]", "", " ".join(text.split()))).split())
    return (line if len(line) <= TEXT else line[: TEXT - 1] + "…").rstrip(" .")


def numbering(feature: Feature, many: int) -> tuple[str, list[str]]:
    """The heading and the ids that come next in a feature's tasks.

    Returns:
        The heading (empty in Kiro's form, which has none) and as many ids.
    """
    tasks = feature.tasks
    numbers = [phase.number for phase in tasks.phases if phase.number is not None]
    top = int(max(numbers, default=float(len(tasks.phases)))) + 1
    ids = [task.id for task in tasks.tasks if task.id]
    if feature.dialect == "spec-kit":
        forms = [match for name in ids if (match := re.fullmatch(r"([A-Za-z][\w-]*?)(\d+)", name))]
        prefixes = [match[1] for match in forms]
        # A repository may number by its tickets: CHURN-301.
        prefix = "T" if "T" in prefixes or not prefixes else max(dict.fromkeys(prefixes), key=prefixes.count)
        width = max((len(match[2]) for match in forms if match[1] == prefix), default=3)
        last = last_number([match[0] for match in forms if match[1] == prefix])
        return f"## Phase {top}: Convergence", [f"{prefix}{last + 1 + i:0{width}}" for i in range(many)]
    last = last_number(ids)
    if feature.dialect == "kiro":
        return "", [f"{last + 1 + i}." for i in range(many)]
    section = max(last + 1, top)
    return f"## {section}. Convergence", [f"{section}.{i + 1}" for i in range(many)]


def last_number(ids: Iterator[str] | Sequence[str]) -> int:
    """The greatest first number of some ids."""
    return max((sort_key(name)[1][0] for name in ids if sort_key(name)[1]), default=0)


def say_converge(found: Convergence) -> str:
    """`2 tasks proposed, 1 is there already`."""
    parts = [f"{plural(len(found.tasks), 'task')} proposed"]
    if found.more:
        parts.append(f"{found.more} more when these are worked")
    if found.known:
        parts.append(f"{found.known} in tasks.md already")
    return ", ".join(parts)
