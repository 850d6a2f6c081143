"""What a reviewer's answer may do to the table: lower, with a place that exists, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from .models import Row, Verdict

Severity = Literal["high", "medium", "low"]
SEVERITIES: tuple[Severity, ...] = ("high", "medium", "low")
FALLING: tuple[Verdict, ...] = ("met", "partly", "open")
"""The way down. "not verifiable here" stands beside it: who verifies nothing cannot say more than that."""

MOST_FINDINGS = 20
TEXT = 400
"""Characters of a reason or finding that are kept."""

Lines = Callable[[str], int | None]
"""How many lines a file of the diff or the repository has; None for one that is in neither."""

SYNONYMS = {
    "partial": "partly",
    "partially": "partly",
    "partially met": "partly",
    "partly met": "partly",
    "not met": "open",
    "unmet": "open",
    "failed": "open",
    "missing": "open",
    "critical": "high",
    "blocker": "high",
    "severe": "high",
    "major": "high",
    "moderate": "medium",
    "minor": "low",
    "trivial": "low",
    "info": "low",
    "nit": "low",
}
"""Words that models use for a verdict or a severity."""


def usual(value: Any) -> Any:
    """A verdict or severity in the word that is meant by it."""
    word = " ".join(value.replace("_", " ").lower().split()).strip(" .`*") if isinstance(value, str) else value
    return SYNONYMS.get(word, word) if isinstance(word, str) else word


# A model is told the values as an enumeration. An answer with another word is read all the same: `check_answer` decides
# what of it counts, and one bad word must not cost the whole review.
LowerVerdict = Annotated[str, BeforeValidator(usual), WithJsonSchema({"type": "string", "enum": ["partly", "open"]})]
SeverityWord = Annotated[str, BeforeValidator(usual), WithJsonSchema({"type": "string", "enum": list(SEVERITIES)})]

# No defaults in the answer's models: strict structured output wants every field to be required.


class VerdictChoice(BaseModel):
    """A verdict that the reviewer lowers."""

    id: str = Field(description="FR-001, SC-002, US1/AS2")
    verdict: LowerVerdict
    reason: str = Field(description="What is not shown, in one sentence")
    file: str = Field(description="Where it is seen")
    line: int


class FindingChoice(BaseModel):
    """Something that must be mended."""

    severity: SeverityWord = Field(description="high: wrong result, data loss, secret; medium: fails in some case")
    file: str
    line: int
    what: str = Field(description="What is wrong, and what it leads to")
    mend: str = Field(description="How to mend it")


class ReviewAnswer(BaseModel):
    """The reviewer's whole answer."""

    verdicts: list[VerdictChoice] = Field(description="Only ids whose verdict is lowered")
    findings: list[FindingChoice] = Field(description="What must be mended, the gravest first")


class Lowered(BaseModel):
    """A verdict that fell, and why."""

    model_config = ConfigDict(extra="forbid")

    id: str
    before: Verdict
    verdict: Verdict
    reason: str
    file: str
    line: int


class ReviewFinding(BaseModel):
    """A finding whose place exists."""

    model_config = ConfigDict(extra="forbid")

    severity: Severity
    file: str
    line: int
    what: str
    mend: str


class Review(BaseModel):
    """What came of the review."""

    model_config = ConfigDict(extra="forbid")

    done: bool = True
    why: str = Field(default="", description="Why there is none")
    findings: list[ReviewFinding] = []
    lowered: list[Lowered] = []
    refused: int = Field(default=0, description="Attempts to raise a verdict, which were ignored")
    unsupported: int = Field(default=0, description="Claims dropped: the place or the id they name does not exist")
    left_out: list[str] = Field(default=[], description="Changed files that the reviewer was not shown whole")


def check_answer(answer: ReviewAnswer, rows: Sequence[Row], lines: Lines) -> Review:
    """The part of an answer that counts."""
    review = Review()
    by_id = {row.id: row for row in rows}
    seen: set[str] = set()
    for choice in answer.verdicts:
        row = by_id.get(choice.id.strip())
        if row is None or choice.verdict not in FALLING:
            review.unsupported += 1
            continue
        if choice.verdict == row.verdict:
            continue
        if not is_lower(choice.verdict, row.verdict):
            review.refused += 1
            continue
        file = place(choice.file, choice.line, lines)
        if file is None or row.id in seen or not choice.reason.strip():
            review.unsupported += 1
            continue
        seen.add(row.id)
        verdict = next(known for known in FALLING if known == choice.verdict)
        review.lowered.append(
            Lowered(
                id=row.id, before=row.verdict, verdict=verdict, reason=short(choice.reason), file=file, line=choice.line
            )
        )
    for item in answer.findings:
        file = place(item.file, item.line, lines)
        if file is None or not item.what.strip():
            review.unsupported += 1
            continue
        severity: Severity = next((known for known in SEVERITIES if known == item.severity), "medium")
        review.findings.append(
            ReviewFinding(severity=severity, file=file, line=item.line, what=short(item.what), mend=short(item.mend))
        )
    review.findings.sort(key=lambda found: SEVERITIES.index(found.severity))
    review.unsupported += max(0, len(review.findings) - MOST_FINDINGS)
    review.findings = review.findings[:MOST_FINDINGS]
    return review


def is_lower(new: str, old: str) -> bool:
    """Whether a verdict lies below another. Nothing lies below or above "not verifiable here"."""
    return new in FALLING and old in FALLING and FALLING.index(new) > FALLING.index(old)


def apply_review(rows: Sequence[Row], review: Review) -> list[Row]:
    """The table after a review. Whatever the review says, no verdict rises here."""
    lowered = {item.id: item for item in review.lowered}
    found = []
    for row in rows:
        item = lowered.get(row.id)
        if item is not None and is_lower(item.verdict, row.verdict):
            row = row.model_copy(
                update={
                    "verdict": item.verdict,
                    "lowered_from": row.verdict,
                    "reason": f"the reviewer: {item.reason} ({item.file}:{item.line}); before: {row.reason}",
                }
            )
        found.append(row)
    return found


def place(file: str, line: int, lines: Lines) -> str | None:
    """The path of a claim as the repository writes it, if that file has such a line."""
    path = file.strip().strip("`").removeprefix("./")
    for name in (path, path[2:] if path.startswith(("a/", "b/")) else ""):
        if not name or name.startswith(("/", "~")) or "\\" in name or ".." in name.split("/"):
            continue
        many = lines(name)
        if many is not None and 1 <= line <= max(many, 1):
            return name
    return None


def short(text: str) -> str:
    """One line, without control characters, not too long."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return line if len(line) <= TEXT else line[: TEXT - 1] + "…"
