"""`kfpilot undo`: by commits on top, each with its tick, on the run's branch or where the work landed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kfpilot.agent.cli.undo import undo_command
from kfpilot.agent.errors import Interrupted, UserError
from kfpilot.agent.reports.status import status_of
from kfpilot.agent.workflow.locks import one_run
from kfpilot.agent.workflow.undo import Undo, undo
from kfpilot.tools import git as tools_git

PAGES = """- [ ] T001 Describe the prices in docs/first.md
- [ ] T002 Describe the prices in docs/second.md (depends on T001)
- [ ] T003 Describe the prices in docs/third.md
"""
TEXT = "# Prices\n\n`single()` in `shop/price.py` keeps a price.\n"
FIRST, SECOND, THIRD = ([(f"docs/{name}.md", TEXT)] for name in ("first", "second", "third"))

Runs = Any


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the first test of the module leaves its run for the others."""
    return tmp_path_factory.mktemp("done")


@pytest.fixture
def runs(scripted_runs: Callable[..., Runs], done: Path, tmp_path: Path) -> Runs:
    """A run that has done all three tasks; it is made once, and each test has a copy."""
    if not (done / "repo").is_dir():
        made = scripted_runs(PAGES)
        assert made.run(FIRST, THIRD, SECOND) == 0
        assert made.ticks() == "xxx"
        shutil.copytree(made.root, done / "repo", symlinks=True)
        shutil.copytree(made.cache, done / "cache", symlinks=True)
        return made
    shutil.copytree(done / "repo", tmp_path / "repo", symlinks=True)
    shutil.copytree(done / "cache", tmp_path / "cache", symlinks=True)
    return scripted_runs(root=tmp_path / "repo")


def take_back(runs: Runs, target: str | None = None, **more: Any) -> Undo:
    return undo(tools_git.open_repo(runs.root), runs.cache, target, **more)


def test_a_task_goes_with_its_tick_in_one_commit_on_top(runs: Runs) -> None:
    before, tip = runs.checkout(), runs.git("rev-parse", runs.branch).strip()
    old = runs.git("show", f"{runs.branch}:{runs.tasks_file}").encode()
    made = take_back(runs, "T003")
    assert [step.task for step in made.undone] == ["T003"]
    assert runs.git("rev-parse", f"{runs.branch}~1").strip() == tip, "one commit, on top of what was there"
    assert runs.git("rev-parse", runs.branch).strip() == made.undone[0].undone_by
    assert sorted(runs.git("diff", "--name-only", f"{runs.branch}~1", runs.branch).split()) == [
        "docs/third.md",
        runs.tasks_file,
    ]
    new = runs.git("show", f"{runs.branch}:{runs.tasks_file}").encode()
    assert [(a, b) for a, b in zip(old, new, strict=True) if a != b] == [(ord("x"), ord(" "))]
    assert runs.ticks() == "xx " and "docs/third.md" not in runs.files()
    assert f"This reverts commit {made.undone[0].commit}" in runs.git("log", "-1", "--format=%B", runs.branch)
    assert runs.checkout() == before
    assert tools_git.list_worktrees(tools_git.open_repo(runs.root)) == []


def test_status_tells_what_was_taken_back_from_what_waits_for_a_merge(runs: Runs) -> None:
    take_back(runs, "T003")
    (feature,) = status_of(runs.root).features
    assert feature.run and (feature.run.unmerged, feature.run.taken_back) == (["T001", "T002"], ["T003"])


def test_twice_is_no_more_than_once(runs: Runs) -> None:
    first = take_back(runs, "t3")
    tip = runs.git("rev-parse", runs.branch)
    again = take_back(runs, "T003")
    assert again.undone == [] and [step.task for step in again.already] == ["T003"]
    assert again.already[0].undone_by == first.undone[0].undone_by
    assert runs.git("rev-parse", runs.branch) == tip


def test_the_latest_run_twice_is_not_the_run_before_it(runs: Runs) -> None:
    take_back(runs, "T003")
    assert runs.run(THIRD) == 0
    latest = take_back(runs)
    assert [step.task for step in latest.undone] == ["T003"]
    tip = runs.git("rev-parse", runs.branch)
    again = take_back(runs)
    assert again.undone == [] and [step.task for step in again.already] == ["T003"]
    assert again.already[0].undone_by == latest.undone[0].undone_by
    assert runs.git("rev-parse", runs.branch) == tip


def test_what_was_taken_back_is_open_for_the_next_run(runs: Runs) -> None:
    take_back(runs, "T003")
    assert runs.run(THIRD) == 0
    assert runs.outcomes() == {"T003": "verified"}
    assert runs.ticks() == "xxx"
    assert take_back(runs, "T003").undone, "what was worked again can be taken back again"


def test_ticks_of_taken_back_tasks_are_not_made_again_in_changed_documents(runs: Runs) -> None:
    take_back(runs, "T003")
    tasks = runs.root / runs.tasks_file
    tasks.write_bytes(tasks.read_bytes() + b"\nA note of the user's.\n")
    assert runs.run(THIRD) == 0
    assert runs.outcomes() == {"T003": "verified"}
    assert runs.ticks() == "xxx"


def test_what_others_depend_on_is_not_taken_back_alone(runs: Runs) -> None:
    tip = runs.git("rev-parse", runs.branch)
    with pytest.raises(UserError, match="T002 \\(depends on T001\\)") as refused:
        take_back(runs, "T001")
    assert "--with-dependents" in str(refused.value) and "T003" not in str(refused.value)
    assert runs.git("rev-parse", runs.branch) == tip
    made = take_back(runs, "T001", with_dependents=True)
    assert [step.task for step in made.undone] == ["T002", "T001"]
    assert made.undone[0].because == "depends on T001"
    assert runs.ticks() == "  x"
    assert [path for path in runs.files() if path.startswith("docs/")] == ["docs/third.md"]


def test_work_on_the_same_file_later_counts_as_dependent(scripted_runs: Callable[..., Runs]) -> None:
    runs = scripted_runs(
        "- [ ] T001 Describe the prices in docs/first.md\n- [ ] T002 Describe the shop in docs/first.md\n"
    )
    assert runs.run(FIRST, [("docs/first.md", TEXT + "\nMore.\n")]) == 0
    with pytest.raises(UserError, match=r"T002 \(.*\)"):
        take_back(runs, "T001")
    assert [step.task for step in take_back(runs, "T001", with_dependents=True).undone] == ["T002", "T001"]


def test_a_run_goes_as_a_whole_and_is_the_default(runs: Runs) -> None:
    run = next((runs.root / ".kfpilot/runs").iterdir()).name
    assert [step.task for step in take_back(runs, run[:15], dry_run=True).undone] == ["T002", "T003", "T001"]
    made = take_back(runs)
    assert [step.task for step in made.undone] == ["T002", "T003", "T001"]
    assert {step.run for step in made.undone} == {run}
    assert runs.git("rev-parse", f"{runs.branch}^{{tree}}") == runs.git("rev-parse", "main^{tree}")
    assert len(take_back(runs, run).already) == 3
    again = take_back(runs)
    assert again.undone == [] and len(again.already) == 3


def test_a_dry_run_changes_nothing(runs: Runs) -> None:
    before, tip = runs.checkout(), runs.git("show-ref")
    # A run may be working meanwhile: what only tells is in nobody's way, and nothing of it is left.
    places = runs.git("worktree", "list")
    with one_run(runs.root, "001-prices"):
        made = take_back(runs, "T003", dry_run=True)
    assert [step.task for step in made.undone] == ["T003"] and made.dry_run
    assert (runs.checkout(), runs.git("show-ref"), runs.git("worktree", "list")) == (before, tip, places)


@pytest.mark.parametrize("how", ["ff", "merge", "rebase"])
def test_work_that_has_landed_is_taken_back_where_it_landed(runs: Runs, how: str) -> None:
    if how == "ff":
        runs.git("merge", "-q", "--ff-only", runs.branch)
    else:
        runs.git("commit", "-q", "--allow-empty", "-m", "meanwhile")
        if how == "merge":
            runs.git("merge", "-q", "--no-ff", "-m", "merged", runs.branch)
        else:
            runs.git("switch", "-q", "-c", "copy", runs.branch)
            runs.git("rebase", "-q", "main")
            runs.git("switch", "-q", "main")
            runs.git("merge", "-q", "--ff-only", "copy")
            runs.git("branch", "-q", "-D", runs.branch)
    tip = runs.git("rev-parse", "main")
    made = take_back(runs, "T003")
    assert (made.branch, made.checkout) == ("main", True)
    assert runs.git("rev-parse", "main~1") == tip
    assert not (runs.root / "docs/third.md").exists() and runs.ticks("main") == "xx "
    assert runs.git("status", "--porcelain") == ""
    assert take_back(runs, "T003").already


def test_an_unclean_checkout_is_left_alone(runs: Runs) -> None:
    runs.git("merge", "-q", "--ff-only", runs.branch)
    (runs.root / "shop/price.py").write_text("mine = 1\n")
    before, tip = runs.checkout(), runs.git("rev-parse", "main")
    with pytest.raises(UserError, match=r"uncommitted changes: shop/price\.py") as refused:
        take_back(runs, "T003")
    assert "git stash" in str(refused.value)
    assert (runs.checkout(), runs.git("rev-parse", "main")) == (before, tip)


def test_an_unclean_checkout_does_not_matter_to_the_runs_branch(runs: Runs) -> None:
    (runs.root / "shop/price.py").write_text("mine = 1\n")
    before = runs.checkout()
    assert take_back(runs, "T003").undone
    assert runs.checkout() == before


def test_later_changes_by_hand_are_named_and_nothing_is_changed(runs: Runs) -> None:
    runs.git("merge", "-q", "--ff-only", runs.branch)
    (runs.root / "docs/third.md").write_text("# Prices\n\nRewritten by hand.\n")
    runs.git("commit", "-q", "-am", "my words")
    before = runs.checkout()
    with pytest.raises(UserError, match=r"stand in the way in docs/third.md .*my words"):
        take_back(runs, "T003")
    assert runs.checkout() == before
    assert tools_git.list_worktrees(tools_git.open_repo(runs.root)) == []


def test_of_several_all_or_none(runs: Runs) -> None:
    runs.git("merge", "-q", "--ff-only", runs.branch)
    (runs.root / "docs/first.md").write_text("# Prices\n\nRewritten by hand.\n")
    runs.git("commit", "-q", "-am", "my words")
    tip = runs.git("rev-parse", "main")
    with pytest.raises(UserError, match="T001 cannot be taken back"):
        take_back(runs)
    assert runs.git("rev-parse", "main") == tip and runs.ticks("main") == "xxx"


def test_a_detached_head_and_a_merge_in_progress_are_refused(runs: Runs) -> None:
    runs.git("merge", "-q", "--ff-only", runs.branch)
    runs.git("switch", "-q", "--detach")
    with pytest.raises(UserError, match="no branch is checked out"):
        take_back(runs, "T003")
    runs.git("switch", "-q", "main")
    (runs.root / ".git/MERGE_HEAD").write_text(runs.git("rev-parse", "HEAD"))
    with pytest.raises(UserError, match="a merge is in progress"):
        take_back(runs, "T003")


def test_a_squashed_commit_is_named(runs: Runs) -> None:
    body = runs.git("log", "--format=%(trailers:only)", f"main..{runs.branch}")
    runs.git("merge", "-q", "--squash", runs.branch)
    runs.git("commit", "-q", "-m", "all at once\n\n" + "\n".join(line for line in body.splitlines() if line))
    runs.git("branch", "-q", "-D", runs.branch)
    with pytest.raises(UserError, match="holds several tasks in one"):
        take_back(runs, "T003")


def test_the_checked_out_run_branch_comes_along(runs: Runs) -> None:
    runs.git("switch", "-q", runs.branch)
    assert take_back(runs, "T003").checkout
    assert not (runs.root / "docs/third.md").exists() and runs.git("status", "--porcelain") == ""


def test_the_run_branch_checked_out_elsewhere_is_refused(runs: Runs, tmp_path: Path) -> None:
    runs.git("worktree", "add", "-q", str(tmp_path / "other"), runs.branch)
    with pytest.raises(UserError, match="is checked out"):
        take_back(runs, "T003")


@pytest.mark.parametrize("target", ["T009", "99991231", "nonsense"])
def test_what_does_not_exist_is_said_with_what_there_is(runs: Runs, target: str) -> None:
    with pytest.raises(UserError, match="T001, T002, T003"):
        take_back(runs, target)


def test_the_same_id_in_two_features_must_be_chosen(runs: Runs) -> None:
    runs.git("merge", "-q", "--ff-only", runs.branch)
    other = runs.root / "specs/002-names/tasks.md"
    other.parent.mkdir()
    other.write_text("# Tasks: Names\n\n- [ ] T003 Describe the names in docs/names.md\n")
    assert runs.run([("docs/names.md", "# Names\n\nNone yet.\n")], feature="002") == 0
    with pytest.raises(UserError, match=r"001-prices, 002-names") as refused:
        take_back(runs, "T003")
    assert "--feature" in str(refused.value)
    made = take_back(runs, "T003", feature="002")
    assert (made.feature, made.branch) == ("002-names", "kfpilot/002-names")
    assert take_back(runs, "T003", feature="001-prices").branch == "main"


def test_an_interrupted_run_works_again_what_was_taken_back(scripted_runs: Callable[..., Runs]) -> None:
    runs = scripted_runs(PAGES)
    with pytest.raises(Interrupted):
        runs.run(FIRST, KeyboardInterrupt())
    take_back(runs, "T001")
    assert runs.ticks() == "   "
    assert runs.run(FIRST, THIRD, SECOND, resume=True) == 0
    assert runs.ticks() == "xxx" and runs.model.left == 0


def test_boxes_that_stand_side_by_side_and_windows_line_ends(scripted_runs: Callable[..., Runs]) -> None:
    runs = scripted_runs(PAGES)
    tasks = runs.root / runs.tasks_file
    tasks.write_bytes(tasks.read_bytes().replace(b"\n", b"\r\n"))
    runs.git("commit", "-q", "-am", "windows")
    assert runs.run(FIRST, THIRD, SECOND) == 0
    take_back(runs, "T002")
    data = runs.git("show", f"{runs.branch}:{runs.tasks_file}")
    assert runs.ticks() == "x x"
    assert "\n" in data


def test_the_command_says_what_it_did(runs: Runs, capsys: pytest.CaptureFixture[str]) -> None:
    assert undo_command(runs.root, "T003", dry_run=True) == 0
    assert "would be taken back" in capsys.readouterr().out
    assert undo_command(runs.root, "T003", json=True) == 0
    said = json.loads(capsys.readouterr().out)
    assert [step["task"] for step in said["undone"]] == ["T003"] and said["branch"] == runs.branch
    assert undo_command(runs.root, "T003") == 0
    assert "taken back before" in capsys.readouterr().out
