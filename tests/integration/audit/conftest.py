"""Repositories for audits, and the command as a user runs it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from kfpilot.agent.cli.app import main

TASKS = "specs/001-orders/tasks.md"


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True, text=True)
    return done.stdout


@pytest.fixture(name="git")
def git_fixture() -> Callable[..., str]:
    """Runs git in a folder."""
    return _git


@pytest.fixture
def repository(tmp_path: Path) -> Callable[..., Path]:
    """A committed repository with the given tasks and files; values may be bytes."""

    def make(tasks: str | bytes, files: Mapping[str, str | bytes] | None = None, *, name: str = "repo") -> Path:
        root = tmp_path / name
        content = tasks if isinstance(tasks, bytes) else f"# Tasks\n\n{tasks}\n"
        for path, text in {"src/app.py": "def start():\n    return 1\n", TASKS: content, **(files or {})}.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(text if isinstance(text, bytes) else text.encode())
        _git(root, "init", "--quiet", "--initial-branch=main")
        _git(root, "add", "--all")
        _git(root, "commit", "--quiet", "-m", "start")
        return root

    return make


class Ran:
    """What a command did."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    def ticks(self) -> dict[str, str]:
        return {tick["key"]: tick["verdict"] for feature in self.json["features"] for tick in feature["ticks"]}


@pytest.fixture
def kfpilot(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """`kfpilot audit` with arguments."""

    def run(*arguments: object) -> Ran:
        with pytest.raises(SystemExit) as ended:
            main(["audit", *map(str, arguments)])
        text = capsys.readouterr()
        code = ended.value.code
        return Ran(code if isinstance(code, int) else 0, text.out, text.err)

    return run


@pytest.fixture
def snapshot() -> Callable[[Path], dict[str, tuple[int, bytes]]]:
    """Gives every file below a folder, git's own included, with its mode and content."""
    return _snapshot


def _snapshot(root: Path) -> dict[str, tuple[int, bytes]]:
    found = {}
    for folder, _, names in os.walk(root):
        for name in names:
            path = Path(folder, name)
            found[str(path.relative_to(root))] = (path.lstat().st_mode, path.read_bytes())
    return found
