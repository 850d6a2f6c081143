"""What a request says of the project as a whole: principles, context, the tree."""

from __future__ import annotations

from pathlib import Path

import pytest
from kfpilot.agent.documents import load_feature
from kfpilot.agent.drafting.forms import UNCHECKED
from kfpilot.agent.workers.project import FOLDED, principles_of, project_of, says_something, tree_of


def test_principles_are_headings_with_their_text(tmp_path: Path) -> None:
    file = tmp_path / "constitution.md"
    file.write_text(
        "# C\n\nWords before.\n\n### II. Tested\nEvery part\nhas tests.\n\n### [PRINCIPLE_3_NAME]\n[TEXT]\n\n"
        "### 4. Small\n\nParts are small.\n\n**Version**: 1.2.0 | **Ratified**: 2025-03-01\n\n"
        "## Governance\n\nNot a principle.\n",
        encoding="utf-8",
    )
    assert principles_of(file) == ["Tested: Every part has tests.", "Small: Parts are small."]


def test_a_constitution_that_is_only_a_template_says_nothing(tmp_path: Path) -> None:
    file = tmp_path / "constitution.md"
    file.write_text("# [PROJECT_NAME] Constitution\n\n### [PRINCIPLE_1_NAME]\n[PRINCIPLE_1_DESCRIPTION]\n", "utf-8")
    assert principles_of(file) == []


@pytest.mark.parametrize(
    "text",
    [
        "*GATE: Must pass before Phase 0 research.*",
        "**GATE**: re-check",
        "Small components: yes",
        "Tests first: ✅ done so",
        "Simplicity — PASS",
        "Small steps: weighing and sorting are separate files. Pass",
        f"The standard library first: {UNCHECKED}",
        "The standard library first: not looked at in this draft",
        "Small steps — TBD",
    ],
)
def test_what_a_template_or_a_checklist_says_is_left_out(text: str) -> None:
    assert not says_something(text)


@pytest.mark.parametrize(
    "text",
    [
        "No new packages",
        "No step may pass. Passing is for others",
        "Rows to be checked by a person are kept",
        "Retries: not checked before the last one",
        "The parameters of `daily` stay: nobody may be surprised",
    ],
)
def test_constraints_stay(text: str) -> None:
    assert says_something(text)


def test_the_context_tells_how_to_write_and_not_what_a_planner_weighs(project: Path) -> None:
    told = project_of(load_feature(project / "specs" / "001-heavy-parcels", project))
    assert told.context == [
        "Language/Version: Python 3.11",
        "Primary Dependencies: kfp 2.17.0",
        "Constraints: No new packages",
    ]
    assert told.title == "Heavy Parcels"
    assert told.documents == "specs/001-heavy-parcels/ (plan.md, spec.md, tasks.md)"


def test_a_small_tree_lists_files_and_a_large_one_folders(tmp_path: Path) -> None:
    for number in range(30):
        folder = tmp_path / "src" / f"part{number % 3}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"m{number}.py").touch()
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "spec.md").touch()
    (tmp_path / "README.md").touch()
    assert len(tree_of(tmp_path).splitlines()) == 31
    assert "specs" not in tree_of(tmp_path)
    assert tree_of(tmp_path, limit=10).splitlines() == [
        FOLDED, "README.md", "src/part0/ (10)", "src/part1/ (10)", "src/part2/ (10)"
    ]  # fmt: skip
