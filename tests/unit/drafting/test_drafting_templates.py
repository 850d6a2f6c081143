"""A repository with templates of its own gets drafts with their headings, in their order; stock ones change nothing."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from kfpilot.agent.drafting import capable
from kfpilot.agent.drafting.draft import compose, feature, plan_of, problems_of
from kfpilot.agent.drafting.outline import Outline
from kfpilot.agent.drafting.survey import Survey, survey
from kfpilot.agent.drafting.words import repository_of
from kfpilot.agent.models.handle import Handle
from kfpilot.agent.models.scripted import ScriptedModel, calls

REQUEST = "flag customers whose orders dropped by half"
SPEC = """# Feature Specification: [FEATURE NAME]

## Erfolg *(mandatory)*

- **SC-001**: [Messbares]

## Data Protection *(mandatory)*

<!-- Which personal data is read? -->

## Anforderungen *(mandatory)*

### Key Entities *(include if feature involves data)*

- **[Entity]**: …

### Functional Requirements

- **FR-001**: System MUST […]

### Non-Functional Requirements

- **NFR-001**: [How fast]

## Geschichten *(mandatory)*

### User Story 1 - [Brief Title] (Priority: P1)

1. **Given** [state], **When** [action], **Then** [outcome]

## Cost *(optional)*

## [Anything else]
"""
PLAN = """# Implementation Plan: [FEATURE]

## Rollback

*Only if the change cannot be taken back by a commit*

## 1. Overview

## 2. Project Structure

## 3. Technical Context
"""
TASKS = """# Tasks

## Release

How it gets to production.

## Phase 1: Setup

- [ ] T001 Create a folder

### Tests first

## Phase 2: Rest

- [ ] T002 Do the rest
"""
SECTIONS = [
    {"heading": "data protection", "text": "Customer ids are read; no name is."},
    {"heading": "Non-Functional Requirements", "text": "A week of orders takes a minute."},
    {"heading": "Release", "text": "With the next image."},
]


def write(shop: Path, **texts: str) -> Survey:
    folder = shop / ".specify/templates"
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / f"{name}-template.md").write_text(text, encoding="utf-8")
    return survey(shop)


@pytest.fixture
def own(shop: Path) -> Survey:
    return write(shop, spec=SPEC, plan=PLAN, tasks=TASKS)


def headings(text: str) -> list[str]:
    return re.findall(r"(?m)^###? .*$", re.sub(r"(?s)```.*?```", "", text))


def test_the_drafts_have_the_headings_in_their_order(words: dict[str, Any], own: Survey) -> None:
    draft = compose(Outline.model_validate({**words, "sections": SECTIONS}), own, REQUEST)
    assert headings(draft.documents["spec.md"]) == [
        "## Erfolg *(mandatory)*",
        "### Measurable Outcomes",
        "## Data Protection *(mandatory)*",
        "## Anforderungen *(mandatory)*",
        "### Key Entities",
        "### Functional Requirements",
        "### Non-Functional Requirements",
        "## Geschichten *(mandatory)*",
        "### User Story 1 - Drops are flagged (Priority: P1)",
        "### User Story 2 - One pipeline makes the report (Priority: P2)",
        "### Edge Cases",
        "## Assumptions",
    ]
    assert (
        "## Data Protection *(mandatory)*\n\nCustomer ids are read; no name is.\n\n## An" in draft.documents["spec.md"]
    )
    assert headings(draft.documents["plan.md"]) == [
        "## 1. Overview",
        "## 2. Project Structure",
        "### Documentation (this feature)",
        "### Source Code (repository root)",
        "## 3. Technical Context",
        "## Constitution Check",
    ]
    assert headings(draft.documents["tasks.md"])[1:4] == [
        "## Release",
        "## Phase 1: User Story 1 - Drops are flagged (Priority: P1) 🎯 MVP",
        "## Phase 2: User Story 2 - One pipeline makes the report (Priority: P2)",
    ]


def test_they_are_read_as_the_usual_form_is(words: dict[str, Any], found: Survey, shop: Path) -> None:
    outline = Outline.model_validate({**words, "sections": SECTIONS})
    usual = compose(outline, found, REQUEST)
    own = write(shop, spec=SPEC, plan=PLAN, tasks=TASKS)
    assert problems_of(outline, own, REQUEST) == []
    draft = compose(outline, own, REQUEST)
    assert all(draft.documents[name] != usual.documents[name] for name in usual.documents)
    before, after = feature(usual, found), feature(draft, own)
    assert [item.text for item in after.spec.requirements] == [item.text for item in before.spec.requirements]
    assert [item.text for item in after.spec.criteria] == [item.text for item in before.spec.criteria]
    assert [len(item.scenarios) for item in after.spec.stories] == [len(item.scenarios) for item in before.spec.stories]
    assert [task.files for task in plan_of(draft, own).tasks] == [task.files for task in plan_of(usual, found).tasks]


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_spec_kit_s_own_templates_change_nothing(outline: Outline, found: Survey, shop: Path, line_end: str) -> None:
    usual = compose(outline, found, REQUEST)
    stock = resources.files("specify_cli") / "core_pack/templates"
    names = ("spec", "plan", "tasks")
    texts = {name: (stock / f"{name}-template.md").read_text(encoding="utf-8") for name in names}
    there = write(shop, **{name: text.replace("\n", line_end) for name, text in texts.items()})
    assert there.templates.keys() == {"spec.md", "plan.md", "tasks.md"} and there.own_sections == []
    assert compose(outline, there, REQUEST) == usual
    assert (
        repository_of("new_feature.md", there).splitlines()[1:-2]
        == (repository_of("new_feature.md", found).splitlines()[1:-2])
    )


def test_the_model_is_told_the_sections_that_it_has_to_fill(words: dict[str, Any], own: Survey) -> None:
    model = ScriptedModel([calls(("TemplatedOutline", {**words, "sections": SECTIONS}))])
    draft = capable.draft(Handle(model=model, name="scripted", tools=True, kind="fake"), own, REQUEST)
    assert "Customer ids are read" in draft.documents["spec.md"]
    said = str(model.sent[0][-1].content)
    block = said[said.index("Sections of its own documents:") : said.index("Features:")]
    assert block.split("\n")[1:-2] == [
        "- spec.md: Data Protection",
        "- spec.md: Non-Functional Requirements",
        "- spec.md: Cost (optional)",
        "- plan.md: Rollback (optional)",
        "- tasks.md: Release",
    ]
    assert 'Add `"sections": [' in said


def test_a_draft_without_one_is_shown_back_once(words: dict[str, Any], own: Survey) -> None:
    answer = calls(("TemplatedOutline", {**words, "sections": SECTIONS[:2]}))
    model = ScriptedModel([answer, answer, "never asked for"])
    draft = capable.draft(Handle(model=model, name="scripted", tools=True, kind="fake"), own, REQUEST)
    assert model.left == 1
    shown = str(model.sent[1][-1].content)
    assert '"Release", which the repository\'s template for tasks.md asks for' in shown
    assert "Cost" not in shown and "Data Protection" not in shown
    assert "## Release\n\nNothing was drafted here" in draft.documents["tasks.md"]
    assert "## Cost" not in draft.documents["spec.md"]


def test_a_template_by_which_the_parser_would_be_misled_is_not_followed(outline: Outline, shop: Path) -> None:
    usual = compose(outline, survey(shop), REQUEST).documents["plan.md"]
    # What stands under a heading of constraints is one for the parser, and this would be the summary.
    misled = write(shop, plan="# Plan\n\n## Technical Context\n\n## Summary of all constraints\n")
    assert compose(outline, misled, REQUEST).documents["plan.md"] == usual
    right = write(shop, plan="# Plan\n\n## Technical Context\n\n## Summary of it all\n")
    assert headings(compose(outline, right, REQUEST).documents["plan.md"])[:2] == [
        "## Technical Context",
        "## Summary of it all",
    ]


@pytest.mark.parametrize("text", ["", "no heading at all\n", "#" * 3000, "## \n\n##\n", "### only\n", "```\n## x\n"])
def test_no_template_breaks_the_draft(outline: Outline, shop: Path, text: str) -> None:
    usual = compose(outline, survey(shop), REQUEST)
    assert compose(outline, write(shop, spec=text, plan=text, tasks=text), REQUEST).documents == usual.documents


def test_kiro_has_no_such_templates(outline: Outline, shop: Path) -> None:
    (shop / "specs/001-first/tasks.md").unlink()
    (shop / ".kiro/specs/first").mkdir(parents=True)
    (shop / ".kiro/specs/first/tasks.md").write_text("# Tasks\n\n- [ ] 1. Create pipelines/a.py\n")
    assert write(shop, spec=SPEC).templates == {}
