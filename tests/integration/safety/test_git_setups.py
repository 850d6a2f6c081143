"""Runs in repositories that are set up in a special way: sparse, filters, LFS, submodules, SHA-256."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from kfpilot.agent.errors import UserError
from kfpilot.agent.workflow import driver
from kfpilot.agent.workflow.undo import undo
from kfpilot.tools import git as tools_git
from kfpilot.tools import git_command

from .conftest import FIRST, ONE, MakeRuns, works


def test_nobody_has_told_git_a_name(scripted_runs: MakeRuns, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = scripted_runs(ONE)
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.delenv(f"GIT_{name}_NAME")
        monkeypatch.delenv(f"GIT_{name}_EMAIL")
    works(runs)
    assert runs.git("log", "-1", "--format=%an %ae", runs.branch) == "kfpilot kfpilot@localhost\n"


def test_a_repository_of_another_user(scripted_runs: MakeRuns) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    runs = scripted_runs(ONE)
    for path in [runs.root, *runs.root.rglob("*")]:
        os.chown(path, 65534, 65534)
    with pytest.raises(UserError, match="belongs to another user") as refused:
        runs.run()
    assert f"git config --global --add safe.directory {runs.root}" in str(refused.value)


def test_a_worktree_of_the_users(scripted_runs: MakeRuns, tmp_path: Path) -> None:
    first = scripted_runs(ONE)
    first.git("worktree", "add", "-q", "-b", "second", str(tmp_path / "second"))
    before = first.checkout()
    runs = scripted_runs(root=tmp_path / "second")
    works(runs)
    assert (tmp_path / "second/.kfpilot/runs").is_dir() and not (first.root / ".kfpilot").exists()
    assert first.checkout() == before


def test_a_sparse_checkout_is_verified_as_a_whole(scripted_runs: MakeRuns) -> None:
    runs = scripted_runs(ONE)
    runs.git("sparse-checkout", "set", "specs")
    seen: list[bool] = []

    def look(event: Any) -> None:
        if event.type == "attempt-started":
            worktree = tools_git.list_worktrees(tools_git.open_repo(runs.root))[0]
            seen.append((worktree / "shop/price.py").exists())

    before = runs.checkout()
    runs.model.add(runs.write(*FIRST))
    assert driver.implement(runs.root, driver.Request(feature="001", land=True), runs.settings(), [look]) == 0
    assert seen == [True], "the page names shop/price.py, which only the whole tree has"
    assert not (runs.root / "shop").exists() and not (runs.root / "docs").exists()
    assert runs.ticks("main") == "x" and "shop/price.py" in runs.files("main")
    assert before["status"] == runs.checkout()["status"] == ""


def test_names_that_differ_in_case_only(scripted_runs: MakeRuns) -> None:
    runs = scripted_runs(ONE, {"docs/Notes.md": "# Upper\n", "docs/notes.md": "# Lower\n"})
    works(runs)
    assert {"docs/Notes.md", "docs/notes.md"} <= set(runs.files())


@pytest.mark.parametrize("setting", ["true", "input"])
def test_autocrlf(scripted_runs: MakeRuns, setting: str) -> None:
    runs = scripted_runs(ONE)
    runs.git("config", "core.autocrlf", setting)
    old = runs.git("show", f"main:{runs.tasks_file}").encode()
    works(runs)
    new = runs.git("show", f"{runs.branch}:{runs.tasks_file}").encode()
    assert [(a, b) for a, b in zip(old, new, strict=True) if a != b] == [(ord(" "), ord("x"))]
    assert sorted(runs.git("diff", "--name-only", "main", runs.branch).split()) == ["docs/first.md", runs.tasks_file]


def test_filters_of_attributes(scripted_runs: MakeRuns) -> None:
    runs = scripted_runs(ONE, {".gitattributes": "docs/*.md filter=upper\n"})
    runs.git("config", "filter.upper.clean", "tr a-z A-Z")
    runs.git("config", "filter.upper.smudge", "cat")
    assert runs.run(FIRST) == 0
    assert "# PRICES" in runs.git("show", f"{runs.branch}:docs/first.md"), "as a commit by hand would have it"


def test_a_filter_that_is_required_and_fails_is_said(scripted_runs: MakeRuns) -> None:
    runs = scripted_runs(ONE, {".gitattributes": "*.md filter=broken\n"})
    runs.git("config", "filter.broken.clean", "cat")
    runs.git("config", "filter.broken.smudge", "false")
    runs.git("config", "filter.broken.required", "true")
    before = runs.checkout()
    with pytest.raises(UserError, match="filter broken failed"):
        runs.run()
    assert runs.checkout() == before and runs.git("worktree", "list").count("\n") == 1


POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "4d" * 32 + "\nsize 12345\n"


def test_lfs_pointers_without_git_lfs(scripted_runs: MakeRuns, monkeypatch: pytest.MonkeyPatch) -> None:
    # As on a machine that lacks the program, whatever this one has.
    find = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name, *more, **most: None if name == "git-lfs" else find(name))
    git_command.has_lfs.cache_clear()
    runs = scripted_runs(ONE, {".gitattributes": "*.bin filter=lfs diff=lfs merge=lfs -text\n", "model.bin": POINTER})
    for name, value in {
        "process": "no-such-lfs",
        "clean": "no-such-lfs",
        "smudge": "no-such-lfs",
        "required": "true",
    }.items():
        runs.git("config", f"filter.lfs.{name}", value)
    before = runs.git("rev-parse", "main:model.bin")
    assert runs.run(FIRST) == 0
    assert runs.git("rev-parse", f"{runs.branch}:model.bin") == before
    assert runs.notices()["lfs-pointers"] == (
        "files of Git LFS are pointers in the run, for git-lfs is not installed: model.bin"
    )
    git_command.has_lfs.cache_clear()


def test_submodules(scripted_runs: MakeRuns, make_repository: Any) -> None:
    other = make_repository(ONE, name="library")
    runs = scripted_runs(ONE)
    runs.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(other), "library")
    runs.git("commit", "-q", "-m", "library")
    entry = runs.git("ls-tree", "HEAD", "library")
    works(runs)
    assert runs.git("ls-tree", runs.branch, "library") == entry
    assert runs.notices()["submodules"].endswith(": library")


def test_sha256(tmp_path: Path, scripted_runs: MakeRuns, make_repository: Any) -> None:
    root = make_repository(ONE, commit=False)
    shutil.rmtree(root / ".git")
    subprocess.run(["git", "init", "-q", "-b", "main", "--object-format=sha256"], cwd=root, check=True)
    subprocess.run(["git", "add", "-A"], cwd=root, check=True)
    subprocess.run(["git", "commit", "-q", "-m", "start"], cwd=root, check=True)
    runs = scripted_runs(root=root)
    works(runs)
    assert len(runs.git("rev-parse", runs.branch).strip()) == 64
    assert undo(tools_git.open_repo(root), runs.cache, "T001").undone


def test_no_commit_yet(scripted_runs: MakeRuns, make_repository: Any) -> None:
    runs = scripted_runs(root=make_repository(ONE, commit=False))
    with pytest.raises(UserError, match="has no commit yet") as refused:
        runs.run()
    assert 'git add -A && git commit -m "Start"' in str(refused.value)
    assert not (runs.root / ".kfpilot").exists()
