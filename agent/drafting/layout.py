"""From the words of an outline to tasks with ids, paths, phases, references and dependencies."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from pydantic import BaseModel, Field

from .outline import Outline, Piece, PieceKind, slug
from .survey import Survey

CODE: tuple[PieceKind, ...] = ("component", "pipeline", "code")
"""Kinds that get a task for their tests as well."""


class Line(BaseModel):
    """A task before it is written down."""

    id: str
    piece: str
    is_test: bool = False
    story: int = 0
    file: str
    text: str
    parallel: bool = False
    requirements: list[int] = []
    criteria: list[int] = Field(default=[], description="Numbers of the success criteria that it shows")
    depends: list[str] = []


class Stage(BaseModel):
    """A phase: setup, foundations, a story, polish."""

    number: int
    title: str
    kind: str
    story: int = 0
    lines: list[Line] = []


def file_of(piece: Piece, found: Survey) -> str:
    """The file of a piece: where it is already, what the model says, or what the repository's convention says."""
    known = found.known(piece.name) if piece.kind in ("component", "pipeline") else None
    if known:
        return known.file
    if piece.file:
        return piece.file.strip("`").removeprefix("./")
    folder = {"component": found.component_folder, "pipeline": found.pipeline_folder, "docs": found.docs_folder}
    if piece.kind == "docs":
        return f"{found.docs_folder}/{slug(piece.name).replace('-', '_')}.md"
    return "/".join(filter(None, (folder.get(piece.kind, ""), f"{piece.name}.py")))


def test_of(piece: Piece, found: Survey) -> str:
    """The file of a piece's tests."""
    return "/".join(filter(None, (found.test_folder, f"test_{PurePosixPath(file_of(piece, found)).stem}.py")))


def stages(outline: Outline, found: Survey) -> list[Stage]:
    """Setup, foundations, one phase a story, polish, each with its tasks; empty ones are left out."""
    plan: list[tuple[str, str, int, list[Piece]]] = [
        ("setup", "Setup", 0, [item for item in outline.pieces if place(item) == "setup"]),
        ("foundational", "Foundational", 0, [item for item in outline.pieces if place(item) == "foundational"]),
    ]
    for number, told in enumerate(outline.stories, 1):
        pieces = [item for item in outline.pieces if place(item) == "story" and item.story == number]
        plan.append(("story", told.title, number, ordered(pieces)))
    plan.append(("polish", "Polish", 0, [item for item in outline.pieces if place(item) == "polish"]))
    made: list[Stage] = []
    ids: dict[str, str] = {}
    count = 0
    for kind, title, story, pieces in plan:
        if not pieces:
            continue
        stage = Stage(number=len(made) + 1, title=title, kind=kind, story=story)
        for piece in pieces:
            count += 1
            ids[piece.name] = f"T{count:03d}"
            stage.lines.append(line_of(piece, ids[piece.name], found))
            if piece.kind in CODE:
                count += 1
                stage.lines.append(test_line(piece, f"T{count:03d}", ids[piece.name], found))
        made.append(stage)
    connect(made, outline, ids)
    return made


def place(piece: Piece) -> str:
    """The phase of a piece: what needs nothing and serves all comes first, pages come last."""
    if piece.kind == "docs":
        return "polish"
    if piece.kind == "infra":
        return "polish" if piece.needs else "setup"
    return "story" if piece.story else "foundational"


def ordered(pieces: list[Piece]) -> list[Piece]:
    """Pieces of a story so that each comes after those it needs; where they go round, as they were given."""
    left, done = list(pieces), list[Piece]()
    while left:
        names = {piece.name for piece in left}
        ready = [piece for piece in left if not names & set(piece.needs) - {piece.name}]
        if not ready:
            return [*done, *left]
        # One at a time: as near to the given order as can be.
        done.append(ready[0])
        left.remove(ready[0])
    return done


def line_of(piece: Piece, ident: str, found: Survey) -> Line:
    """The task that makes a piece."""
    file, does = file_of(piece, found), clause(piece.does)
    exists = file in found.files
    code = f"`{piece.signature or piece.name}`"
    if piece.kind in ("component", "pipeline"):
        if found.known(piece.name):
            head = f"Change the {piece.kind} `{piece.name}` in {file}"
        else:
            head = f"Create the {piece.kind} {code} in {file}"
    elif piece.kind == "code":
        head = f"{'Change' if exists else 'Create'} {code} in {file}"
    elif piece.kind == "docs":
        head = f"{'Extend' if exists else 'Write'} the page {file}"
    else:
        head = f"{'Change' if exists else 'Add'} {file}"
    return Line(
        id=ident,
        piece=piece.name,
        story=piece.story,
        file=file,
        text=f"{head}: {does}",
        requirements=sorted(set(piece.requirements)),
    )


def test_line(piece: Piece, ident: str, tested: str, found: Survey) -> Line:
    """The task that tests a piece."""
    file = test_of(piece, found)
    return Line(
        id=ident,
        piece=piece.name,
        is_test=True,
        story=piece.story,
        file=file,
        text=f"Test `{piece.name}` in {file}: {clause(piece.test)}",
        requirements=sorted(set(piece.requirements)),
        depends=[tested],
    )


def clause(text: str) -> str:
    """A sentence as it goes on after a colon: no capital, no full stop."""
    text = text.strip().rstrip(".;").strip()
    plain = len(text) > 1 and text[0].isupper() and text[1].islower()
    return text[0].lower() + text[1:] if plain else text


def needed(piece: Piece, outline: Outline) -> list[str]:
    """The pieces that must be there before: those it names as needs, and new code that its words call by name."""
    said = [name for name in piece.needs if name != piece.name and outline.piece(name)]
    for other in outline.pieces if piece.kind in ("pipeline", "docs") else []:
        free = other.kind in CODE and other.name != piece.name and piece.name not in other.needs
        if free and re.search(rf"\b{re.escape(other.name)}\b", piece.does):
            said.append(other.name)
    return list(dict.fromkeys(said))


def connect(made: list[Stage], outline: Outline, ids: dict[str, str]) -> None:
    """Put in what needs all tasks to be known: dependencies, success criteria, [P]."""
    lines = [line for stage in made for line in stage.lines]
    for line in lines:
        piece = outline.piece(line.piece)
        if piece and not line.is_test:
            line.depends = sorted({ids[name] for name in needed(piece, outline) if name in ids} - {line.id})
    for number, criterion in enumerate(outline.criteria, 1):
        for line in lines:
            own = line.piece == criterion.shown_by
            piece = outline.piece(line.piece)
            if own and (line.is_test or (piece and piece.kind not in CODE)):
                line.criteria.append(number)
    for stage in made:
        inside = {line.id for line in stage.lines}
        files = [line.file for line in stage.lines]
        free = [line for line in stage.lines if files.count(line.file) == 1 and not inside & set(line.depends)]
        for line in free if len(free) > 1 else []:
            line.parallel = True
