"""What a model says of a new feature: words alone. Ids, headings, usual paths and task lines are not its business."""

from __future__ import annotations

import re
import unicodedata
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema

_LOOSE = frozenset(
    "a an the of with than more that which who whose for and or by in to on from at is are".split()  # noqa: SIM905
)
"""Words at which a name that was cut does not end."""
PieceKind = Literal["component", "pipeline", "code", "docs", "infra"]


def flat(value: object) -> object:
    """Text on one line, without the marks of a list in front; anything else is left for the validator."""
    if not isinstance(value, str):
        return value
    text = " ".join(value.split())
    return re.sub(r"^(?:[-*•]\s+|\d+[.)]\s+)", "", text)


Words = Annotated[str, BeforeValidator(flat), Field(max_length=900)]
Few = Annotated[str, BeforeValidator(flat), Field(max_length=120)]


class Part(BaseModel):
    """Base of the outline's parts. What a model adds beyond the form is dropped."""

    model_config = ConfigDict(extra="ignore")


class ScenarioWords(Part):
    """An acceptance scenario."""

    given: Words = Field(min_length=1)
    when: Words = Field(min_length=1)
    then: Words = Field(min_length=1)


class StoryWords(Part):
    """A user story."""

    title: Few = Field(min_length=1)
    text: Words = Field(min_length=1, description="Who wants what, two sentences")
    why: Words = Field(min_length=1, description="Why it has its place in the order")
    test: Words = Field(min_length=1, description="How it is tested alone")
    scenarios: list[ScenarioWords] = Field(min_length=1, max_length=6)


class RequirementWords(Part):
    """A functional requirement."""

    text: Words = Field(min_length=1, description="One sentence with MUST")
    story: int = Field(default=1, ge=1, description="The number of its story")


class CriterionWords(Part):
    """A success criterion."""

    text: Words = Field(min_length=1, description="Something that can be measured")
    shown_by: Few = Field(default="", description="The piece whose test or check shows it")


class EntityWords(Part):
    """A kind of data."""

    name: Few = Field(min_length=1)
    text: Words = Field(min_length=1)


class PrincipleWords(Part):
    """How the feature keeps to a principle of the constitution."""

    principle: Few = Field(min_length=1)
    how: Words = Field(min_length=1)


class Piece(Part):
    """One file of work; it becomes a task, and for code a second one for its tests."""

    kind: PieceKind
    name: Few = Field(min_length=1, description="A Python name for code; a short title for docs and infra")
    signature: Annotated[str, BeforeValidator(flat), Field(max_length=300)] = Field(
        default="", description='For components, pipelines and code: `name(a, b, day="")`'
    )
    file: Few = Field(default="", description="Empty: by the repository's convention")
    story: int = Field(default=0, ge=0, description="The number of its story; 0: none")
    does: Words = Field(min_length=1, description="What it does, precisely enough to write it from this alone")
    test: Words = Field(default="", description="For code: example input and the exact result that its test shows")
    requirements: list[int] = Field(default=[], description="Numbers of the requirements that it brings")
    needs: list[Few] = Field(default=[], description="Names of other pieces that must be there before")


class SectionWords(Part):
    """A section that only this repository's documents have."""

    heading: Few = Field(min_length=1, description="As the repository's template has it")
    text: Words = Field(min_length=1, description="Two to five sentences")


class Outline(Part):
    """The words of a whole feature."""

    title: Few = Field(min_length=1)
    name: Few = Field(default="", description="Short, for the folder: weekly-report")
    summary: Words = Field(min_length=1, description="The technical approach, two or three sentences")
    stories: list[StoryWords] = Field(min_length=1, max_length=6)
    requirements: list[RequirementWords] = Field(min_length=1, max_length=30)
    criteria: list[CriterionWords] = Field(default=[], max_length=8)
    edge_cases: list[Words] = Field(default=[], max_length=12)
    entities: list[EntityWords] = Field(default=[], max_length=12)
    assumptions: list[Words] = Field(default=[], max_length=12)
    principles: list[PrincipleWords] = Field(default=[], max_length=20)
    pieces: list[Piece] = Field(min_length=1, max_length=20)
    # Only a model whose repository has such sections is told of the field.
    sections: SkipJsonSchema[list[SectionWords]] = []

    def piece(self, name: str) -> Piece | None:
        """The piece of that name."""
        return next((piece for piece in self.pieces if piece.name == name), None)


class TemplatedOutline(Outline):
    """The words of a whole feature, those for the repository's own sections with them."""

    sections: list[SectionWords] = []


class Questions(Part):
    """What must be known before anything is drafted."""

    questions: list[Words] = []


def slug(text: str, words: int = 5) -> str:
    """A folder's name from a title: `Weekly report: drops` is `weekly-report-drops`."""
    letters = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    plain = re.sub(r"[^a-z0-9]+", "-", letters).strip("-")
    kept = "-".join(plain.split("-")[:words])[:50].strip("-").split("-")
    while len(kept) > 1 and kept[-1] in _LOOSE:
        kept.pop()
    return "-".join(kept) or "feature"
