"""The gate for files, where a task has several of them written."""

from __future__ import annotations

import pytest

from .conftest import MakeScene, accepted, gate, refused

FLOW = "# Prices\n\nThe step `late` rounds them.\n"
README = "# Shop\n\n| Path | What |\n|---|---|\n| `shop/` | Code |\n"
PAGES = {"docs/flow.md": "# Prices\n", "README.md": README, "deploy/cron.yaml": "a: 1\n"}
TASK = (
    "- [ ] T001 Update docs/flow.md: the step `late`, and the schedule with deploy/cron.yaml; add `deploy/` to the"
    " layout table of README.md"
)


def test_each_file_that_a_task_surely_writes_must_change(scene: MakeScene) -> None:
    here = scene(TASK, PAGES)
    assert (here.task().role, here.task().also) == ("docs", [])
    refused(
        here.judge({"docs/flow.md": FLOW}, "scope", "files"),
        "files",
        "README.md: was not changed, and the task says: add `deploy/` to the layout table of README.md",
    )
    accepted(here.judge({"README.md": f"{README}| `deploy/` | Schedules |\n"}, "scope", "files"))


def test_a_file_that_has_all_that_the_task_names_may_stay(scene: MakeScene) -> None:
    here = scene(TASK, {**PAGES, "README.md": f"{README}| `deploy/` | Schedules |\n"})
    verdict = here.judge({"docs/flow.md": FLOW}, "files")
    accepted(verdict)
    assert gate(verdict, "files").warnings == ["README.md: named, not changed"]


@pytest.mark.parametrize(
    ("task", "doubts"),
    [
        ("Create `twice(price)` in shop/twice.py, export it in shop/__init__.py", ["shop/__init__.py"]),
        ("Create `twice(price)` in shop/twice.py and pin it in requirements.txt", ["requirements.txt"]),
        ("Create `twice(price)` in shop/twice.py and update README.md if needed", ["README.md"]),
        ("Create `twice(price)` in shop/twice.py, with the names of shop/price.py", []),
        ("Create `twice(price)` in shop/twice.py with the names in shop/price.py", ["shop/price.py"]),
    ],
)
def test_a_file_that_may_stay_as_it_is_is_only_told(scene: MakeScene, task: str, doubts: list[str]) -> None:
    files = {"shop/__init__.py": "", "requirements.txt": "kfp\n", "README.md": README}
    verdict = scene(f"- [ ] T001 {task}", files).judge({"shop/twice.py": "def twice(price):\n    return 2\n"}, "files")
    accepted(verdict)
    assert gate(verdict, "files").warnings == [f"{path}: named, not changed" for path in doubts]


def test_a_file_that_the_task_may_not_write_is_not_asked_for(scene: MakeScene) -> None:
    here = scene("- [ ] T001 Write tests in tests/test_more.py and extend shop/price.py with a constant")
    here.plan[0] = here.task().model_copy(update={"role": "tests", "also": []})
    accepted(here.judge({"tests/test_more.py": "def test_a():\n    assert [1] == [1]\n"}, "files"))
