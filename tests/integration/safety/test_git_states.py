"""States that a repository can be in, each with what docs/git-safety.md promises for it. Real git throughout."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kfpilot.agent.cli.app import main
from kfpilot.agent.cli.land import land_command
from kfpilot.agent.cli.run import run_command
from kfpilot.agent.errors import UserError
from kfpilot.agent.events import TaskFinished
from kfpilot.agent.reports.live import print_summary
from kfpilot.agent.reports.markdown import render
from kfpilot.agent.reports.summarise import summarise
from kfpilot.agent.workflow import driver
from kfpilot.agent.workflow.locks import one_run
from kfpilot.agent.workflow.undo import undo
from kfpilot.tools import git as tools_git
from rich.console import Console

from .conftest import FIRST, ONE, SECOND, MakeRuns, Runs, works

TWO = ONE + "- [ ] T002 Describe the prices in docs/second.md\n"


def test_a_dirty_checkout(scripted_runs: MakeRuns) -> None:
    runs = scripted_runs(ONE)
    (runs.root / "shop/price.py").write_text("changed = 1\n")
    (runs.root / "staged.txt").write_text("staged\n")
    runs.git("add", "staged.txt")
    (runs.root / "untracked.txt").write_text("untracked\n")
    works(runs)
    assert "staged.txt" not in runs.files() and "untracked.txt" not in runs.files()
    assert "changed" not in runs.git("show", f"{runs.branch}:shop/price.py")
    told = runs.notices()["uncommitted"]
    assert told == "uncommitted changes are not part of the run: shop/price.py, staged.txt, untracked.txt"


def test_untracked_files_in_the_way_of_landing(scripted_runs: MakeRuns) -> None:
    runs = scripted_runs(ONE)
    (runs.root / "docs").mkdir()
    (runs.root / "docs/first.md").write_text("mine\n")
    before = runs.checkout()
    assert runs.run(FIRST, land=True) == 1
    assert runs.checkout() == before and runs.ticks() == "x"
    told = runs.notices()["not-landed"]
    mend = "Commit, stash or move your changes, then run: git merge --ff-only kfpilot/001-prices"
    assert re.search(r"docs/first\.md\. " + re.escape(mend), told)
    report = summarise(next(runs.root.glob(".kfpilot/runs/*/journal.jsonl")))
    assert report.exit_code == 1 and report.not_landed == told
    page = render(report)
    assert "**It did not land**" in page and page.count(mend) == 2
    console = Console(file=io.StringIO(), width=80)
    print_summary(report, console)
    assert f"Not landed {told}" in console.file.getvalue()

    # Nothing is left to do, and the work has not landed yet.
    with pytest.raises(UserError, match=r"docs/first\.md"):
        runs.run(land=True)
    (runs.root / "docs/first.md").unlink()
    for _ in range(2):
        with pytest.raises(driver.NothingToDo):
            runs.run(land=True)
        assert runs.git("rev-parse", "main") == runs.git("rev-parse", runs.branch)


@pytest.mark.parametrize("how", ["with the run", "later"])
def test_documents_that_went_along_uncommitted_are_not_in_the_way(
    scripted_runs: MakeRuns, how: str, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = scripted_runs("")
    with (runs.root / runs.tasks_file).open("a") as tasks:
        tasks.write(ONE)
    assert runs.run(FIRST, land=how == "with the run") == 0
    if how == "later":
        assert not (runs.root / "docs/first.md").exists()
        assert "kfpilot land 001-prices" in render(summarise(next(runs.root.glob(".kfpilot/runs/*/journal.jsonl"))))
        with pytest.raises(SystemExit, match="0"):
            main(["status", "--repo", str(runs.root)])
        assert "merge:  kfpilot land 001-prices" in capsys.readouterr().out
        assert land_command(runs.root, "001") == 0
        assert "main: 2 commits forward to kfpilot/001-prices" in capsys.readouterr().out
    assert runs.git("status", "--porcelain") in ("", "?? .kfpilot/\n")
    assert runs.git("rev-parse", "main") == runs.git("rev-parse", runs.branch)
    assert "- [x] T001" in (runs.root / runs.tasks_file).read_text()
    assert land_command(runs.root, "001") == 0
    assert "main: has all of kfpilot/001-prices already" in capsys.readouterr().out


def test_there_is_nothing_to_land_before_a_run(scripted_runs: MakeRuns) -> None:
    with pytest.raises(UserError, match=r"no branch kfpilot/001-prices(?s:.*)kfpilot run 001-prices"):
        land_command(scripted_runs(ONE).root, "001")


def test_a_detached_head(scripted_runs: MakeRuns) -> None:
    runs = scripted_runs(ONE)
    runs.git("switch", "-q", "--detach")
    assert runs.run(FIRST, land=True) == 1
    assert runs.ticks() == "x" and not (runs.root / "docs/first.md").exists()
    assert "No branch is checked out" in runs.notices()["not-landed"]


def rebase(runs: Runs) -> str:
    runs.git("switch", "-q", "-c", "other")
    (runs.root / "shop/price.py").write_text("theirs = 1\n")
    runs.git("commit", "-q", "-am", "theirs")
    runs.git("switch", "-q", "main")
    (runs.root / "shop/price.py").write_text("ours = 1\n")
    runs.git("commit", "-q", "-am", "ours")
    return "other"


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["rebase", "OTHER"], "git rebase --abort"),
        (["merge", "OTHER"], "git merge --abort"),
        (["cherry-pick", "OTHER"], "git cherry-pick --abort"),
        (["revert", "HEAD~1"], "git revert --abort"),
        (["bisect", "start"], "git bisect reset"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_something_in_progress_is_refused(scripted_runs: MakeRuns, command: list[str], said: str) -> None:
    runs = scripted_runs(ONE)
    other = rebase(runs)
    if command[0] == "revert":
        (runs.root / "shop/price.py").write_text("again = 1\n")
        runs.git("commit", "-q", "-am", "again")
    subprocess.run(["git", *(part.replace("OTHER", other) for part in command)], cwd=runs.root, capture_output=True)
    before = runs.checkout()
    with pytest.raises(UserError, match="in progress") as refused:
        runs.run(FIRST)
    assert said in str(refused.value)
    with pytest.raises(UserError, match="in progress"):
        run_command(runs.root, "001", [], tasks=[], stories=[], overrides={}, dry_run=True)
    assert runs.checkout() == before and runs.model.sent == []
    runs.git(*said.split()[1:])
    assert runs.run() == 0, "after it is ended the run goes its way"


HOOKS = {
    "pre-commit": "sleep 1000",
    "prepare-commit-msg": "echo changed > $1; exit 1",
    "commit-msg": "exit 1",
    "post-commit": "exit 1",
    "reference-transaction": "exit 1",
    "post-checkout": "exit 1",
    "post-merge": "touch ran",
}


@pytest.mark.parametrize("where", [".git/hooks", "tools/hooks"])
def test_hooks_that_fail_or_hang_do_not_run(scripted_runs: MakeRuns, where: str) -> None:
    runs = scripted_runs(ONE)
    for name, body in HOOKS.items():
        file = runs.root / where / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"#!/bin/sh\ntouch {runs.root}/ran-{name}\n{body}\n")
        file.chmod(0o755)
    if where != ".git/hooks":
        runs.git("config", "core.hooksPath", where)
    works(runs)
    assert list(runs.root.glob("ran*")) == []
    assert "pre-commit" in runs.notices()["hooks"]
    assert runs.git("log", "-1", "--format=%s", runs.branch).startswith("docs: ")


def test_signing_that_is_required_is_told_not_done(scripted_runs: MakeRuns) -> None:
    runs = scripted_runs(ONE)
    runs.git("config", "commit.gpgSign", "true")
    runs.git("config", "gpg.program", "/bin/false")
    works(runs)
    assert runs.git("log", "-1", "--format=%G?", runs.branch).strip() == "N"
    assert "git rebase --gpg-sign" in runs.notices()["not-signed"]


def test_read_only_files(scripted_runs: MakeRuns) -> None:
    runs = scripted_runs("- [ ] T001 Describe the prices in README.md\n")
    for path in ("README.md", runs.tasks_file):
        (runs.root / path).chmod(0o444)
    assert runs.run([("README.md", "# Shop\n\nPrices are in `shop/price.py`, all of them.\n")], land=True) == 0
    assert "all of them" in (runs.root / "README.md").read_text() and runs.ticks("main") == "x"


def test_a_branch_that_moves_under_the_run(scripted_runs: MakeRuns) -> None:
    runs = scripted_runs(TWO)

    def somebody(event: Any) -> None:
        if event.type == "attempt-started" and event.task == "T002":
            tree = runs.git("rev-parse", f"{runs.branch}^{{tree}}").strip()
            mine = runs.git("commit-tree", "-p", runs.branch, "-m", "mine", tree).strip()
            runs.git("update-ref", f"refs/heads/{runs.branch}", mine)

    runs.model.add(runs.write(*FIRST), runs.write(*SECOND))
    request = driver.Request(feature="001")
    assert driver.implement(runs.root, request, runs.settings(), [somebody]) == 0
    subjects = runs.git("log", "--format=%s", f"main..{runs.branch}").splitlines()
    assert len(subjects) == 3 and subjects[1] == "mine", (
        "the task lands on what somebody else did, and overwrites nothing"
    )
    assert runs.ticks() == "xx"


def test_the_branch_is_checked_out_elsewhere(scripted_runs: MakeRuns, tmp_path: Path) -> None:
    runs = scripted_runs(ONE)
    runs.git("worktree", "add", "-q", "-b", runs.branch, str(tmp_path / "elsewhere"))
    with pytest.raises(UserError, match="elsewhere: branch kfpilot/001-prices is checked out"):
        runs.run()
    assert runs.model.sent == []


HOLD = """
import sys, time
from pathlib import Path
from kfpilot.agent.workflow.locks import one_run
with one_run(Path(sys.argv[1]), "001-prices"):
    print("held", flush=True)
    time.sleep(600)
"""


def test_two_runs_at_once_the_second_is_told_who_holds_it(scripted_runs: MakeRuns) -> None:
    runs = scripted_runs(ONE)
    with subprocess.Popen([sys.executable, "-c", HOLD, str(runs.root)], stdout=subprocess.PIPE, text=True) as other:
        try:
            assert other.stdout and other.stdout.readline() == "held\n"
            with pytest.raises(UserError) as refused:
                runs.run()
            said = str(refused.value)
            assert f"process {other.pid} on {os.uname().nodename}, since {time.strftime('%Y-')}" in said
            assert "001-prices" in said
            with pytest.raises(UserError, match=f"process {other.pid}"):
                undo(tools_git.open_repo(runs.root), runs.cache, "T001")
        finally:
            other.kill()
            other.wait()
    works(runs)  # The lock of a process that was killed is nobody's.


def test_the_same_feature_in_two_checkouts_of_one_repository(scripted_runs: MakeRuns, tmp_path: Path) -> None:
    runs = scripted_runs(ONE)
    runs.git("worktree", "add", "-q", "-b", "second", str(tmp_path / "second"))
    with one_run(tmp_path / "second", "001-prices", branch=runs.branch), pytest.raises(UserError, match="another run"):
        runs.run()
    with one_run(tmp_path / "second", "002-names", branch="kfpilot/002-names"):
        works(runs)


def test_a_disk_too_small_for_the_worktree(scripted_runs: MakeRuns, small_disk: Callable[..., Path]) -> None:
    big = {f"data{number}.txt": f"{number}" * 600_000 for number in range(4)}
    runs = scripted_runs(ONE, big)
    small_disk(runs.cache, size=1_000_000)
    before = runs.checkout()
    with pytest.raises(UserError, match=r"only \d MB are free there") as refused:
        runs.run()
    assert "KFPILOT_CACHE_DIR" in str(refused.value)
    assert runs.checkout() == before
    repo = tools_git.open_repo(runs.root)
    assert tools_git.list_worktrees(repo) == [] and runs.git("worktree", "list").count("\n") == 1
    assert not list((runs.root / ".kfpilot/runs").glob("*"))


def test_a_disk_that_fills_up_during_the_run(
    scripted_runs: MakeRuns, small_disk: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    runs = scripted_runs(TWO)
    small_disk(runs.root / ".kfpilot", size=3_000_000)
    filler = runs.root / ".kfpilot/filler"

    def fill(event: Any) -> None:
        if isinstance(event, TaskFinished) and event.task == "T001":
            with filler.open("wb", buffering=0) as file, pytest.raises(OSError):
                while True:
                    file.write(b"0" * 65536)

    runs.model.add(runs.write(*FIRST), runs.write(*SECOND))
    with pytest.raises(Exception, match=r"No space left|disk is full"):
        driver.implement(runs.root, driver.Request(feature="001"), runs.settings(), [fill])
    assert runs.ticks() == "x ", "what was verified is committed"
    filler.unlink()
    assert runs.run(*([] if runs.model.left else [SECOND]), resume=True) == 0
    assert runs.ticks() == "xx"


@pytest.mark.parametrize("how", ["file", "read-only"])
def test_an_unwritable_cache(scripted_runs: MakeRuns, small_disk: Callable[..., Path], how: str) -> None:
    runs = scripted_runs(ONE)
    if how == "file":
        runs.cache.write_text("not a folder\n")
    else:
        small_disk(runs.cache, writable=False)
    before = runs.checkout()
    with pytest.raises(UserError, match="worktree cannot be made") as refused:
        runs.run()
    assert str(runs.cache) in str(refused.value) and "KFPILOT_CACHE_DIR" in str(refused.value)
    assert runs.checkout() == before


def test_records_that_cannot_be_written(
    scripted_runs: MakeRuns, small_disk: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    runs = scripted_runs(ONE)
    small_disk(runs.root / ".kfpilot", writable=False)
    with pytest.raises(SystemExit) as ended:
        main(["run", "001", "-C", str(runs.root)])
    said = capsys.readouterr().err
    assert ended.value.code == 1 and "Read-only file system" in said and ".kfpilot" in said
    assert "Traceback" not in said
