"""A task that an earlier one has done as well: nothing has to be made up for it, and nothing else passes for that."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kfpilot.agent.cli.verify import verify_command
from kfpilot.agent.errors import UserError
from kfpilot.agent.models.scripted import calls
from kfpilot.agent.workflow.undo import undo
from kfpilot.tools.git import open_repo

TASKS = """- [ ] T002 [US1] Create `double(price)` in shop/prices.py (FR-001)
- [ ] T003 [US1] Extend shop/prices.py: `triple` takes a price and gives three times as much
"""
DOUBLE = "def double(price):\n    return 2 * price\n"
BOTH = DOUBLE + "\n\ndef triple(price):\n    return 3 * price\n"
Runs = Callable[..., Any]


def write(text: str, path: str = "shop/prices.py") -> Any:
    return calls(("write_file", {"path": path, "content": text}), ("finish", {"summary": "written"}))


def nothing() -> Any:
    return calls(("finish", {"summary": "It is there already."}))


def test_a_task_that_was_done_with_another_is_judged_as_it_stands(
    scripted_runs: Runs, capsys: pytest.CaptureFixture[str]
) -> None:
    here = scripted_runs(TASKS, quick=False)
    assert here.run(write(BOTH), nothing()) == 0
    assert here.outcomes() == {"T002": "verified", "T003": "verified"} and here.ticks() == "xx"
    done, made = here.git("log", "--format=%H", f"main..{here.branch}").split()
    assert here.git("diff", "--name-only", f"{done}~1", done).split() == [here.tasks_file]
    record = next((here.root / ".kfpilot/runs").iterdir())
    evidence = json.loads((record / "evidence/T003.json").read_text())
    gates = {gate["gate"]: gate for gate in evidence["gates"]}
    assert gates["files"]["warnings"] == [f"nothing was changed: T002 has done it as well, in {made[:10]}"]
    assert gates["python"]["summary"].startswith("1 parse") and {"kfp", "ir", "tests"} <= set(gates)
    assert f"T002 has done it as well, in {made[:10]}" in (record / "report.md").read_text()
    here.git("merge", "--quiet", "--ff-only", here.branch)
    capsys.readouterr()
    assert verify_command(here.root, ["T003"]) == 0
    assert "shop/prices.py" in capsys.readouterr().out


def test_its_tick_goes_with_the_work_of_the_other(scripted_runs: Runs, tmp_path: Path) -> None:
    # No word of tasks.md says that T003 depends on T002, and its commit changes no file that T002 has changed.
    here = scripted_runs(TASKS.replace("T002 [US1]", "T002 [P]").replace("T003 [US1]", "T003 [P]"))
    assert here.run(write(BOTH), nothing()) == 0 and here.ticks() == "xx"
    repo = open_repo(here.root)
    with pytest.raises(UserError, match=r"later work depends on it: T003 \(its work is that of T002\)"):
        undo(repo, tmp_path, "T002")
    assert here.ticks() == "xx"
    made = undo(repo, tmp_path, "T002", with_dependents=True)
    assert [step.task for step in made.undone] == ["T003", "T002"] and here.ticks() == "  "
    assert "shop/prices.py" not in here.files()


@pytest.mark.parametrize(
    "tasks",
    [
        TASKS,
        TASKS.replace("`triple` takes a price and gives", "it gives for a price"),
        TASKS.replace("shop/prices.py: `triple`", "shop/prices.py and shop/more.py: `double`"),
    ],
    ids=["the name is not there", "no name is given", "another file is as it was"],
)
def test_saying_so_is_not_enough(scripted_runs: Runs, tasks: str) -> None:
    here = scripted_runs(tasks, {"shop/more.py": "def double(price):\n    return 2 * price\n"})
    assert here.run(write(DOUBLE), nothing(), nothing()) == 1
    assert here.outcomes() == {"T002": "verified", "T003": "failed"} and here.ticks() == "x "


def test_what_was_there_before_all_tasks_is_nobodys_work(scripted_runs: Runs) -> None:
    tasks = TASKS.splitlines()[1] + "\n"
    here = scripted_runs(tasks, {"shop/prices.py": BOTH})
    assert here.run(nothing(), nothing()) == 1
    assert here.outcomes() == {"T003": "failed"}
