"""The git tool on real repositories: the user's checkout stays as it is, content survives, branches move fairly."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from kfpilot.tools import git
from kfpilot.tools.errors import ToolFailure

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
def plain_git(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No configuration of this machine, and no name for the user."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    (tmp_path / "gitconfig").write_text("[init]\n\tdefaultBranch = main\n[user]\n\tuseConfigOnly = true\n")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A user's checkout with a commit."""
    root = tmp_path / "user's repo"
    root.mkdir()
    sh(root, "init", "-q")
    (root / "pipelines").mkdir()
    (root / "pipelines/train.py").write_text("A = 1\n")
    (root / "run.sh").write_text("#!/bin/sh\n")
    (root / "run.sh").chmod(0o755)
    (root / "logo.png").write_bytes(b"\x89PNG\0\1")
    (root / "windows.txt").write_bytes(b"one\r\ntwo\r\n")
    (root / ".gitignore").write_text("*.log\nout/\n")
    commit(root, "Start")
    return root


@pytest.fixture
def repo(root: Path) -> Iterator[Any]:
    repo = git.open_repo(root)
    yield repo
    repo.close()


@pytest.fixture
def worktree(repo: Any, tmp_path: Path) -> Path:
    return git.add_worktree(repo, tmp_path / "work trees" / "T001", git.head(repo))


def sh(where: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=where, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def commit(root: Path, message: str) -> str:
    sh(root, "add", "--all")
    sh(root, "-c", "user.name=Somebody", "-c", "user.email=some@body.example", "commit", "-qm", message)
    return sh(root, "rev-parse", "HEAD")


def snapshot(root: Path) -> dict[str, object]:
    """All that the user sees of the checkout: files, modes, times, the index byte by byte, HEAD."""
    seen: dict[str, object] = {"index": (root / ".git/index").read_bytes(), "HEAD": (root / ".git/HEAD").read_bytes()}
    for path in root.rglob("*"):
        if ".git" not in path.relative_to(root).parts and path.is_file():
            found = path.stat()
            seen[str(path)] = (path.read_bytes(), found.st_mode, found.st_mtime_ns)
    return seen


def alter(folder: Path) -> None:
    """Every kind of change there is."""
    (folder / "pipelines/train.py").write_text("A = 2\n")
    (folder / "pipelines/zusätzlich neu.py").write_text("B = 'ü'\n")
    (folder / "logo.png").write_bytes(b"\x89PNG\0\2\xff")
    (folder / "new.bin").write_bytes(bytes(range(256)))
    (folder / "latin.txt").write_bytes(b"caf\xe9\n")
    (folder / "no newline").write_bytes(b"end")
    (folder / "empty").write_bytes(b"")
    (folder / "windows.txt").write_bytes(b"one\r\n2\r\n")
    (folder / "run.sh").chmod(0o644)
    (folder / ".gitignore").unlink()
    (folder / "link").symlink_to("pipelines/train.py")


ALTERED = [".gitignore", "empty", "latin.txt", "link", "logo.png", "new.bin", "no newline", "pipelines/train.py",
           "pipelines/zusätzlich neu.py", "run.sh", "windows.txt"]  # fmt: skip


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

        with pytest.raises(ToolFailure, match="Commit or stash"):
            git.fast_forward(repo, "kfpilot/001")

        assert (root / "pipelines/train.py").read_text() == "mine\n"
        assert snapshot(root)["HEAD"] == before["HEAD"]
        assert git.head(repo) != done

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


def test_no_git_at_all_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(ToolFailure, match="git is not installed"):
        git.open_repo(tmp_path)
