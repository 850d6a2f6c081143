"""The documents of an outline: their form in each convention, and that they are read as they were meant.

`KFPILOT_UPDATE_GOLDEN=1 python -m pytest tests/unit/drafting` writes the golden files anew.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest
from kfpilot.agent.drafting.draft import Draft, compose, feature, plan_of, problems_of, save
from kfpilot.agent.drafting.outline import Outline
from kfpilot.agent.drafting.survey import Survey
from kfpilot.agent.errors import UserError

GOLDEN = Path(__file__).parents[2] / "golden" / "forms"
# What the own_environment fixture takes away is asked here, once, when the module is loaded.
UPDATE = bool(os.environ.get("KFPILOT_UPDATE_GOLDEN"))
HOMES = {"spec-kit": "specs", "kiro": ".kiro/specs", "openspec": "openspec/changes"}


def in_dialect(found: Survey, dialect: str) -> Survey:
    return found.model_copy(update={"dialect": dialect, "home": HOMES[dialect]})


def whole(draft: Draft) -> str:
    return "".join(f"=== {name}\n{text}" for name, text in draft.documents.items())


@pytest.mark.parametrize("dialect", HOMES)
def test_the_documents_are_as_they_were_agreed(dialect: str, outline: Outline, found: Survey) -> None:
    there = in_dialect(found, dialect)
    text = whole(compose(outline, there, 'Flag "drops".', folder="002-weekly-drops", date="2026-11-28"))
    file = GOLDEN / f"{dialect}.txt"
    if UPDATE:
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")


@pytest.mark.parametrize("dialect", HOMES)
def test_parser_and_planner_find_nothing_wrong(dialect: str, outline: Outline, found: Survey) -> None:
    there = in_dialect(found, dialect)
    assert problems_of(outline, there, "Flag drops") == []
    draft = compose(outline, there, "Flag drops")
    read = feature(draft, there)
    assert read.dialect == dialect
    assert [task.files for task in read.tasks.tasks] == [
        ["pipelines/components/flag_drops.py"],
        ["tests/test_flag_drops.py"],
        ["pipelines/weekly_drops.py"],
        ["tests/test_weekly_drops.py"],
        ["docs/weekly_drops.md"],
    ]
    plan = plan_of(draft, there)
    assert plan.warnings == []
    assert [task.role for task in plan.tasks] == ["code", "tests", "code", "tests", "docs"]


def test_tests_come_after_their_code_and_pipelines_after_their_components(outline: Outline, found: Survey) -> None:
    plan = plan_of(compose(outline, found, "x y z"), found)
    needs = {task.id: task.depends_on for task in plan.tasks}
    assert needs == {"T001": [], "T002": ["T001"], "T003": ["T001"], "T004": ["T003"], "T005": ["T003"]}


def test_a_pipeline_that_is_there_is_changed_where_it_is(words: dict[str, Any], found: Survey) -> None:
    words["pieces"][1] |= {"name": "daily_summary", "signature": ""}
    outline = Outline.model_validate(words)
    assert problems_of(outline, found, "Flag drops") == []
    tasks = compose(outline, found, "Flag drops").documents["tasks.md"]
    assert "Change the pipeline `daily_summary` in pipelines/daily_summary.py" in tasks


def test_independent_pieces_of_a_story_are_parallel(words: dict[str, Any], found: Survey) -> None:
    more = {**words["pieces"][0], "name": "count_week", "signature": "count_week(orders, counts)"}
    words["pieces"].insert(1, more)
    tasks = compose(Outline.model_validate(words), found, "Flag drops").documents["tasks.md"]
    assert [line[:20] for line in tasks.splitlines() if "[P] [US1]" in line] == [
        "- [ ] T001 [P] [US1]",
        "- [ ] T003 [P] [US1]",
    ]


def test_saving_writes_the_documents_and_overwrites_nothing(outline: Outline, found: Survey, shop: Path) -> None:
    draft = compose(outline, found, "Flag drops")
    assert save(draft, shop) == [f"specs/002-weekly-drops/{name}" for name in ("spec.md", "plan.md", "tasks.md")]
    with pytest.raises(UserError, match="there is a feature of this name already"):
        save(draft, shop)


def test_an_own_draft_is_replaced_unless_somebody_changed_it(words: dict[str, Any], found: Survey, shop: Path) -> None:
    first = compose(Outline.model_validate(words), found, "Flag drops")
    save(first, shop)
    later = compose(Outline.model_validate({**words, "title": "Drops"}), found, "Flag drops", first.folder)
    save(later, shop, first.digests())
    spec = shop / "specs/002-weekly-drops/spec.md"
    assert spec.read_text(encoding="utf-8").startswith("# Feature Specification: Drops\n")
    spec.write_text("mine", encoding="utf-8")
    with pytest.raises(UserError, match="changed since it was written"):
        save(first, shop, later.digests())
    assert spec.read_text(encoding="utf-8") == "mine"


def test_no_link_leads_out_of_the_repository(outline: Outline, found: Survey, shop: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (shop / ".kiro").symlink_to(tmp_path / "elsewhere")
    draft = compose(outline, in_dialect(found, "kiro"), "Flag drops")
    with pytest.raises(UserError, match="a link stands where the feature would go"):
        save(draft, shop)
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_secret_in_the_request_is_not_written_down(words: dict[str, Any], found: Survey) -> None:
    token = "ghp_" + hashlib.sha256(b"a token").hexdigest()[:36]
    words["assumptions"] = [f"The token is {token}."]
    draft = compose(Outline.model_validate(words), found, f"Flag drops with {token}")
    assert token not in whole(draft)
