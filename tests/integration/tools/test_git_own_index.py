"""Where the index of a worktree of kfpilot's is, read from git's files without asking git."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from kfpilot.tools import git, git_nested
from kfpilot.tools.errors import ToolFailure
from kfpilot.tools.git_command import common_dir, own_index, require_top
from kfpilot.tools.git_nested import no_inner


def sh(where: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=where, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def git_says(where: Path) -> Path:
    return Path(sh(where, "rev-parse", "--path-format=absolute", "--git-path", "index"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "user's repo"
    root.mkdir()
    sh(root, "init", "-q")
    (root / "a.py").write_text("A = 1\n")
    sh(root, "add", "--all")
    sh(root, "commit", "-qm", "start")
    return root


@pytest.fixture
def worktree(root: Path, tmp_path: Path) -> Path:
    with git.open_repo(root) as repo:
        return git.add_worktree(repo, tmp_path / "work trees" / "T001", git.head(repo))


def test_it_is_where_git_says(worktree: Path) -> None:
    assert own_index(worktree) == git_says(worktree)


def test_also_through_a_link_and_when_the_pointer_is_relative(worktree: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(worktree.parent)
    record = (worktree / ".git").read_text().removeprefix("gitdir:").strip()
    (worktree / ".git").write_text(f"gitdir: ../../{Path(record).relative_to(tmp_path)}\n")

    assert own_index(worktree) == own_index(link / "T001") == git_says(worktree)


def test_one_that_was_moved_is_left_to_git(worktree: Path, tmp_path: Path) -> None:
    moved = worktree.rename(tmp_path / "elsewhere")

    assert own_index(moved) is None
    assert require_top(moved) == git_says(moved)


def test_a_checkout_of_the_users_and_a_worktree_of_the_users_are_left_to_git(root: Path, tmp_path: Path) -> None:
    sh(root, "worktree", "add", "-q", "--detach", str(tmp_path / "theirs"))

    for theirs in (root, tmp_path / "theirs"):
        assert own_index(theirs) is None
        assert require_top(theirs) == git_says(theirs)


def test_one_whose_record_is_gone_is_refused(root: Path, worktree: Path) -> None:
    record = Path((worktree / ".git").read_text().removeprefix("gitdir:").strip())
    (record / "HEAD").unlink()

    assert own_index(worktree) is None
    with pytest.raises(ToolFailure):
        git.tree_hash(worktree)


def test_the_shared_folder_of_all_worktrees_is_where_git_says(root: Path, worktree: Path, tmp_path: Path) -> None:
    sh(root, "worktree", "add", "-q", "--detach", str(tmp_path / "theirs"))
    (root / "below").mkdir()

    for where in (root, worktree, tmp_path / "theirs", root / "below"):
        said = sh(where, "rev-parse", "--path-format=absolute", "--git-common-dir")
        assert common_dir(where) == Path(said) == root / ".git"


def test_the_top_of_ours_is_itself(worktree: Path) -> None:
    (worktree / "below").mkdir()

    assert git.top_of(worktree) == git.top_of(worktree / "below") == worktree


@pytest.mark.parametrize("name", [".git", ".GIT"])
def test_a_repository_inside_is_seen_at_a_glance(worktree: Path, name: str) -> None:
    (worktree / "a/b").mkdir(parents=True)
    assert no_inner(worktree)

    (worktree / "a/b" / name).write_text("gitdir: /elsewhere\n")
    assert not no_inner(worktree)


def test_a_big_tree_is_left_to_git(worktree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (worktree / "a/b").mkdir(parents=True)
    monkeypatch.setattr(git_nested, "GLANCE", 1)

    assert not no_inner(worktree)
