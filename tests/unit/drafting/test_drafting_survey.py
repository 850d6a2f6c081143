"""What drafting sees of a repository, and where it would put a new feature."""

from __future__ import annotations

from pathlib import Path

import pytest
from kfpilot.agent.drafting.survey import Survey, folder_name, namesakes, survey


def test_components_and_pipelines_are_read_from_source(found: Survey) -> None:
    (component,) = found.components
    assert component.signature == "load_orders(export, orders, day='2026-11-02')"
    assert (component.inputs, component.outputs) == (["export"], ["orders"])
    assert "order_id, customer, amount" in component.about
    (pipeline,) = found.pipelines
    assert (pipeline.name, pipeline.calls) == ("daily_summary", ["load_orders"])
    assert (found.component_folder, found.pipeline_folder, found.test_folder) == (
        "pipelines/components",
        "pipelines",
        "tests",
    )
    assert (found.python, found.kfp) == (">=3.11", "==2.17.0")
    assert found.principles == ["One component, one file: Each component has a file."]


def test_a_repository_with_nothing_in_it(tmp_path: Path) -> None:
    found = survey(tmp_path)
    assert (found.components, found.pipelines, found.home) == ([], [], "specs")
    assert (found.component_folder, found.pipeline_folder) == ("components", "pipelines")
    assert folder_name(found, "first") == "001-first"


def test_a_module_that_does_not_parse_is_no_reason_to_stop(shop: Path) -> None:
    (shop / "pipelines/broken.py").write_text("from kfp import dsl\ndef (", encoding="utf-8")
    assert [item.name for item in survey(shop).components] == ["load_orders"]


@pytest.mark.parametrize(
    ("folders", "home", "name"),
    [
        (["specs/001-a", "specs/007-b"], "specs", "008-new"),
        (["specs/0012-a"], "specs", "0013-new"),
        (["specs/1000-a"], "specs", "1001-new"),
        ([".specify/specs/001-a"], ".specify/specs", "002-new"),
        ([".kiro/specs/late-orders"], ".kiro/specs", "new"),
        ([".kiro/specs/new"], ".kiro/specs", "new-2"),
        (["openspec/changes/add-x"], "openspec/changes", "new"),
    ],
)
def test_the_next_name_in_the_repositorys_own_convention(
    tmp_path: Path, folders: list[str], home: str, name: str
) -> None:
    for folder in folders:
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "tasks.md").write_text("- [ ] T001 x\n", encoding="utf-8")
    found = survey(tmp_path)
    assert (found.home, folder_name(found, "new")) == (home, name)


def test_where_features_carry_a_time_so_does_the_new_one(tmp_path: Path) -> None:
    (tmp_path / "specs/20261101-101500-a").mkdir(parents=True)
    (tmp_path / "specs/20261101-101500-a/tasks.md").write_text("- [ ] T001 x\n", encoding="utf-8")
    name = folder_name(survey(tmp_path), "new")
    assert name.endswith("-new") and len(name.split("-")[0]) == 8


def test_what_a_tool_has_set_up_decides_before_there_is_a_feature(tmp_path: Path) -> None:
    (tmp_path / ".kiro").mkdir()
    found = survey(tmp_path)
    assert (found.dialect, found.home) == ("kiro", ".kiro/specs")


def test_features_of_the_same_name_are_found_by_any_number(tmp_path: Path, found: Survey) -> None:
    for name in ("001-flags", "flags", "flags-2", "20260101-000000-flags", "002-flags-of-all", "003-red-flags"):
        (tmp_path / "specs" / name).mkdir(parents=True)
    there = found.model_copy(update={"root": tmp_path, "features": [], "home": "specs"})
    assert namesakes(there, "flags", "flags-2") == ["001-flags", "20260101-000000-flags", "flags"]
