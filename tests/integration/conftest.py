"""Small real repositories for tests that run git, pytest and KFP for real."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from kfpilot.agent.events import TaskFinished
from kfpilot.agent.models.handle import Handle
from kfpilot.agent.models.scripted import ScriptedModel, calls
from kfpilot.agent.settings import Settings
from kfpilot.agent.verifier.bench import Bench
from kfpilot.agent.workflow import driver
from kfpilot.agent.workflow.place import Request
from kfpilot.tools.pytest_run import TestRun

SPEC = """# Feature Specification: Prices

**Feature Branch**: `001-prices`

## User Scenarios & Testing

### User Story 1 - Prices are doubled (Priority: P1)

A shop doubles its prices.

**Acceptance Scenarios**:

1. **Given** a price of 2, **When** it is doubled, **Then** it is 4

## Requirements

- **FR-001**: A price MUST be doubled
"""
PLAN = "# Implementation Plan: Prices\n\n## Summary\n\nDouble prices.\n\n## Technical Context\n\n**Testing**: pytest\n"
LOAD = '''"""Loads."""

from kfp import dsl


@dsl.component(base_image="python:3.11")
def load(count: int = 3) -> str:
    """Numbers with commas between."""
    return ",".join(str(number) for number in range(count))
'''
DAILY = '''"""The daily run."""

from kfp import dsl

from shop.load import load


@dsl.pipeline(name="daily")
def daily(count: int = 3):
    load(count=count)
'''
FILES: dict[str, str] = {
    "pyproject.toml": '[tool.pytest.ini_options]\npythonpath = ["."]\ntestpaths = ["tests"]\n',
    ".gitignore": "__pycache__/\n/data/\n",
    "README.md": "# Shop\n\nPrices are in `shop/price.py`.\n",
    "shop/__init__.py": "",
    "shop/price.py": "def single(price):\n    return price\n",
    "shop/load.py": LOAD,
    "shop/daily.py": DAILY,
    "tests/test_price.py": (
        "from shop.price import single\n\n\ndef test_single():\n    assert single(2) == 2\n    assert single(0) == 0\n"
        "\n\ndef test_single_again():\n    assert single(3) == 3\n"
    ),
    "specs/001-prices/spec.md": SPEC,
    "specs/001-prices/plan.md": PLAN,
}


def git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True, text=True)
    return done.stdout


MakeRepository = Callable[..., Path]


@pytest.fixture
def make_repository(tmp_path: Path) -> MakeRepository:
    """A committed repository with a package, tests and a feature whose tasks.md holds the given lines."""

    def make(tasks: str, files: Mapping[str, str] | None = None, *, name: str = "repo", commit: bool = True) -> Path:
        root = tmp_path / name
        text = f"# Tasks: Prices\n\n## Phase 1: Work\n\n{tasks.strip()}\n"
        for path, content in {**FILES, "specs/001-prices/tasks.md": text, **(files or {})}.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(content, encoding="utf-8")
        git(root.parent, "init", "--quiet", "--initial-branch=main", root.name)
        if commit:
            git(root, "add", "--all")
            git(root, "commit", "--quiet", "-m", "start")
        return root

    return make


@pytest.fixture
def feature_documents() -> dict[str, str]:
    """The files that every repository of `make_repository` has."""
    return dict(FILES)


class ScriptedRuns:
    """Runs of the feature of a real repository; only the model is a fake, whose answers are queued."""

    branch = "kfpilot/001-prices"
    tasks_file = "specs/001-prices/tasks.md"

    def __init__(self, root: Path, cache: Path, *, quick: bool) -> None:
        self.root, self.cache, self.quick = root, cache, quick
        self.model = ScriptedModel()
        self.events: list[Any] = []

    def run(self, *turns: Any, resume: bool = False, **request: Any) -> int:
        """One run; each turn is an answer of the model: files to write as pairs of path and text, or a message."""
        self.model.add(*(self.write(*turn) if isinstance(turn, list) else turn for turn in turns))
        self.events.clear()
        asked = Request(**{"feature": "001", **request})
        return driver.implement(self.root, asked, self.settings(), [self.events.append], resume=resume)

    def settings(self) -> Settings:
        return Settings(cache_dir=self.cache, python=Path(sys.executable), attempts=2, refine="never")

    @staticmethod
    def write(*files: tuple[str, str]) -> Any:
        written = (("write_file", {"path": path, "content": text}) for path, text in files)
        return calls(*written, ("finish", {"summary": "x"}))

    def git(self, *arguments: str) -> str:
        return git(self.root, *arguments)

    def outcomes(self) -> dict[str, str]:
        return {event.task: event.outcome for event in self.events if isinstance(event, TaskFinished)}

    def notices(self) -> dict[str, str]:
        return {event.code: event.message for event in self.events if event.type == "notice"}

    def ticks(self, commit: str | None = None) -> str:
        text = self.git("show", f"{commit or self.branch}:{self.tasks_file}")
        return "".join(line[3] for line in text.splitlines() if line.startswith("- ["))

    def files(self, commit: str | None = None) -> list[str]:
        return self.git("ls-tree", "-r", "--name-only", commit or self.branch).splitlines()

    def checkout(self) -> dict[str, Any]:
        """All that a run must leave alone: files, git's index, HEAD, settings, hooks and branches but for its own."""
        here = self.root / ".git"
        kept = [here / "config", *sorted((here / "hooks").glob("*"))] if here.is_dir() else []
        files = [path for path in sorted(self.root.rglob("*")) if not {".git", ".kfpilot"} & set(path.parts)]
        return {
            "files": {str(path): (path.read_bytes(), path.lstat().st_mode) for path in files if path.is_file()},
            "kept": {str(path): path.read_bytes() for path in kept},
            "head": self.git("rev-parse", "HEAD") + self.git("rev-parse", "--symbolic-full-name", "HEAD"),
            "status": self.git("status", "--porcelain", "--untracked-files=all").replace("?? .kfpilot/\n", ""),
            "refs": [
                line for line in self.git("show-ref").splitlines() if "refs/heads/kfpilot/" not in line
            ],
        }  # fmt: skip


@pytest.fixture
def scripted_runs(
    make_repository: MakeRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., ScriptedRuns]:
    """Makes a repository and what runs features in it. `quick`: the repository's tests are not run, nothing is
    verified but the work of the task itself; `root` takes a repository that is there already."""

    def make(
        tasks: str = "", files: Mapping[str, str] | None = None, *, quick: bool = True, root: Path | None = None
    ) -> ScriptedRuns:
        made = ScriptedRuns(root or make_repository(tasks, files), tmp_path / "cache", quick=quick)

        @contextmanager
        def opened(settings: Settings, **more: Any) -> Iterator[Handle]:
            yield Handle(model=made.model, name="scripted", tools=True, kind="fake")

        monkeypatch.setattr(driver, "open_model", opened)
        if quick:
            empty = TestRun(
                tests=[], exit_code=5, counts={}, command=["pytest"], seconds=0.0, timed_out=False, collected=0
            )
            monkeypatch.setattr(Bench, "run_tests", lambda self, *arguments, **more: empty.model_copy(deep=True))
        return made

    return make


class Hanging:
    """An endpoint on loopback that lists its model and then does not answer; `asked` is set when it was asked."""

    def __init__(self) -> None:
        self.url = ""
        self.asked = threading.Event()
        self.release = threading.Event()


@pytest.fixture
def hanging() -> Iterator[Hanging]:
    state = Hanging()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *args: Any) -> None:
            pass

        def do_GET(self) -> None:
            data = json.dumps({"object": "list", "data": [{"id": "m", "object": "model", "max_model_len": 16384}]})
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data.encode())

        def do_POST(self) -> None:
            state.asked.set()
            state.release.wait(150)

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *args: Any) -> None:
            pass

    http = Quiet(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{http.server_address[1]}/v1"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield state
    state.release.set()
    http.shutdown()
    http.server_close()
