"""A run that was interrupted, killed or cut off goes on where it was, and does each task once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import Any

import pytest
from kfpilot.agent.errors import Interrupted, ModelError, UserError
from kfpilot.agent.events import RunFinished
from kfpilot.agent.settings import Settings
from kfpilot.agent.workflow import attempts, driver, landing
from kfpilot.tools import git as tools_git

from .conftest import (
    BRANCH,
    DOUBLE,
    FIRST,
    FIRST_TEST,
    ONE,
    PAGE,
    PAGES,
    TASKS_FILE,
    TWO,
    MakeWorld,
    World,
    git,
    text_of,
    write,
)


def finished_once(here: World) -> None:
    """Every task is done, exactly once."""
    assert here.trailers("Kfpilot-Task") == ["T001", "T002", "T003"]
    assert here.ticks() == "xxx"
    assert here.model.left == 0
    assert here.journal()[-1].outcome == "verified"
    assert len(here.records()) == 1
    assert tools_git.list_worktrees(tools_git.open_repo(here.root)) == []


def test_an_interrupted_run_goes_on_where_it_was(world: MakeWorld) -> None:
    here = world(PAGES, quick=True)
    with pytest.raises(Interrupted, match="--resume"):
        here.run(write(ONE), KeyboardInterrupt())
    assert here.trailers("Kfpilot-Task") == ["T001"]
    assert here.journal()[-1].outcome == "interrupted"
    assert here.run(write(TWO), write(PAGE), resume=True) == 0
    finished_once(here)
    with pytest.raises(UserError, match="no unfinished run"):
        here.run(resume=True)


@pytest.mark.chaos
@pytest.mark.parametrize("lost", [False, True], ids=["worktree-there", "worktree-lost"])
@pytest.mark.parametrize("at", ["verify", "tick", "commit", "branch", "checkpoint"])
def test_a_run_that_breaks_anywhere_does_each_task_once(
    world: MakeWorld, monkeypatch: pytest.MonkeyPatch, at: str, lost: bool
) -> None:
    here = world(PAGES, quick=True)
    state = {"left": 1}

    def breaking(real: Any, *, after: bool = False) -> Any:
        def call(*arguments: Any, **more: Any) -> Any:
            done = real(*arguments, **more) if after else None
            if state["left"]:
                state["left"] = 0
                raise OSError("pulled the plug")
            return done if after else real(*arguments, **more)

        return call

    with monkeypatch.context() as patch:
        if at == "verify":
            patch.setattr(attempts, "verify", breaking(attempts.verify))
        elif at == "tick":
            patch.setattr(landing, "tick_file", breaking(landing.tick_file))
        elif at == "commit":
            patch.setattr(tools_git, "commit_all", breaking(tools_git.commit_all))
        elif at == "branch":
            patch.setattr(tools_git, "update_branch", breaking(tools_git.update_branch))
        else:
            patch.setattr(tools_git, "update_branch", breaking(tools_git.update_branch, after=True))
        with pytest.raises(OSError, match="plug"):
            here.run(write(ONE))
    assert here.journal()[-1].outcome == "error"
    if lost:
        repo = tools_git.open_repo(here.root)
        for worktree in tools_git.list_worktrees(repo):
            tools_git.remove_worktree(repo, worktree)
    assert here.run(write(TWO), write(PAGE), resume=True) == 0
    finished_once(here)


def test_a_broken_checkpoint_and_a_cut_journal_lose_nothing(world: MakeWorld) -> None:
    here = world(PAGES, quick=True)
    with pytest.raises(Interrupted):
        here.run(write(ONE), KeyboardInterrupt())
    record = here.records()[0]
    (record / "checkpoint.sqlite").write_bytes(b"SQLite format 3\0" + b"\xff" * 5000)
    (record / "evidence/T001.json").write_text('{"task": "T0')
    lines = (record / "journal.jsonl").read_text().splitlines(keepends=True)
    # The end of the first task was never told, and the last line is cut.
    kept = [line for line in lines if "task-finished" not in line]
    (record / "journal.jsonl").write_text("".join(kept[:-1]) + kept[-1][:20])
    assert here.run(write(TWO), write(PAGE), resume=True) == 0
    assert here.outcomes() == {"T001": "verified", "T002": "verified", "T003": "verified"}
    assert here.trailers("Kfpilot-Task") == ["T001", "T002", "T003"]
    assert here.ticks() == "xxx"


def test_a_run_killed_before_its_first_word_goes_on(world: MakeWorld) -> None:
    here = world(PAGES, quick=True)
    with pytest.raises(Interrupted):
        here.run(KeyboardInterrupt())
    (here.records()[0] / "journal.jsonl").unlink()
    assert here.run(write(ONE), write(TWO), write(PAGE), resume=True) == 0
    assert len(here.records()) == 1


def test_a_run_killed_in_its_report_gets_it(world: MakeWorld) -> None:
    here = world(PAGES, quick=True)
    assert here.run(write(ONE), tasks=["T001"]) == 0
    report = here.records()[0] / "report.json"
    report.unlink()
    assert here.run(resume=True) == 0
    assert report.is_file()
    with pytest.raises(UserError, match="no unfinished run"):
        here.run(resume=True)


def test_tests_whose_code_never_came_are_told(world: MakeWorld) -> None:
    here = world(FIRST)
    bad = ("shop/triple.py", "def triple(price):\n    return prise\n")
    assert here.run(write(FIRST_TEST), write(DOUBLE), write(bad), write(bad)) == 1
    told = [event.message for event in here.events if event.type == "notice" and event.code == "tests-wait"]
    assert len(told) == 1 and "tests/test_double.py" in told[0] and "T003" in told[0]


def test_a_resumed_run_may_be_told_to_land(world: MakeWorld) -> None:
    here = world(PAGES, quick=True)
    with pytest.raises(Interrupted):
        here.run(write(ONE), KeyboardInterrupt())
    assert here.run(write(TWO), write(PAGE), resume=True, land=True) == 0
    assert git(here.root, "rev-parse", "main") == git(here.root, "rev-parse", BRANCH)


def test_a_new_run_clears_away_what_a_broken_one_left(world: MakeWorld) -> None:
    here = world(PAGES, quick=True)
    with pytest.raises(Interrupted):
        here.run(write(ONE), KeyboardInterrupt())
    repo = tools_git.open_repo(here.root)
    assert len(tools_git.list_worktrees(repo)) == 1
    assert here.run(write(TWO), write(PAGE)) == 0
    assert here.trailers("Kfpilot-Task") == ["T001", "T002", "T003"]
    assert tools_git.list_worktrees(repo) == []


def test_a_shell_in_the_worktree_outlives_the_clearing_and_a_stray_test_does_not(world: MakeWorld) -> None:
    here = world(PAGES, quick=True)
    with pytest.raises(Interrupted):
        here.run(write(ONE), KeyboardInterrupt())
    (worktree,) = tools_git.list_worktrees(tools_git.open_repo(here.root))
    sleep = [sys.executable, "-c", "import time; time.sleep(60)"]
    shell = subprocess.Popen(sleep, cwd=worktree)
    stray = subprocess.Popen(sleep, cwd=worktree, env={**os.environ, "KFPILOT_JOB": "x"})
    try:
        assert here.run(write(TWO), write(PAGE), resume=True) == 0
        assert stray.wait(10) == -signal.SIGKILL
        assert shell.poll() is None
    finally:
        shell.kill()
        stray.kill()
        shell.wait()
        stray.wait()


def test_what_the_tests_write_is_not_taken_for_work_after_a_resume(
    world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    litter = (
        "from pathlib import Path\n\n\ndef test_litter():\n"
        "    Path('shop/left.py').write_text('A = 1\\n')\n    assert 1 + 1 == 2\n"
    )
    here = world(files={"tests/test_litter.py": litter})
    with monkeypatch.context() as patch:
        patch.setattr(attempts, "verify", lambda *a, **b: (_ for _ in ()).throw(KeyboardInterrupt()))
        with pytest.raises(Interrupted):
            here.run(write(DOUBLE), tasks=["T001"])
    assert here.run(resume=True) == 0
    assert "shop/left.py" not in git(here.root, "ls-tree", "-r", "--name-only", BRANCH).split()


def test_a_dead_endpoint_ends_the_run_and_it_can_go_on(world: MakeWorld) -> None:
    here = world(PAGES, quick=True)
    with pytest.raises(ModelError) as ended:
        here.run(write(ONE), ModelError("the endpoint is gone"))
    assert ended.value.exit_code == 4
    last = here.journal()[-1]
    assert isinstance(last, RunFinished) and (last.outcome, last.exit_code) == ("error", 4)
    assert "the endpoint is gone" in last.message
    assert here.ticks() == "x  "
    assert here.run(write(TWO), write(PAGE), resume=True) == 0
    finished_once(here)


def test_no_model_at_the_start_loses_no_documents(world: MakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    here = world(PAGES, quick=True)
    tasks = here.root / TASKS_FILE
    tasks.write_bytes(tasks.read_bytes().replace(b"the prices in docs/prices", b"all prices in docs/prices"))

    def none(settings: Settings, **more: Any) -> Any:
        raise ModelError("no model answers")

    with monkeypatch.context() as patch:
        patch.setattr(driver, "open_model", none)
        with pytest.raises(ModelError):
            here.run()
    assert here.run(write(ONE), write(TWO), write(PAGE), resume=True) == 0
    assert "Describe all prices" in text_of(here.model.sent[2])
    assert "Describe all prices" in here.show(TASKS_FILE)
    finished_once(here)
