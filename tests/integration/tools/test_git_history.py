"""Commits with trailers, branches that nobody else has moved, and landing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from kfpilot.tools import git
from kfpilot.tools.errors import ToolFailure

from .conftest import commit, sh, snapshot

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("plain_git")]


class TestHistory:
    def test_a_commit_with_trailers(self, repo: Any, worktree: Path) -> None:
        (worktree / "x.py").write_text("")

        done = git.commit_all(worktree, "feat: add x", "Why: so.", {"Kfpilot-Task": "T003", "Kfpilot-Run": "r1"})

        message = sh(worktree, "log", "-1", "--format=%B", done)
        assert message == "feat: add x\n\nWhy: so.\n\nKfpilot-Task: T003\nKfpilot-Run: r1"
        assert sh(worktree, "rev-parse", f"{done}^") == git.head(repo)
        assert sh(worktree, "rev-parse", "HEAD") == done

    def test_a_user_without_a_name_gets_one(self, worktree: Path) -> None:
        (worktree / "x.py").write_text("")

        done = git.commit_all(worktree, "feat: x", "", {})

        assert sh(worktree, "log", "-1", "--format=%an %ae %cn", done) == "kfpilot kfpilot@localhost kfpilot"

    def test_the_user_s_name_is_used(self, worktree: Path) -> None:
        sh(worktree, "config", "user.name", "Ünal")
        sh(worktree, "config", "user.email", "u@example.org")
        sh(worktree, "config", "commit.gpgSign", "true")
        sh(worktree, "config", "i18n.commitEncoding", "latin1")
        (worktree / "x.py").write_text("")
        (worktree / "y.py").write_text("")

        done = git.commit_all(worktree, "feat: für x", "", {})

        assert (
            sh(worktree, "log", "-1", "--encoding=UTF-8", "--format=%an %ae %cn %s", done)
            == "Ünal u@example.org Ünal feat: für x"
        )

    def test_an_author_can_be_given(self, worktree: Path) -> None:
        (worktree / "x.py").write_text("")

        done = git.commit_all(worktree, "feat: x", "", {}, author="A B <a@b.example>")

        assert sh(worktree, "log", "-1", "--format=%an <%ae> %cn", done) == "A B <a@b.example> kfpilot"

    def test_nothing_to_commit_is_said(self, worktree: Path) -> None:
        with pytest.raises(ToolFailure, match="nothing to commit"):
            git.commit_all(worktree, "feat: x", "", {})

    def test_a_trailer_cannot_smuggle_in_another(self, worktree: Path, repo: Any) -> None:
        (worktree / "x.py").write_text("")

        done = git.commit_all(worktree, "feat: x\nKfpilot-Task: T9", "", {"Kfpilot-Task": "T001\nKfpilot-Run: z"})

        assert git.commits_with_trailer(repo, f"HEAD..{done}", "Kfpilot-Run") == []
        assert git.commits_with_trailer(repo, f"HEAD..{done}", "Kfpilot-Task") == [(done, "T001 Kfpilot-Run: z")]

    def test_commits_are_found_by_trailer_oldest_first(self, repo: Any, worktree: Path) -> None:
        made = []
        for task in ("T001", "T002", None):
            (worktree / f"{task}.py").write_text("")
            made.append(git.commit_all(worktree, f"feat: {task}", "", {"Kfpilot-Task": task} if task else {}))

        assert git.commits_with_trailer(repo, f"HEAD..{made[-1]}", "Kfpilot-Task") == [
            (made[0], "T001"),
            (made[1], "T002"),
        ]
        assert git.commits_with_trailer(repo, "HEAD", "Kfpilot-Task") == []

    def test_a_branch_moves_from_where_we_saw_it(self, repo: Any, worktree: Path) -> None:
        base = git.head(repo)
        (worktree / "x.py").write_text("")
        done = git.commit_all(worktree, "feat: x", "", {})

        git.update_branch(repo, "kfpilot/001", base, None)
        git.update_branch(repo, "kfpilot/001", done, base)

        assert git.branch_head(repo, "kfpilot/001") == done
        assert git.branch_head(repo, "kfpilot/002") is None
        assert git.merge_base(repo, "main", done) == base

    @pytest.mark.parametrize(
        "how", [["pack-refs", "--all"], ["symbolic-ref", "refs/heads/kfpilot/001", "refs/heads/main"]]
    )
    def test_a_branch_is_found_however_git_keeps_it(
        self, repo: Any, root: Path, worktree: Path, how: list[str]
    ) -> None:
        base = git.head(repo)
        git.update_branch(repo, "kfpilot/001", base, None)
        sh(root, *how)
        # A worktree shares the branches of its repository.
        assert git.branch_head(repo, "kfpilot/001") == git.branch_head(git.open_repo(worktree), "kfpilot/001") == base

    def test_a_branch_that_somebody_moved_stays_there(self, repo: Any, root: Path, worktree: Path) -> None:
        base = git.head(repo)
        (worktree / "x.py").write_text("")
        done = git.commit_all(worktree, "feat: x", "", {})
        git.update_branch(repo, "kfpilot/001", done, None)

        with pytest.raises(ToolFailure, match=r"moved by somebody else.*stood at"):
            git.update_branch(repo, "kfpilot/001", done, base)
        with pytest.raises(ToolFailure, match="did not exist"):
            git.update_branch(repo, "kfpilot/001", base, None)
        sh(root, "branch", "-D", "kfpilot/001")
        with pytest.raises(ToolFailure, match="now it does not exist"):
            git.update_branch(repo, "kfpilot/001", base, done)

        assert git.branch_head(repo, "kfpilot/001") is None

    def test_a_branch_that_is_checked_out_is_not_moved(self, repo: Any, root: Path, worktree: Path) -> None:
        base = git.head(repo)
        (worktree / "x.py").write_text("")
        done = git.commit_all(worktree, "feat: x", "", {})
        before = snapshot(root)

        with pytest.raises(ToolFailure, match="checked out in"):
            git.update_branch(repo, "main", done, base)

        assert git.branch_head(repo, "main") == base
        assert snapshot(root) == before

    @pytest.mark.parametrize("name", ["a b", "-x", "x..y", "x.lock", ""])
    def test_an_impossible_name_is_said(self, repo: Any, name: str) -> None:
        with pytest.raises(ToolFailure, match="cannot be the name of a branch"):
            git.update_branch(repo, name, git.head(repo), None)

    def test_content_of_a_commit(self, repo: Any) -> None:
        assert git.show(repo, "HEAD", "windows.txt") == b"one\r\ntwo\r\n"
        assert git.show(repo, "HEAD", "pipelines") is None
        assert git.show(repo, "HEAD", "none.py") is None
        with pytest.raises(ToolFailure):
            git.show(repo, "nowhere", "windows.txt")

    def test_unrelated_histories_have_no_merge_base(self, repo: Any, root: Path) -> None:
        tree = sh(root, "rev-parse", "HEAD^{tree}")
        other = sh(root, "-c", "user.name=x", "-c", "user.email=y", "commit-tree", "-m", "x", tree)

        with pytest.raises(ToolFailure, match="no history in common"):
            git.merge_base(repo, "main", other)


class TestLanding:
    @pytest.fixture
    def done(self, repo: Any, worktree: Path) -> str:
        (worktree / "pipelines/train.py").write_text("A = 2\n")
        done = git.commit_all(worktree, "feat: x", "", {})
        git.update_branch(repo, "kfpilot/001", done, None)
        return done

    def test_the_checkout_comes_forward(self, repo: Any, root: Path, done: str) -> None:
        (root / "notes.txt").write_text("mine")

        assert git.fast_forward(repo, "kfpilot/001") == done

        assert git.current_branch(repo) == "main"
        assert (root / "pipelines/train.py").read_text() == "A = 2\n"
        assert git.is_dirty(repo) == ["notes.txt"]

    def test_changes_in_the_way_are_kept(self, repo: Any, root: Path, done: str) -> None:
        (root / "pipelines/train.py").write_text("mine\n")
        before = snapshot(root)

        with pytest.raises(ToolFailure, match="Commit, stash or move"):
            git.fast_forward(repo, "kfpilot/001")

        assert (root / "pipelines/train.py").read_text() == "mine\n"
        assert snapshot(root)["HEAD"] == before["HEAD"]
        assert git.head(repo) != done

    @pytest.fixture
    def carried(self, repo: Any, root: Path, worktree: Path) -> str:
        """A branch that has had what stands uncommitted in the checkout, and has changed it since."""
        for folder in (root, worktree):
            (folder / "specs").mkdir()
            (folder / "specs/tasks.md").write_text("- [ ] T001\n")
            (folder / "pipelines/train.py").write_text("A = 2\n")
        git.commit_all(worktree, "docs: x", "", {})
        (worktree / "specs/tasks.md").write_text("- [x] T001\n")
        (worktree / "pipelines/train.py").write_text("A = 3\n")
        done = git.commit_all(worktree, "feat: x", "", {})
        git.update_branch(repo, "kfpilot/001", done, None)
        return done

    @pytest.mark.parametrize("staged", [False, True])
    def test_what_the_branch_has_had_is_not_in_the_way(self, repo: Any, root: Path, carried: str, staged: bool) -> None:
        if staged:
            sh(root, "add", "--all")

        assert git.fast_forward(repo, "kfpilot/001") == carried

        assert (root / "specs/tasks.md").read_text() == "- [x] T001\n"
        assert (root / "pipelines/train.py").read_text() == "A = 3\n"
        assert git.is_dirty(repo) == []

    @pytest.mark.parametrize("how", ["changed", "staged, then changed", "one of two", "a link", "deleted"])
    def test_what_it_has_not_had_keeps_all_as_it_is(self, repo: Any, root: Path, carried: str, how: str) -> None:
        tasks, train = root / "specs/tasks.md", root / "pipelines/train.py"
        if how == "staged, then changed":
            sh(root, "add", "--all")
        if how == "one of two":
            train.write_text("A = 7\n")
        elif how == "a link":
            tasks.rename(root / "elsewhere.md")
            tasks.symlink_to("../elsewhere.md")
        elif how == "deleted":
            train.unlink()
        else:
            tasks.write_text("- [ ] T001 mine\n")
        status = sh(root, "status", "--porcelain")
        before = snapshot(root)

        with pytest.raises(ToolFailure, match="Commit, stash or move"):
            git.fast_forward(repo, "kfpilot/001")

        assert snapshot(root) == before
        assert sh(root, "status", "--porcelain") == status

    def test_diverged_branches_are_not_merged(self, repo: Any, root: Path, done: str) -> None:
        (root / "other.py").write_text("")
        mine = commit(root, "Mine")

        with pytest.raises(ToolFailure, match="cannot be fast-forwarded"):
            git.fast_forward(repo, "kfpilot/001")

        assert git.head(repo) == mine

    def test_a_detached_head_is_left(self, repo: Any, root: Path, done: str) -> None:
        sh(root, "checkout", "-q", "--detach")

        with pytest.raises(ToolFailure, match="No branch is checked out"):
            git.fast_forward(repo, "kfpilot/001")

    def test_a_missing_branch_is_said(self, repo: Any) -> None:
        with pytest.raises(ToolFailure, match="no branch kfpilot/9"):
            git.fast_forward(repo, "kfpilot/9")
