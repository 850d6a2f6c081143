"""Where a run starts and where its work goes: documents, branches, earlier runs, landing."""

from __future__ import annotations

import subprocess

import filelock
import pytest
from kfpilot.agent.errors import UserError
from kfpilot.agent.workflow.driver import NothingToDo
from kfpilot.tools import git as tools_git

from .conftest import BRANCH, ONE, PAGE, PAGES, TASKS_FILE, TWO, MakeWorld, git, snapshot, write


def test_documents_that_are_not_committed_go_along(world: MakeWorld) -> None:
    here = world(quick=True)
    tasks = here.root / TASKS_FILE
    tasks.write_bytes(tasks.read_bytes().replace(b"T003 [US1]", b"T007 [US1]"))
    (here.root / "specs/001-prices/research.md").write_text("# Research\n")
    before = snapshot(here.root)
    assert here.run(write(PAGE), tasks=["T007"]) == 0
    assert here.trailers("Kfpilot-Task") == ["T007"]
    assert here.log()[0].startswith("docs: the documents of 001-prices")
    assert here.show("specs/001-prices/research.md") == "# Research\n"
    after = snapshot(here.root)
    assert after["files"] == before["files"] and after["main"] == before["main"]


def test_a_document_with_a_secret_is_never_committed(world: MakeWorld) -> None:
    here = world(quick=True)
    token = "gh" + "p_" + "wWPw5k4aXcaT4fNP" + "0UcnZwJUVFk6LO0pINUx"
    spec = here.root / "specs/001-prices/spec.md"
    spec.write_text(spec.read_text() + f"\nUse the token {token}.\n")
    with pytest.raises(UserError, match="holds a secret") as caught:
        here.run()
    assert token not in str(caught.value)
    log = ["git", "log", "--all", "-p"]
    assert token not in subprocess.run(log, cwd=here.root, capture_output=True, text=True, check=True).stdout


def test_the_run_branch_must_be_free(world: MakeWorld) -> None:
    here = world(quick=True)
    git(here.root, "checkout", "-q", "-b", BRANCH)
    with pytest.raises(UserError, match="checked out"):
        here.run()
    assert here.model.sent == []


def test_a_second_run_goes_on_after_the_first(world: MakeWorld) -> None:
    here = world(PAGES, quick=True)
    assert here.run(write(ONE), tasks=["T001"]) == 0
    # The user's own tasks.md is still without ticks, and is changed meanwhile: the verified tick is not lost.
    tasks = here.root / TASKS_FILE
    tasks.write_bytes(tasks.read_bytes().replace(b"prices in docs/prices", b"shop in docs/prices"))
    assert here.run(write(TWO), write(PAGE)) == 0
    assert here.trailers("Kfpilot-Task") == ["T001", "T002", "T003"]
    assert here.ticks() == "xxx"
    assert here.outcomes() == {"T002": "verified", "T003": "verified"}
    with pytest.raises(NothingToDo) as ended:
        here.run()
    assert ended.value.exit_code == 0
    assert "nothing left to do" in str(ended.value)
    assert len(here.records()) == 2, "a run with nothing to do leaves no record"
    assert tools_git.list_worktrees(tools_git.open_repo(here.root)) == []


def test_a_task_the_user_rewrote_or_reopened_is_worked_again(world: MakeWorld) -> None:
    here = world(quick=True)
    assert here.run(write(PAGE), tasks=["T003"]) == 0
    tasks = here.root / TASKS_FILE
    tasks.write_bytes(tasks.read_bytes().replace(b"Describe the prices", b"Describe all prices"))
    more = (PAGE[0], PAGE[1] + "\nAll of them.\n")
    assert here.run(write(more), tasks=["T003"]) == 0
    assert here.outcomes() == {"T003": "verified"}
    tasks.write_text(git(here.root, "show", f"main:{TASKS_FILE}"))
    git(here.root, "merge", "-q", "--ff-only", BRANCH)
    tasks.write_bytes(tasks.read_bytes().replace(b"[x] T003", b"[ ] T003"))
    again = (PAGE[0], PAGE[1] + "\nEach one.\n")
    assert here.run(write(again), tasks=["T003"]) == 0
    assert here.show(PAGE[0]).endswith("Each one.\n")


def test_the_commits_of_another_feature_tick_nothing(world: MakeWorld) -> None:
    here = world(PAGES, quick=True)
    assert here.run(write(ONE), tasks=["T001"], land=True) == 0
    other = here.root / "specs/002-names/tasks.md"
    other.parent.mkdir()
    other.write_text("# Tasks: Names\n\n- [ ] T001 Describe the names in docs/names.md\n")
    assert here.run(write(("docs/names.md", "# Names\n\nNone yet.\n")), feature="002") == 0
    assert git(here.root, "show", "kfpilot/002-names:docs/names.md") == "# Names\n\nNone yet.\n"


def test_land_brings_the_users_branch_forward(world: MakeWorld) -> None:
    here = world(quick=True)
    assert here.run(write(PAGE), tasks=["T003"], land=True) == 0
    assert git(here.root, "rev-parse", "main") == git(here.root, "rev-parse", BRANCH)
    assert (here.root / PAGE[0]).read_text() == PAGE[1]
    assert git(here.root, "status", "--porcelain") == ""
    assert here.journal()[-1].landed


def test_land_leaves_both_branches_when_it_cannot_be(world: MakeWorld) -> None:
    here = world(quick=True)
    (here.root / "docs").mkdir()
    (here.root / PAGE[0]).write_text("mine\n")
    before = snapshot(here.root)
    assert here.run(write(PAGE), tasks=["T003"], land=True) == 1
    after = snapshot(here.root)
    assert after["files"] == before["files"] and after["main"] == before["main"]
    assert not here.journal()[-1].landed
    assert [event.code for event in here.events if event.type == "notice"] == ["uncommitted", "not-landed"]


def test_two_runs_at_once_are_refused(world: MakeWorld) -> None:
    here = world(quick=True)
    (here.root / ".kfpilot").mkdir()
    with filelock.FileLock(here.root / ".kfpilot/lock"), pytest.raises(UserError, match="another run"):
        here.run()
    assert here.model.sent == []
