"""A repository with a feature, and models whose answers are written down."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from kfpilot.agent.events import TaskFinished, read_journal
from kfpilot.agent.models.handle import Handle
from kfpilot.agent.models.scripted import ScriptedModel, calls
from kfpilot.agent.settings import Settings
from kfpilot.agent.verifier.bench import Bench
from kfpilot.agent.workflow import driver
from kfpilot.agent.workflow.driver import implement
from kfpilot.agent.workflow.place import Request
from kfpilot.tools.pytest_run import TestRun

TASKS_FILE = "specs/001-prices/tasks.md"
THREE = """- [ ] T001 [US1] Create `double(price)` in shop/double.py (FR-001)
- [ ] T002 [US1] Test `double` in tests/test_double.py (FR-001; depends on T001)
- [ ] T003 [US1] Describe the prices in docs/prices.md
"""
DOUBLE = ("shop/double.py", "def double(price):\n    return 2 * price\n")
PAGE = ("docs/prices.md", "# Prices\n\n`single()` in `shop/price.py` keeps a price.\n")
PAGES = """- [ ] T001 Describe the prices in docs/first.md
- [ ] T002 Describe the prices in docs/second.md
- [ ] T003 Describe the prices in docs/prices.md
"""
ONE = ("docs/first.md", PAGE[1])
TWO = ("docs/second.md", PAGE[1])
BRANCH = "kfpilot/001-prices"
LIGHT = [word for name in ("hypothesispytest", "syrupy", "anyio") for word in ("-p", f"no:{name}")]
"""Plugins of our own environment that cost most of a second in every run of pytest."""


def git(root: Path, *arguments: str, data: str | None = None) -> str:
    return subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True, text=True, input=data).stdout


def write(*files: tuple[str, str]) -> Any:
    """An answer that writes whole files and finishes."""
    return calls(
        *(("write_file", {"path": path, "content": text}) for path, text in files), ("finish", {"summary": "x"})
    )


@dataclass
class World:
    """A repository and a model whose answers are queued."""

    root: Path
    cache: Path
    model: ScriptedModel
    events: list[Any] = field(default_factory=list)

    def run(self, *turns: Any, resume: bool = False, tools: bool = True, **request: Any) -> int:
        self.model.add(*turns)
        settings = Settings(
            cache_dir=self.cache, python=Path(sys.executable), attempts=2, refine="never", test_command=LIGHT
        )
        self.events.clear()
        request.setdefault("feature", "001")
        return implement(self.root, Request(**request), settings, [self.events.append], resume=resume)

    def log(self, what: str = "%s", span: str = f"main..{BRANCH}") -> list[str]:
        if not git(self.root, "branch", "--list", BRANCH):
            return []
        return git(self.root, "log", "--reverse", f"--format={what}", span).splitlines()

    def trailers(self, key: str) -> list[str]:
        return [value for value in self.log(f"%(trailers:key={key},valueonly,separator=%x2c)") if value]

    def show(self, path: str, commit: str = BRANCH) -> str:
        return git(self.root, "show", f"{commit}:{path}")

    def outcomes(self) -> dict[str, str]:
        return {event.task: event.outcome for event in self.events if isinstance(event, TaskFinished)}

    def records(self) -> list[Path]:
        return sorted((self.root / ".kfpilot/runs").iterdir())

    def journal(self) -> list[Any]:
        return list(read_journal(self.records()[-1] / "journal.jsonl"))

    def ticks(self) -> str:
        return "".join(line[3] for line in self.show(TASKS_FILE).splitlines() if line.startswith("- ["))


MakeWorld = Callable[..., World]


@pytest.fixture
def world(
    make_repository: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., World]:
    def make(
        tasks: str = THREE, files: dict[str, str] | None = None, *, tools: bool = True, quick: bool = False
    ) -> World:
        made = World(make_repository(tasks, files), tmp_path / "cache", ScriptedModel())

        @contextmanager
        def opened(settings: Settings, **more: Any) -> Iterator[Handle]:
            yield Handle(model=made.model, name="scripted", tools=tools, kind="fake")

        monkeypatch.setattr(driver, "open_model", opened)
        if quick:
            # Where only documents are written the suite is not what is tested, and takes most of the time.
            empty = TestRun(
                tests=[], exit_code=5, counts={}, command=["pytest"], seconds=0.0, timed_out=False, collected=0
            )
            monkeypatch.setattr(Bench, "run_tests", lambda self, *arguments, **more: empty.model_copy(deep=True))
        return made

    return make


def snapshot(root: Path) -> dict[str, Any]:
    """All of the user's checkout that a run must leave alone, git's index and branch included."""
    files = {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and not path.relative_to(root).parts[0].startswith((".git", ".kfpilot"))
    }
    return {
        "files": files,
        "status": git(root, "status", "--porcelain", "--ignored"),
        "staged": git(root, "diff", "--cached"),
        "head": (root / ".git/HEAD").read_bytes(),
        "main": git(root, "rev-parse", "main"),
    }


def text_of(messages: Sequence[Any]) -> str:
    return "\n".join(str(message.content) for message in messages)


FIRST = """**Tests first**: they must fail before the implementation.

- [ ] T001 [US1] Write the failing tests of double and triple in tests/test_double.py
- [ ] T002 [US1] Create `double(price)` in shop/double.py (depends on T001)
- [ ] T003 [US1] Create `triple(price)` in shop/triple.py (depends on T001)
"""
FIRST_TEST = (
    "tests/test_double.py",
    "def test_double():\n    from shop.double import double\n\n    assert double(2) == 4\n\n\n"
    "def test_triple():\n    from shop.triple import triple\n\n    assert triple(2) == 6\n",
)
