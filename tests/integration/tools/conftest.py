"""A user's repository, and git without what this machine has set up."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kfpilot.tools import git
from kfpilot.tools.pytest_run import TestRun, run_pytest
from kfpilot.tools.sandbox import Sandbox


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


PYTHON = Path(sys.executable)


def project(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def run(root: Path, *targets: str, **options: object) -> TestRun:
    # A checkout beside the root is only there to be found where the user has let the project's code see it.
    sandbox = Sandbox(read=(root.parent,)) if root.name == "worktree" else None
    return run_pytest(PYTHON, root, targets, timeout=options.pop("timeout", 60), sandbox=sandbox, **options)


WORKTREE = {
    "src/shop/__init__.py": "WHERE = 'worktree'\n",
    "src/shop/price.py": "VALUE = 1\n",
    "steps/load.py": "WHERE = 'worktree'\n",
    "tests/test_where.py": (
        "import shop, shop.price\nfrom steps import load\n\n"
        "def test_where():\n    assert shop.WHERE == 'worktree'\n    assert load.WHERE == 'worktree'\n"
    ),
}
OTHER = {
    "src/shop/__init__.py": "WHERE = 'other'\n",
    "src/shop/price.py": "VALUE = 2\n",
    "src/shop/gone.py": "",
    "steps/load.py": "WHERE = 'other'\n",
    "steps/gone.py": "",
}
