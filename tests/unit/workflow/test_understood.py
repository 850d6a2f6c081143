"""The one line on how the user's words were understood."""

from __future__ import annotations

from pathlib import Path

import pytest
from kfpilot.agent.documents import load_feature
from kfpilot.agent.workflow.selecting import understood

TASKS = """# Tasks: Prices

- [ ] T001 [US1] Create `double(price)` in shop/double.py
- [ ] T002 [US1] Test `double` in tests/test_double.py
- [ ] T003 Describe the prices in docs/prices.md
"""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("", ""),
        ("only US1", "the words pick T001, T002"),
        ("T001-T003", "the words pick T001, T002, T003"),
        ("skip T003", "the words pick no task and leave out T003"),
        ("only US1, skip T002", "the words pick T001, leave out T002"),
        ("only the tests", "the words pick no task; they go to planner and workers as they are"),
        ("everything but the docs", "the words pick no task; they go to planner and workers as they are"),
        ("implement T003 with a table", "the words pick T003; planner and workers get them as they are"),
        ("continue", "the words pick no task"),
    ],
)
def test_what_words_pick_is_said(tmp_path: Path, words: str, said: str) -> None:
    folder = tmp_path / "specs/001-prices"
    folder.mkdir(parents=True)
    (folder / "tasks.md").write_text(TASKS)
    assert understood(words, load_feature(folder, tmp_path)) == said
