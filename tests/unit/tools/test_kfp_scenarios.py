"""Runs that people describe: what the file may hold, and what of a run differs from it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from kfpilot.tools.errors import ToolFailure
from kfpilot.tools.kfp_scenarios import FILE_NAME, Scenario, differences, load_scenarios, split_arguments


def write(folder: Path, text: str) -> Path:
    file = folder / FILE_NAME
    file.write_text(text, encoding="utf-8")
    return file


def test_a_repository_without_the_file_has_none(tmp_path: Path) -> None:
    assert load_scenarios(tmp_path / FILE_NAME) == []
    assert load_scenarios(write(tmp_path, "")) == []


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("{name: a}", "name one of pipeline and component"),
        ("{pipeline: a, component: b, name: c}", "name one of"),
        ("{pipeline: a, name: b, expect: fails, outputs: {x: 1}}", "has no outputs"),
        ("{pipeline: a, name: b, says: nothing}", "says is for runs that fail"),
        ("{pipeline: a, name: b, wants: 1}", "scenarios.0.wants"),
        ("{pipeline: a}", "scenarios.0.name"),
    ],
)
def test_a_mistake_is_named_with_its_place(tmp_path: Path, entry: str, words: str) -> None:
    with pytest.raises(ToolFailure, match=FILE_NAME) as caught:
        load_scenarios(write(tmp_path, f"scenarios:\n  - {entry}\n"))
    assert words in str(caught.value)


def test_what_is_no_yaml_is_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(ToolFailure, match="is not YAML"):
        load_scenarios(write(tmp_path, "scenarios: [\n"))


@pytest.mark.parametrize(("path", "words"), [("../x.csv", "outside"), ("x.csv", "does not exist")])
def test_files_lie_in_the_repository(tmp_path: Path, path: str, words: str) -> None:
    with pytest.raises(ToolFailure, match=words):
        split_arguments(Scenario(pipeline="a", name="b", arguments={"x": {"file": path}}), tmp_path)


def test_dates_of_yaml_are_text_again(tmp_path: Path) -> None:
    (found,) = load_scenarios(write(tmp_path, "scenarios:\n  - {pipeline: a, name: b, arguments: {day: 2026-01-02}}\n"))
    assert split_arguments(found, tmp_path) == ({"day": "2026-01-02"}, {})


@pytest.mark.parametrize(
    ("wanted", "got", "same"),
    [
        (0.3, 0.1 + 0.2, True),
        (3, 3.0, True),
        (1, True, False),
        ("a", "a\n", True),
        ("a", "b", False),
        ([1, 2], [1, 2.0], True),
        ([1], [1, 2], False),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ("rows\n", {"path": "/x", "text": "rows"}, True),
        ("rows", {"path": "/x", "text": None}, False),
    ],
)
def test_outputs_are_compared_as_people_mean_them(tmp_path: Path, wanted: Any, got: Any, same: bool) -> None:
    scenario = Scenario(pipeline="a", name="b", outputs={"Output": wanted})
    assert (differences(scenario, {"Output": got}, tmp_path) == []) is same


def test_an_output_that_is_not_there_is_named_beside_those_that_are(tmp_path: Path) -> None:
    scenario = Scenario(pipeline="a", name="b", outputs={"total": 1})
    assert differences(scenario, {"sum": 1}, tmp_path) == ["there is no output total (there is sum)"]
