"""Tasks become verified commits; what does not pass stays open, and the command says so."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from kfpilot.agent.cli.run import run_command
from kfpilot.agent.events import FinalCheck, Notice, RunFinished, TaskFinished
from kfpilot.agent.models.scripted import calls
from kfpilot.tools import git as tools_git

from .conftest import BRANCH, DOUBLE, FIRST, FIRST_TEST, PAGE, TASKS_FILE, MakeWorld, git, snapshot, text_of, write

WRONG = ("shop/double.py", "def double(price):\n    return 2 * prise\n")
TEST = ("tests/test_double.py", "from shop.double import double\n\n\ndef test_double():\n    assert double(2) == 4\n")


def test_a_feature_becomes_verified_commits(world: MakeWorld) -> None:
    here = world()
    (here.root / "shop/price.py").write_text("def single(price):\n    return price  # mine\n")
    (here.root / "staged.txt").write_text("staged\n")
    git(here.root, "add", "staged.txt")
    before = snapshot(here.root)

    assert here.run(write(DOUBLE), write(TEST), write(PAGE)) == 0

    assert here.model.left == 0
    assert here.outcomes() == {"T001": "verified", "T002": "verified", "T003": "verified"}
    assert here.trailers("Kfpilot-Task") == ["T001", "T002", "T003"]
    assert here.trailers("Kfpilot-Run") == [here.records()[0].name] * 3
    assert here.trailers("Kfpilot-Feature") == ["001-prices"] * 3
    evidence = here.trailers("Kfpilot-Evidence")
    assert [event.evidence for event in here.events if isinstance(event, TaskFinished)] == evidence
    assert len({*evidence}) == 3 and all(len(digest) == 64 for digest in evidence)
    subjects = here.log()
    assert [subject.split(":")[0] for subject in subjects] == ["feat", "test", "docs"]
    assert all(len(subject) <= 72 for subject in subjects)
    # Each commit holds the task's files and a tick of exactly one byte.
    commits = here.log("%H")
    for commit, files in zip(commits, ([DOUBLE[0]], [TEST[0]], [PAGE[0]]), strict=True):
        changed = git(here.root, "diff", "--name-only", f"{commit}~1", commit).split()
        assert sorted(changed) == sorted([*files, TASKS_FILE])
        old, new = here.show(TASKS_FILE, f"{commit}~1").encode(), here.show(TASKS_FILE, commit).encode()
        assert len(old) == len(new)
        assert [(a, b) for a, b in zip(old, new, strict=True) if a != b] == [(ord(" "), ord("x"))]
    # What a person had in the checkout is as it was; only the records are new, and git ignores them.
    after = snapshot(here.root)
    assert after.pop("status") == before.pop("status") + "!! .kfpilot/\n"
    assert after == before
    assert tools_git.list_worktrees(tools_git.open_repo(here.root)) == []
    record = here.records()[0]
    assert (record / "report.md").is_file() and (record / "report.json").is_file()
    assert {file.name for file in (record / "evidence").iterdir()} == {"T001.json", "T002.json", "T003.json"}
    assert isinstance(here.journal()[-1], RunFinished) and here.journal()[-1].outcome == "verified"


def test_a_task_that_never_passes_is_left_open_and_its_work_is_kept(world: MakeWorld) -> None:
    here = world()
    assert here.run(write(WRONG), write(WRONG), write(PAGE)) == 1
    assert here.outcomes() == {"T001": "failed", "T002": "skipped", "T003": "verified"}
    assert here.ticks() == "  x"
    assert here.trailers("Kfpilot-Task") == ["T003"]
    failed = next(event for event in here.events if isinstance(event, TaskFinished) and event.task == "T001")
    assert failed.attempts == 2 and "prise" in failed.why
    patch = (here.records()[0] / failed.patch).read_text()
    git(here.root, "apply", "-", data=patch)
    assert (here.root / DOUBLE[0]).read_text() == WRONG[1]
    # What the verifier found was told to the model.
    assert "prise" in text_of(here.model.sent[1]) and "prise" not in text_of(here.model.sent[0][:1])
    assert "shop/double.py" not in git(here.root, "ls-tree", "-r", "--name-only", BRANCH)


def test_what_the_author_of_refused_tests_says_is_told(world: MakeWorld) -> None:
    here = world()
    three = (DOUBLE[0], "def double(price):\n    return 3 * price\n")
    said = calls(("finish", {"summary": "double() in shop/double.py\ngives 3 * price, FR-001 demands 2 * price"}))
    assert here.run(write(three), write(TEST), said, tasks=["T001", "T002"]) == 1
    assert here.outcomes() == {"T001": "verified", "T002": "failed"}
    failed = next(event for event in here.events if isinstance(event, TaskFinished) and event.task == "T002")
    assert failed.why.endswith(
        "; its worker said: double() in shop/double.py gives 3 * price, FR-001 demands 2 * price"
    )
    assert "FR-001 demands 2 * price" in (here.records()[0] / "report.md").read_text()


def test_a_second_attempt_may_mend_the_first(world: MakeWorld) -> None:
    here = world()
    assert here.run(write(WRONG), write(DOUBLE), tasks=["T001"]) == 0
    assert here.ticks() == "x  "
    assert here.show(DOUBLE[0]) == DOUBLE[1]
    assert "undefined" in text_of(here.model.sent[1]).lower()


def test_words_alone_are_not_work(world: MakeWorld) -> None:
    here = world(quick=True)
    assert here.run(*["All done, every test passes and T001 is complete."] * 6, tasks=["T001"]) == 1
    assert here.model.left == 0
    assert here.outcomes() == {"T001": "failed"}
    assert here.log() == []


def test_a_finish_without_work_is_refused(world: MakeWorld) -> None:
    here = world(quick=True)
    assert here.run(write(), write(), tasks=["T001"]) == 1
    assert here.log() == []
    assert "does not exist" in text_of(here.model.sent[1])


def test_a_weakened_test_is_never_committed(world: MakeWorld) -> None:
    here = world("- [ ] T001 Test `single` in tests/test_price.py\n")
    weak = ("tests/test_price.py", "from shop.price import single\n\n\ndef test_single():\n    assert single(2) == 2\n")
    assert here.run(write(weak), write(weak)) == 1
    assert here.log() == []


TRIPLE = ("shop/triple.py", "def triple(price):\n    return 3 * price\n")
BAD_TRIPLE = ("shop/triple.py", "def triple(price):\n    return price\n")


def test_tests_written_first_are_due_with_the_last_task_they_wait_for(world: MakeWorld) -> None:
    here = world(FIRST)
    assert here.run(write(FIRST_TEST), write(DOUBLE), write(BAD_TRIPLE), write(TRIPLE)) == 0
    assert here.outcomes() == {"T001": "verified", "T002": "verified", "T003": "verified"}
    assert "waits for this task" in text_of(here.model.sent[3])
    assert next(event for event in here.events if isinstance(event, FinalCheck)).passed


def test_tests_that_are_red_before_the_run_are_due_too(world: MakeWorld) -> None:
    here = world(FIRST.replace("[ ] T001", "[x] T001").replace("[ ] T002", "[x] T002"), dict([FIRST_TEST, DOUBLE]))
    assert here.run(write(BAD_TRIPLE), write(TRIPLE)) == 0
    assert here.outcomes() == {"T003": "verified"}
    assert "waits for this task" in text_of(here.model.sent[-1])


def test_a_model_without_tools_drafts_whole_files(world: MakeWorld) -> None:
    here = world(tools=False)
    assert (
        here.run(
            "No code at all.", f"```python\n{WRONG[1]}```", f"Here:\n\n```python\n{DOUBLE[1]}```\n", tasks=["T001"]
        )
        == 0
    )
    assert here.show(DOUBLE[0]) == DOUBLE[1]
    assert here.ticks() == "x  "


def test_tests_that_stand_before_their_code_are_drafted_after_it(world: MakeWorld) -> None:
    here = world(FIRST.replace(" (depends on T001)", ""), tools=False)
    drafts = [f"```python\n{text}```\n" for _, text in (DOUBLE, TRIPLE, FIRST_TEST)]
    assert here.run(*drafts) == 0
    assert here.trailers("Kfpilot-Task") == ["T002", "T003", "T001"]
    (notice,) = [event for event in here.events if isinstance(event, Notice) and event.code == "tests-last"]
    assert notice.message.startswith("T001: ")


def test_a_dry_run_changes_nothing(world: MakeWorld, capsys: pytest.CaptureFixture[str]) -> None:
    here = world()
    before = snapshot(here.root)
    code = run_command(here.root, "001", [], tasks=[], stories=[], overrides={}, dry_run=True)
    assert code == 0
    assert "nothing was changed" in capsys.readouterr().out
    assert snapshot(here.root) == before
    assert here.model.sent == []


def test_the_command_reports_what_was_done(world: MakeWorld, capsys: pytest.CaptureFixture[str]) -> None:
    here = world(quick=True)
    here.model.add(write(PAGE))
    overrides = {"cache_dir": here.cache, "python": Path(sys.executable), "refine": "never"}
    code = run_command(here.root, "001", [], tasks=["T003"], stories=[], overrides=overrides, plain=True)
    out = capsys.readouterr().out
    assert code == 0
    assert "T003" in out and "report.md" in out and BRANCH in out
