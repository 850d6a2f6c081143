"""Worktrees of ours are made, replaced and removed, and nothing of the user's with them."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from kfpilot.tools import git
from kfpilot.tools.errors import ToolFailure

from .conftest import sh, snapshot

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("plain_git")]


class TestWorktrees:
    def test_it_holds_the_commit_detached(self, repo: Any, worktree: Path, root: Path) -> None:
        assert (worktree / "pipelines/train.py").read_text() == "A = 1\n"
        assert sh(worktree, "rev-parse", "--abbrev-ref", "HEAD") == "HEAD"
        assert git.list_worktrees(repo) == [worktree]
        assert git.worktree_holding(repo, "main") == root

    def test_a_taken_folder_is_refused_and_left(self, repo: Any, tmp_path: Path) -> None:
        (tmp_path / "taken").mkdir()
        (tmp_path / "taken/mine").write_text("")

        with pytest.raises(ToolFailure, match="not empty"):
            git.add_worktree(repo, tmp_path / "taken", "HEAD")

        assert (tmp_path / "taken/mine").exists()

    def test_an_unknown_commit_is_said(self, repo: Any, tmp_path: Path) -> None:
        with pytest.raises(ToolFailure, match="worktree"):
            git.add_worktree(repo, tmp_path / "w", "0" * 40)

        assert git.list_worktrees(repo) == []

    def test_one_that_stands_already_is_replaced(self, repo: Any, worktree: Path) -> None:
        (worktree / "rest").write_text("")

        assert git.add_worktree(repo, worktree, git.head(repo)) == worktree
        assert not (worktree / "rest").exists()

    def test_one_whose_folder_vanished_can_be_made_again(self, repo: Any, worktree: Path) -> None:
        shutil.rmtree(worktree)

        assert git.list_worktrees(repo) == [worktree]
        git.add_worktree(repo, worktree, git.head(repo))
        assert (worktree / "run.sh").exists()

    def test_removing_one_that_vanished_forgets_that_one_only(
        self, repo: Any, root: Path, worktree: Path, tmp_path: Path
    ) -> None:
        unmounted = tmp_path / "unmounted"
        sh(root, "worktree", "add", "-q", "--detach", str(unmounted))
        shutil.rmtree(unmounted)
        shutil.rmtree(worktree)

        git.remove_worktree(repo, worktree)
        git.remove_worktree(repo, worktree)

        assert git.list_worktrees(repo) == []
        assert str(unmounted) in sh(root, "worktree", "list")

    def test_removing_one_that_lost_its_git_file(self, repo: Any, worktree: Path) -> None:
        (worktree / ".git").unlink()

        git.remove_worktree(repo, worktree)

        assert not worktree.exists()
        assert git.list_worktrees(repo) == []

    def test_one_that_lost_its_git_file_is_not_taken_for_the_repository_around_it(self, repo: Any, root: Path) -> None:
        inside = git.add_worktree(repo, root / "out" / "w", git.head(repo))
        (inside / ".git").unlink()
        before = snapshot(root)

        for use in (git.tree_hash, lambda at: git.restore(at, "HEAD"), lambda at: git.changed_files(at, "HEAD")):
            with pytest.raises(ToolFailure, match=r"\.git file is lost"):
                use(inside)

        assert snapshot(root) == before

    def test_read_only_folders_go_too(self, repo: Any, worktree: Path) -> None:
        (worktree / "locked").mkdir()
        (worktree / "locked/x").write_text("")
        (worktree / "locked").chmod(0o500)

        git.remove_worktree(repo, worktree)

        assert not worktree.exists()

    def test_several_at_a_time(self, repo: Any, tmp_path: Path) -> None:
        base = git.head(repo)

        def make(number: int) -> Path:
            path = git.add_worktree(repo, tmp_path / f"w{number}", base)
            assert git.worktree_holding(repo, "none") is None
            git.remove_worktree(repo, path)
            return git.add_worktree(repo, path, base)

        with ThreadPoolExecutor(6) as pool:
            made = list(pool.map(make, range(12)))

        assert git.list_worktrees(repo) == sorted(made)

    def test_no_hook_runs(self, repo: Any, root: Path, tmp_path: Path) -> None:
        for name in ("post-checkout", "pre-commit", "commit-msg", "post-commit", "reference-transaction", "post-merge"):
            hook = root / ".git/hooks" / name
            hook.parent.mkdir(exist_ok=True)
            hook.write_text(f"#!/bin/sh\necho {name} >> '{tmp_path}/hooks-ran'\nexit 1\n")
            hook.chmod(0o755)
        sh(root, "config", "core.fsmonitor", f"touch '{tmp_path}/hooks-ran'; false")

        worktree = git.add_worktree(repo, tmp_path / "w", git.head(repo))
        (worktree / "x.py").write_text("")
        done = git.commit_all(worktree, "feat: x", "", {})
        git.update_branch(repo, "kfpilot/x", done, None)
        git.is_dirty(repo)
        git.fast_forward(repo, "kfpilot/x")

        assert not (tmp_path / "hooks-ran").exists()
