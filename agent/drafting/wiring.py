"""Puts together the parts that a small model named: the pipeline, what goes into which input, who needs whom."""

from __future__ import annotations

import re

from .lines import Part, StoryLines
from .outline import CriterionWords, Outline, Piece, RequirementWords, ScenarioWords, StoryWords, slug
from .survey import Known, Survey


def outline_of(title: str, stories: list[tuple[Part, StoryLines]], found: Survey, request: str) -> Outline:
    """A whole outline: a story for each component, and one for the pipeline that runs them.

    Args:
        title: The feature's title.
        stories: The components with what they must do, in the order in which they run.
        found: The repository.
        request: What the user asked for.
    """
    parts = [part for part, _ in stories]
    requirements: list[RequirementWords] = []
    pieces: list[Piece] = []
    for number, (part, story) in enumerate(stories, 1):
        first = len(requirements) + 1
        requirements += [RequirementWords(text=rule, story=number) for rule in story.rules]
        pieces.append(
            Piece(
                kind="component",
                name=part.name,
                signature=part.signature,
                story=number,
                does=part.does,
                test=story.test,
                requirements=list(range(first, len(requirements) + 1)),
            )
        )
    last = len(stories) + 1
    pipeline, scenario = pipeline_of(title, parts, found, request, last)
    requirements.append(RequirementWords(text=rule_of(pipeline, parts), story=last))
    pipeline.requirements = [len(requirements)]
    told = [
        StoryWords(
            title=story.title,
            text=story.text,
            why=story.why,
            test=f"Call {part.name} with a small input and compare what it writes",
            scenarios=story.scenarios,
        )
        for part, story in stories
    ]
    told.append(
        StoryWords(
            title=f"The pipeline {pipeline.name} runs it",
            text="A data engineer starts one pipeline and gets the result without anything else to start",
            why="Until then the steps can be run by hand",
            test="Compile the pipeline and look at its steps",
            scenarios=[scenario],
        )
    )
    names = ", ".join(f"`{part.name}`" for part in parts)
    return Outline(
        title=title,
        name=slug(title),
        summary=f"New components: {names}. The pipeline `{pipeline.name}` runs them in this order.",
        stories=told,
        requirements=requirements,
        criteria=[CriterionWords(text="The pipeline compiles, and all tests pass", shown_by=pipeline.name)],
        assumptions=[
            "This was drafted by a small model from one sentence: whoever asked for it reads it before it is worked.",
            "Whatever the request does not say stays as it is.",
        ],
        pieces=[*pieces, pipeline],
    )


def named_pipeline(found: Survey, request: str) -> Known | None:
    """The pipeline of the repository that the request speaks of by its name."""
    said = re.sub(r"[\W_]+", " ", request.lower())
    for item in found.pipelines:
        if re.search(rf"\b{re.escape(item.name.replace('_', ' ').lower())}\b", said):
            return item
    return None


def pipeline_of(title: str, parts: list[Part], found: Survey, request: str, story: int) -> tuple[Piece, ScenarioWords]:
    """The pipeline as a piece, and its scenario: the one that the request names, or a new one."""
    known = named_pipeline(found, request)
    # What a component reads comes from whatever wrote it last; what nobody writes is imported.
    sources: dict[str, str] = {}
    order = [item for name in (known.calls if known else []) if (item := found.known(name))]
    for item in order:
        sources |= dict.fromkeys(item.outputs, item.name)
    before = (order[-1].name, order[-1].outputs[0]) if order and order[-1].outputs else None
    clauses, imported, needs = [], list[str](), dict[str, list[str]]()
    for part in parts:
        gets = []
        for name in part.reads:
            if name in sources:
                gets.append(f"as `{name}` the output `{name}` of `{sources[name]}`")
                needs.setdefault(part.name, []).append(sources[name])
            elif before and len(part.reads) == 1:
                gets.append(f"as `{name}` the output `{before[1]}` of `{before[0]}`")
                needs.setdefault(part.name, []).append(before[0])
            else:
                imported.append(name)
                gets.append(f"as `{name}` what is imported from `{name}_uri`")
        clauses.append(f"`{part.name}`" + (f" gets {' and '.join(gets)}" if gets else " runs first"))
        sources |= dict.fromkeys(part.writes, part.name)
        before = (part.name, part.writes[0])
    imported = list(dict.fromkeys(imported))
    steps = [*(["importer"] if imported and not known else []), *(part.name.replace("_", "-") for part in parts)]
    arrows = [
        f"{part.replace('_', '-')} depends on {other.replace('_', '-')}" for part, on in needs.items() for other in on
    ]
    shown = ", ".join(steps[:-1]) + (" and " if len(steps) > 1 else "") + steps[-1]
    test = "; ".join(["the pipeline compiles", f"it has the task{'s' * (len(steps) > 1)} {shown}", *arrows])
    imports = "imports " + " and ".join(f"the Dataset at `{name}_uri`" for name in imported) + "; " if imported else ""
    if known:
        name, signature = known.name, ""
        more = f"; it gets the further parameters {', '.join(f'{item}_uri' for item in imported)}" if imported else ""
        does = f"{imports}adds the steps: {'; '.join(clauses)}; the steps and parameters that are there stay{more}"
    else:
        name = free_name(title, parts, found)
        signature = f"{name}({', '.join(f'{item}_uri' for item in imported)})"
        does = f"{imports}runs the steps in this order: {'; '.join(clauses)}"
    piece = Piece(
        kind="pipeline",
        name=name,
        signature=signature,
        story=story,
        does=does,
        test=test,
        needs=[part.name for part in parts],
    )
    return piece, ScenarioWords(
        given=f"the pipeline {name}", when="it is compiled", then=f"it has the step{'s' * (len(steps) > 1)} {shown}"
    )


def free_name(title: str, parts: list[Part], found: Survey) -> str:
    """A name for a new pipeline that nothing else has, made of the title."""
    name = re.sub(r"_pipeline$", "", slug(title, 4).replace("-", "_"))
    name = f"pipeline_{name}" if not name.isidentifier() else name
    taken = {part.name for part in parts} | {item.name for item in [*found.components, *found.pipelines]}
    return f"{name}_pipeline" if name in taken else name


def rule_of(pipeline: Piece, parts: list[Part]) -> str:
    """The requirement that the pipeline brings."""
    names = " and ".join(f"`{part.name}`" for part in parts)
    order = " in this order" if len(parts) > 1 else ""
    return f"The pipeline `{pipeline.name}` MUST run {names}{order}."
