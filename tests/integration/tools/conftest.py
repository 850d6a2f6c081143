"""A user's repository, and git without what this machine has set up."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kfpilot.tools import git


def sh(where: Path, *arguments: str) -> str:
    """Run git; returns what it says."""
    done = subprocess.run(["git", *arguments], cwd=where, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def commit(root: Path, message: str) -> str:
    """Commit all that is there; returns the commit."""
    sh(root, "add", "--all")
    sh(root, "-c", "user.name=Somebody", "-c", "user.email=some@body.example", "commit", "-qm", message)
    return sh(root, "rev-parse", "HEAD")


@pytest.fixture
def plain_git(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No configuration of this machine, and no name for the user."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    (tmp_path / "gitconfig").write_text("[init]\n\tdefaultBranch = main\n[user]\n\tuseConfigOnly = true\n")


@pytest.fixture
def root(tmp_path: Path, plain_git: None) -> Path:
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
    """That repository."""
    repo = git.open_repo(root)
    yield repo
    repo.close()


@pytest.fixture
def worktree(repo: Any, tmp_path: Path) -> Path:
    """A worktree of ours."""
    return git.add_worktree(repo, tmp_path / "work trees" / "T001", git.head(repo))
