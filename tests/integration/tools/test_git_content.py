"""What is in a worktree: changes are seen, patches carry them, and they can be taken back."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from kfpilot.tools import git
from kfpilot.tools.errors import ToolFailure

from .conftest import alter, commit, sh

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("plain_git")]


ALTERED = [".gitignore", "empty", "latin.txt", "link", "logo.png", "new.bin", "no newline", "pipelines/train.py",
           "pipelines/zusätzlich neu.py", "run.sh", "windows.txt"]  # fmt: skip


class TestContent:
    def test_every_kind_of_change_is_listed(self, repo: Any, worktree: Path) -> None:
        alter(worktree)

        assert git.changed_files(worktree, git.head(repo)) == sorted(ALTERED)

    def test_ignored_files_do_not_count(self, repo: Any, worktree: Path) -> None:
        before = git.tree_hash(worktree)
        (worktree / "out").mkdir()
        (worktree / "out/x").write_text("")
        (worktree / "a.log").write_text("")

        assert git.changed_files(worktree, git.head(repo)) == []
        assert git.tree_hash(worktree) == before
        assert git.diff(worktree, git.head(repo)) == ""

    def test_a_rename_is_one_file_gone_and_one_new(self, repo: Any, worktree: Path) -> None:
        (worktree / "run.sh").rename(worktree / "start.sh")

        assert git.changed_files(worktree, git.head(repo)) == ["run.sh", "start.sh"]

    def test_changes_are_seen_against_an_older_commit_too(self, repo: Any, worktree: Path) -> None:
        base = git.head(repo)
        (worktree / "one.py").write_text("")
        git.commit_all(worktree, "feat: one", "", {})
        (worktree / "two.py").write_text("")

        assert git.changed_files(worktree, base) == ["one.py", "two.py"]

    def test_a_change_of_the_same_length_in_the_same_instant_is_seen(self, repo: Any, worktree: Path) -> None:
        file = worktree / "pipelines/train.py"
        times = file.stat()
        before = git.tree_hash(worktree)
        file.write_text("A = 9\n")
        os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))

        assert git.tree_hash(worktree) != before

    def test_the_patch_carries_everything_over(
        self, repo: Any, worktree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # What people set for their own eyes must not get into the patch.
        (tmp_path / "gitconfig").write_text(
            "[diff]\n\tnoprefix = true\n\tmnemonicPrefix = true\n\trenames = copies\n\texternal = false\n"
            "[color]\n\tui = always\n[core]\n\tpager = false\n\tquotePath = true\n"
        )
        alter(worktree)
        patch = git.diff(worktree, git.head(repo))
        tree = git.tree_hash(worktree)

        patch.encode("utf-8")  # It can be kept in a file or in JSON.
        other = git.add_worktree(repo, tmp_path / "other", git.head(repo))
        git.apply_patch(other, patch)

        assert git.tree_hash(other) == tree
        assert (other / "latin.txt").read_bytes() == b"caf\xe9\n"
        assert (other / "windows.txt").read_bytes() == b"one\r\n2\r\n"
        assert (other / "link").is_symlink()

    def test_a_plain_git_apply_accepts_the_patch(self, repo: Any, worktree: Path, root: Path) -> None:
        alter(worktree)
        patch = git.diff(worktree, git.head(repo))

        done = subprocess.run(["git", "apply", "--check", "-"], cwd=root, input=patch.encode(), capture_output=True)

        assert done.returncode == 0, done.stderr

    def test_a_patch_that_does_not_fit_changes_nothing(self, repo: Any, worktree: Path, tmp_path: Path) -> None:
        alter(worktree)
        patch = git.diff(worktree, git.head(repo))
        other = git.add_worktree(repo, tmp_path / "other", git.head(repo))
        (other / "pipelines/train.py").write_text("quite different\n")
        before = git.tree_hash(other)

        with pytest.raises(ToolFailure, match=r"does not fit.*pipelines/train\.py"):
            git.apply_patch(other, patch)

        assert git.tree_hash(other) == before

    def test_the_tree_is_the_one_that_is_committed(self, repo: Any, worktree: Path) -> None:
        alter(worktree)
        tree = git.tree_hash(worktree)

        done = git.commit_all(worktree, "feat: x", "", {})

        assert sh(worktree, "rev-parse", f"{done}^{{tree}}") == tree
        assert sh(worktree, "status", "--porcelain") == ""

    def test_a_submodule_stays_what_it_is(self, root: Path, tmp_path: Path) -> None:
        sh(tmp_path, "init", "-q", "library")
        (tmp_path / "library/lib.py").write_text("")
        commit(tmp_path / "library", "Start")
        sh(root, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(tmp_path / "library"), "lib")
        base = commit(root, "Add a submodule")
        repo = git.open_repo(root)
        worktree = git.add_worktree(repo, tmp_path / "w", base)

        assert git.changed_files(worktree, base) == []
        assert git.changed_files(root, base) == []


class TestRestore:
    def test_everything_goes_back(self, repo: Any, worktree: Path) -> None:
        base = git.head(repo)
        before = git.tree_hash(worktree)
        alter(worktree)
        git.commit_all(worktree, "feat: x", "", {})
        shutil.rmtree(worktree / "pipelines")
        (worktree / "pipelines").write_text("a file where a folder was")
        (worktree / "out").mkdir()
        (worktree / "out/x").write_text("")
        (worktree / "out").chmod(0o500)
        (worktree / "a.log").write_text("")
        subprocess.run(["git", "init", "-q", "nested"], cwd=worktree, check=True)

        git.restore(worktree, base)

        assert git.tree_hash(worktree) == before
        assert sh(worktree, "rev-parse", "HEAD") == base
        assert sh(worktree, "status", "--porcelain", "--ignored") == ""
        assert sorted(path.name for path in worktree.iterdir()) == [
            ".git", ".gitignore", "logo.png", "pipelines", "run.sh", "windows.txt",
        ]  # fmt: skip

    def test_only_the_paths_that_are_named(self, repo: Any, worktree: Path) -> None:
        alter(worktree)
        (worktree / "a.log").write_text("")

        git.restore(worktree, git.head(repo), ["pipelines", "new.bin", "run.sh", ".gitignore", "never was"])

        left = sorted(
            {*ALTERED} - {"pipelines/train.py", "pipelines/zusätzlich neu.py", "new.bin", "run.sh", ".gitignore"}
        )
        assert git.changed_files(worktree, git.head(repo)) == left
        assert (worktree / "a.log").exists()
        assert not (worktree / "new.bin").exists()
        assert os.access(worktree / "run.sh", os.X_OK)

    def test_glob_characters_in_a_name_are_taken_literally(self, repo: Any, worktree: Path) -> None:
        (worktree / "*.py").write_text("")
        (worktree / "b.py").write_text("")

        git.restore(worktree, git.head(repo), ["*.py"])

        assert git.changed_files(worktree, git.head(repo)) == ["b.py"]
