"""Writes the documents of an outline in the repository's convention: spec-kit, Kiro or OpenSpec."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib import resources
from pathlib import PurePosixPath
from typing import Any

from ..documents.models import Dialect
from .layout import Line, Stage, stages
from .outline import Outline, slug
from .survey import Survey
from .templates import shaped

UNCHECKED = "to be checked by a person"
"""What a draft says of a principle that its author has said nothing of; the principle holds all the same."""


def documents_of(outline: Outline, found: Survey, folder: str, request: str, date: str) -> dict[str, str]:
    """The documents by their names in the feature's folder.

    Args:
        outline: The words.
        found: The repository.
        folder: The name of the feature's folder.
        request: What the user asked for.
        date: Today, as 2026-11-28.
    """
    made = stages(outline, found)
    names = numbered(made, found.dialect)
    values = values_of(outline, found, folder, request, date, made)
    values["ending"] = lambda line: ending(line, found.dialect)
    values["references"] = lambda line: kiro_references(line, outline)
    values["criteria_of"] = lambda number: kiro_criteria(outline, number)
    return {path: shaped(path, fill(form, values), found.templates, outline) for path, form in names.items()}


def numbered(made: list[Stage], dialect: Dialect) -> dict[str, str]:
    """Document -> its form; gives the tasks the ids that the convention wants."""
    if dialect == "kiro":
        rename(made, lambda stage, place, count: str(count))
        return {"requirements.md": "kiro_requirements.md", "design.md": "design.md", "tasks.md": "kiro_tasks.md"}
    if dialect == "openspec":
        rename(made, lambda stage, place, count: f"{stage}.{place}")
        return {
            "proposal.md": "openspec_proposal.md",
            "design.md": "design.md",
            "tasks.md": "openspec_tasks.md",
            "specs/CAPABILITY/spec.md": "openspec_delta.md",
        }
    return {"spec.md": "spec-kit_spec.md", "plan.md": "spec-kit_plan.md", "tasks.md": "spec-kit_tasks.md"}


def rename(made: list[Stage], name: Callable[[int, int, int], str]) -> None:
    """Give every task another id, in what depends on it as well."""
    lines = [(stage.number, place, line) for stage in made for place, line in enumerate(stage.lines, 1)]
    new = {line.id: name(stage, place, count) for count, (stage, place, line) in enumerate(lines, 1)}
    for _, _, line in lines:
        line.id, line.depends = new[line.id], [new[other] for other in line.depends]


def values_of(
    outline: Outline, found: Survey, folder: str, request: str, date: str, made: list[Stage]
) -> dict[str, Any]:
    """What the forms may use."""
    lines = [line for stage in made for line in stage.lines]
    paths = sorted({line.file for line in lines})
    said = {item.principle.casefold(): item for item in outline.principles}
    principles = []
    for text in found.principles:
        name = text.partition(":")[0]
        near = next((item for key, item in said.items() if key in name.casefold() or name.casefold() in key), None)
        principles.append({"principle": name, "how": near.how if near else UNCHECKED})
    return {
        "outline": outline,
        "folder": folder,
        "directory": f"{found.home}/{folder}",
        "capability": slug(outline.name or outline.title),
        "request": quoted(request),
        "date": date,
        "dialect": found.dialect,
        "python": found.python or "as the repository has it",
        "kfp": found.kfp.removeprefix("==") or "as the repository has it",
        "constitution": found.constitution,
        "principles": principles,
        "stages": made,
        "lines": lines,
        "paths": paths,
        "tree": drawn(paths),
    }


def quoted(request: str) -> str:
    """The request on one line, for between quotation marks."""
    return " ".join(request.split()).replace('"', "'").rstrip(".")


def ending(line: Line, dialect: Dialect) -> str:
    """What stands in brackets after a task: its references and what it depends on."""
    refs = [] if dialect == "kiro" else [f"FR-{number:03d}" for number in line.requirements]
    if dialect == "spec-kit":
        refs += [f"SC-{number:03d}" for number in line.criteria]
    parts = [", ".join(refs), f"depends on {', '.join(line.depends)}" if line.depends else ""]
    inside = "; ".join(part for part in parts if part)
    return f" ({inside})" if inside else ""


def kiro_criteria(outline: Outline, number: int) -> list[str]:
    """The acceptance criteria of a story: its scenarios, then its requirements, in Kiro's words."""
    story = outline.stories[number - 1]
    said = [f"GIVEN {clean(item.given)} WHEN {clean(item.when)} THEN {clean(item.then)}" for item in story.scenarios]
    return said + [item.text.replace("MUST", "SHALL") for item in outline.requirements if item.story == number]


def clean(text: str) -> str:
    """A part of a sentence without its full stop."""
    return text.rstrip(". ")


def kiro_references(line: Line, outline: Outline) -> list[str]:
    """What a task stands for, by Kiro's numbers; tests, and what has none, stand for the scenarios as well."""
    found: list[str] = []
    code = {piece.name for piece in outline.pieces if piece.kind in ("component", "pipeline", "code")}
    if line.story and (line.is_test or line.piece not in code):
        scenarios = outline.stories[line.story - 1].scenarios
        found += [f"{line.story}.{number}" for number in range(1, len(scenarios) + 1)]
    for story in range(1, len(outline.stories) + 1):
        first = len(outline.stories[story - 1].scenarios)
        own = [number for number, item in enumerate(outline.requirements, 1) if item.story == story]
        found += [f"{story}.{first + place}" for place, number in enumerate(own, 1) if number in line.requirements]
    return found


def drawn(paths: list[str]) -> str:
    """A tree of files, as plans have it."""
    lines: list[str] = []
    shown: list[str] = []
    for path in paths:
        *folders, name = PurePosixPath(path).parts
        same = 0
        while same < len(folders) and shown[same : same + 1] == folders[same : same + 1]:
            same += 1
        for depth in range(same, len(folders)):
            lines.append(f"{'    ' * depth}{folders[depth]}/")
        lines.append(f"{'    ' * len(folders)}{name}")
        shown = folders
    return "\n".join(lines)


def fill(form: str, values: dict[str, Any]) -> str:
    """A form with the words in it."""
    import jinja2

    from ...prompts import forms

    # Markdown, not HTML: escaping would change what the user and the model said.
    environment = jinja2.Environment(
        trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined, keep_trailing_newline=True
    )
    text = (resources.files(forms) / form).read_text(encoding="utf-8")
    done = environment.from_string(text).render(**values)
    return re.sub(r"\n{3,}", "\n\n", done).strip() + "\n"
