"""A task that only stands above others is ticked by the commit of its last sub-task, and never given to a model."""

from __future__ import annotations

from kfpilot.agent.workflow.undo import undo
from kfpilot.tools import git as tools_git

from .conftest import BRANCH, ONE, PAGE, TASKS_FILE, TWO, MakeWorld, git, text_of, write

GROUPS = """- [ ] 1. Pages
- [ ] 1.1 Describe the prices in docs/first.md
- [ ] 1.2 Describe the prices in docs/second.md (depends on 1.1)
- [ ]* 1.3 Describe more in docs/more.md
- [ ] 2. Describe the prices in docs/prices.md (depends on task 1)
"""


def test_the_commit_of_the_last_sub_task_ticks_the_group_and_undo_takes_it_away(world: MakeWorld) -> None:
    here = world(GROUPS, quick=True)
    given = here.show(TASKS_FILE, "main")
    assert here.run(write(ONE), write(TWO), tasks=["1"]) == 0
    assert here.outcomes() == {"1.1": "verified", "1.2": "verified"}
    assert here.model.left == 0 and not any("Task 1\n" in text_of(sent) for sent in here.model.sent)
    assert here.ticks() == "xxx  "
    first, last = here.log("%H")
    assert here.show(TASKS_FILE, first) == given.replace("[ ] 1.1", "[x] 1.1")
    assert here.show(TASKS_FILE, last) == given.replace("[ ]", "[x]", 3)
    assert here.trailers("Kfpilot-Task") == ["1.1", "1.2"]

    # A user who has rewritten something else of the list meanwhile keeps the group's tick.
    (here.root / TASKS_FILE).write_text(given + "\nA word about it.\n")
    assert here.run(write(PAGE), tasks=["2"]) == 0
    assert here.ticks() == "xxx x"
    assert here.show(TASKS_FILE).endswith("A word about it.\n")

    made = undo(tools_git.open_repo(here.root), here.cache, "1.1", with_dependents=True)
    assert {step.task for step in made.undone} == {"1.1", "1.2", "2"}
    assert here.show(TASKS_FILE) == given + "\nA word about it.\n"
    assert git(here.root, "status", "--porcelain", "--untracked-files=no").split() == ["M", TASKS_FILE]
    assert BRANCH in git(here.root, "branch", "--list", BRANCH)


def test_a_group_stays_open_while_one_of_its_sub_tasks_does(world: MakeWorld) -> None:
    here = world(GROUPS, quick=True)
    assert here.run(write(TWO), write(TWO), tasks=["1"]) == 1
    assert here.outcomes() == {"1.1": "failed", "1.2": "skipped"}
    assert here.log() == []
