"""A checkpoint asks whether all tests pass: it waits for what stands above it, and what stands below waits for it."""

from __future__ import annotations

from pathlib import Path

import pytest
from kfpilot.agent.documents import parse_tasks_text
from kfpilot.agent.documents.models import Feature
from kfpilot.agent.planner.build import build_plan
from kfpilot.agent.planner.checkpoints import is_checkpoint

KIRO = """# Implementation Plan

## Tasks

- [ ] 1. Prices
  - [ ] 1.1 Implement `net_price` in pipelines/net_price.py
  - [ ] 1.2 Write unit tests for `net_price`
- [ ] 2. Checkpoint - Ensure all tests pass
  - Ensure all tests pass, ask the user if questions arise.
- [ ] 3. Write docs/guide.md
- [ ] 4. Write docs/prices.md
- [ ] 5. Final checkpoint
  - Ensure all tests pass, ask the user if questions arise.
"""


def feature_of(text: str) -> Feature:
    path = Path("/nowhere/tasks.md")
    tasks = parse_tasks_text(text.encode(), path)
    return Feature(name="prices", root=path.parent, directory=path.parent, dialect="kiro", tasks=tasks)


def test_a_checkpoint_comes_after_all_above_it_and_before_all_below() -> None:
    plan = build_plan(feature_of(KIRO))
    waves = [[task.id for task in wave] for wave in plan.waves]
    assert waves == [["1.1"], ["1.2"], ["2"], ["3", "4"], ["5"]]
    tasks = {task.id: task for task in plan.tasks}
    assert tasks["2"].depends_on == ["1.2"] and tasks["5"].depends_on == ["1.2", "3", "4"]
    # What stands below can be done without it: it only comes later.
    assert tasks["3"].depends_on == []
    assert tasks["2"].role == "tests" and tasks["2"].gates == ["scope", "files", "security", "tests"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Checkpoint - Ensure all tests pass", True),
        ("Final Checkpoint: make sure that all tests pass, ask the user if questions arise", True),
        ("Ensure all tests pass.", True),
        ("Verify that all unit tests still pass", True),
        ("Refactor the loader and ensure all tests pass", False),
        ("Checkpoint - Ensure all tests pass in pipelines/load.py", False),
        ("Checkpoint the model after each epoch", False),
        ("Write a checkpoint component; ensure all tests pass", False),
        ("Ensure all tests pass a fixture for the prices", False),
    ],
)
def test_what_a_checkpoint_is(line: str, expected: bool) -> None:
    (task,) = feature_of(f"- [ ] 1. {line}\n").tasks.tasks
    assert is_checkpoint(task) is expected


def test_a_checkpoint_with_work_below_it_is_no_checkpoint() -> None:
    text = "- [ ] 1. Checkpoint - Ensure all tests pass\n  - Add a test for empty files\n"
    assert not is_checkpoint(feature_of(text).tasks.tasks[0])
