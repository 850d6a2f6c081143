"""The git tool opens repositories, and leaves the user's checkout as it is."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from kfpilot.tools import git
from kfpilot.tools.errors import ToolFailure

from .conftest import alter, sh, snapshot

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("plain_git")]


class TestOpen:
    def test_a_folder_deep_inside_finds_the_top(self, root: Path) -> None:
        repo = git.open_repo(root / "pipelines")

        assert git.root_of(repo) == root
        assert git.head(repo) == sh(root, "rev-parse", "HEAD")
        assert git.current_branch(repo) == "main"

    def test_a_detached_head_has_no_branch(self, root: Path) -> None:
        sh(root, "checkout", "-q", "--detach")

        assert git.current_branch(git.open_repo(root)) is None

    def test_no_repository(self, tmp_path: Path) -> None:
        with pytest.raises(ToolFailure, match=r"not in a git repository.*git init"):
            git.open_repo(tmp_path)

    def test_a_missing_folder(self, tmp_path: Path) -> None:
        with pytest.raises(ToolFailure, match="does not exist"):
            git.open_repo(tmp_path / "a" / "b")

    def test_a_bare_repository(self, root: Path, tmp_path: Path) -> None:
        sh(tmp_path, "clone", "-q", "--bare", str(root), "bare.git")

        with pytest.raises(ToolFailure, match=r"bare repository.*git clone"):
            git.open_repo(tmp_path / "bare.git")

    def test_git_s_own_folder(self, root: Path) -> None:
        with pytest.raises(ToolFailure, match="git's own folder"):
            git.open_repo(root / ".git")

    def test_no_commit_yet(self, tmp_path: Path) -> None:
        sh(tmp_path, "init", "-q", "fresh")

        with pytest.raises(ToolFailure, match=r"no commit yet.*git commit"):
            git.open_repo(tmp_path / "fresh")

    def test_variables_of_a_calling_hook_do_not_turn_it_elsewhere(
        self, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        other = tmp_path / "other"
        sh(tmp_path, "init", "-q", "other")
        for name, value in {
            "GIT_DIR": other / ".git",
            "GIT_WORK_TREE": other,
            "GIT_INDEX_FILE": other / "index",
            "GIT_COMMON_DIR": other / ".git",
            "GIT_OBJECT_DIRECTORY": other / ".git/objects",
        }.items():
            monkeypatch.setenv(name, str(value))
        before = sorted(other.rglob("*"))

        repo = git.open_repo(root)
        worktree = git.add_worktree(repo, tmp_path / "w", git.head(repo))
        (worktree / "new.py").write_text("")

        assert git.root_of(repo) == root
        assert git.changed_files(worktree, git.head(repo)) == ["new.py"]
        assert sorted(other.rglob("*")) == before


class TestUsersCheckout:
    def test_a_whole_run_leaves_it_untouched(self, repo: Any, root: Path, tmp_path: Path) -> None:
        (root / "pipelines/train.py").write_text("A = 1 # not committed\n")
        (root / "staged.py").write_text("x = 1\n")
        sh(root, "add", "staged.py")
        (root / "untracked.py").write_text("y = 1\n")
        # A stale entry: an ordinary `git status` would now refresh the index, and so write it.
        os.utime(root / "run.sh", (1_000_000_000, 1_000_000_000))
        before = snapshot(root)
        base = git.head(repo)

        assert git.is_dirty(repo) == ["pipelines/train.py", "staged.py", "untracked.py"]
        assert git.changed_files(root, base) == ["pipelines/train.py", "staged.py", "untracked.py"]
        assert "+y = 1" in git.diff(root, base)
        git.tree_hash(root)
        worktree = git.add_worktree(repo, tmp_path / "w", base)
        alter(worktree)
        done = git.commit_all(worktree, "feat: all of it", "", {})
        git.update_branch(repo, "kfpilot/001", done, None)
        git.restore(worktree, base)
        git.remove_worktree(repo, worktree)

        assert snapshot(root) == before
        assert sh(root, "stash", "list") == ""

    @pytest.mark.parametrize("where", ["", "pipelines"])
    def test_nothing_writes_into_it(self, root: Path, where: str) -> None:
        (root / "untracked.py").write_text("")
        before = snapshot(root)
        folder = root / where

        for write in (
            lambda: git.commit_all(folder, "feat: x", "", {}),
            lambda: git.restore(folder, "HEAD"),
            lambda: git.restore(folder, "HEAD", ["run.sh"]),
            lambda: git.apply_patch(folder, "x"),
        ):
            with pytest.raises(ToolFailure):
                write()

        assert snapshot(root) == before

    def test_a_worktree_of_the_user_s_is_not_ours(self, repo: Any, root: Path, tmp_path: Path) -> None:
        theirs = tmp_path / "theirs"
        sh(root, "worktree", "add", "-q", "--detach", str(theirs))

        with pytest.raises(ToolFailure, match="not a worktree that kfpilot has made"):
            git.restore(theirs, "HEAD")
        git.remove_worktree(repo, theirs)

        assert theirs.is_dir()
        assert git.list_worktrees(repo) == []

    def test_a_rename_is_told_with_both_names(self, repo: Any, root: Path) -> None:
        sh(root, "mv", "run.sh", "start it.sh")

        assert git.is_dirty(repo) == ["run.sh", "start it.sh"]


def test_no_git_at_all_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(ToolFailure, match="git is not installed"):
        git.open_repo(tmp_path)
