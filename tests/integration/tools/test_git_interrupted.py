"""A command that ends inside `git worktree add` leaves no worktree behind."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kfpilot.agent.workflow.leftovers import clear_leftovers
from kfpilot.tools import git
from kfpilot.tools.errors import ToolFailure

from .conftest import commit, sh

pytestmark = pytest.mark.integration

# Python turns SIGINT into an exception only where it is not ignored from the start, as it is below `nohup … &`.
ADD = """
import signal, sys
from pathlib import Path
from kfpilot.tools import git
signal.signal(signal.SIGINT, signal.default_int_handler)
repo = git.open_repo(Path(sys.argv[1]))
git.add_worktree(repo, Path(sys.argv[2]), git.head(repo))
"""


@pytest.fixture
def go(root: Path, tmp_path: Path) -> Iterator[Path]:
    """A file without which a checkout of the repository does not come to its end."""
    go, inside = tmp_path / "go", tmp_path / "inside"
    script = tmp_path / "wait.sh"
    script.write_text(f"#!/bin/sh\ntouch {inside}\nwhile [ ! -e {go} ]; do sleep 0.02; done\ncat\n")
    script.chmod(0o755)
    (root / ".gitattributes").write_text("*.py filter=wait\n")
    commit(root, "A filter")
    sh(root, "config", "filter.wait.smudge", str(script))
    yield go
    go.touch()


@pytest.fixture
def adding(go: Path, root: Path, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process of ours whose git is making the worktree at `half`."""
    place = str(tmp_path / "home" / "half" / "tree")
    command = [sys.executable, "-c", ADD, str(root), place]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while not (tmp_path / "inside").exists():
            assert process.poll() is None
            time.sleep(0.02)
        yield process
        process.kill()


def half_made(root: Path, tmp_path: Path) -> bool:
    return "half" in sh(root, "worktree", "list") or (tmp_path / "home/half/tree").exists()


def test_an_interrupted_command_clears_it_at_once(
    adding: subprocess.Popen[bytes], go: Path, root: Path, tmp_path: Path
) -> None:
    assert half_made(root, tmp_path)
    adding.send_signal(signal.SIGINT)
    go.touch()
    assert adding.wait(20) != 0
    assert not half_made(root, tmp_path)
    assert list((root / ".git").glob("kfpilot-adding*")) == []


@pytest.mark.parametrize("by", ["another worktree", "another run"])
def test_what_a_killed_command_left_is_cleared_by_the_next(
    adding: subprocess.Popen[bytes], go: Path, repo: Any, root: Path, tmp_path: Path, by: str
) -> None:
    adding.kill()
    adding.wait()
    # Its git does not know that and works on: it must not be disturbed.
    timer = threading.Timer(0.3, go.touch)
    timer.start()
    if by == "another run":
        clear_leftovers(repo, tmp_path / "elsewhere", "kfpilot/x")
        assert git.list_worktrees(repo) == []
    else:
        made = git.add_worktree(repo, tmp_path / "next", "HEAD")
        assert git.list_worktrees(repo) == [made]
    timer.join()
    assert not half_made(root, tmp_path)


def test_the_same_folder_can_be_used_again(
    adding: subprocess.Popen[bytes], go: Path, repo: Any, tmp_path: Path
) -> None:
    adding.kill()
    adding.wait()
    go.touch()
    place = tmp_path / "home/half/tree"
    assert git.add_worktree(repo, place, "HEAD") == place
    assert (place / "pipelines/train.py").read_text() == "A = 1\n"


def test_a_git_that_goes_on_for_ever_is_told(
    adding: subprocess.Popen[bytes], repo: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    adding.kill()
    adding.wait()
    monkeypatch.setattr("kfpilot.tools.git_worktrees.PATIENCE", 0.1)
    with pytest.raises(ToolFailure, match="still makes the worktree"):
        git.add_worktree(repo, tmp_path / "next", "HEAD")


def test_a_folder_that_somebody_made_there_since_is_left(repo: Any, root: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/notes.txt").write_text("x")
    (root / ".git/kfpilot-adding").write_text(str(tmp_path / "mine"))
    git.settle_worktrees(repo)
    assert (tmp_path / "mine/notes.txt").read_text() == "x"
    assert not (root / ".git/kfpilot-adding").exists()
