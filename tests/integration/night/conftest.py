"""A repository with several features and, for each, a record of answers. Git is real; the model is a replay."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from kfpilot.agent.cli.app import main
from kfpilot.agent.night.models import Night
from kfpilot.agent.verifier.bench import Bench
from kfpilot.tools.pytest_run import TestRun

ROOT = Path(__file__).parents[3]
PAGE = "# {name}\n\n`price()` in `shop/price.py` is the price.\n"
BAD_PAGE = "# {name}\n\n`prize()` in `shop/prize.py` is the price.\n"
FILES = {
    "pyproject.toml": '[tool.pytest.ini_options]\npythonpath = ["."]\n',
    ".gitignore": "__pycache__/\n",
    "shop/__init__.py": "",
    "shop/price.py": "def price():\n    return 2\n",
}


@pytest.fixture(scope="session")
def backlog_benchmark() -> ModuleType:
    """benchmarks/backlog.py, which is no package."""
    spec = importlib.util.spec_from_file_location("backlog_benchmark", ROOT / "benchmarks/backlog.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def git(root: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True, text=True).stdout


@dataclass
class Village:
    """A repository, its features, and the nights over it."""

    root: Path
    records: Path
    answer: Callable[..., dict[str, Any]]
    options: list[str] = field(default_factory=list)

    def add(
        self, name: str, *pages: str, spec: str = "# Feature Specification: A page\n", tasks: int = 1, more: str = ""
    ) -> None:
        """A feature whose tasks write a page each; the answers in order, the last one again for each later attempt."""
        lines = [f"- [ ] T00{number} Describe the price in docs/{name}-{number}.md" for number in range(1, tasks + 1)]
        home = self.root / "specs" / name
        home.mkdir(parents=True)
        (home / "tasks.md").write_text("# Tasks\n\n" + "\n".join(lines) + "\n" + more, encoding="utf-8")
        (home / "spec.md").write_text(spec, encoding="utf-8")
        (home / "plan.md").write_text("# Plan\n", encoding="utf-8")
        answers = pages or (PAGE.format(name=name),)
        rows = [
            self.answer(f"T00{number}: Describe the price in docs/{name}-{number}.md", f"docs/{name}-{number}.md", page)
            for number in range(1, tasks + 1)
            for page in answers
        ]
        self.record(name).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")

    def record(self, name: str) -> Path:
        return self.records / f"{name}.jsonl"

    def commit(self) -> None:
        git(self.root, "add", "--all")
        git(self.root, "commit", "--quiet", "--allow-empty", "-m", "start")

    def backlog(self, features: Mapping[str, str], head: str = "", *, path: str = "backlog.yaml") -> None:
        """Write backlog.yaml: name -> further keys, and commit all."""
        listed = "".join(
            f"  - path: specs/{name}\n    model: replay:{self.record(name)}\n{more}" for name, more in features.items()
        )
        (self.root / path).write_text(f"{head}features:\n{listed}", encoding="utf-8")
        self.commit()

    def night(self, *options: str) -> int:
        """`kfpilot nightly`, in this process; returns the exit code."""
        with pytest.raises(SystemExit) as end:
            main(["nightly", "--repo", str(self.root), "--quiet", *self.options, *options])
        return int(end.value.code or 0)

    def latest(self) -> Night:
        folder = max((self.root / ".kfpilot/nights").iterdir())
        return Night.model_validate_json((folder / "nightly.json").read_text(encoding="utf-8"))

    def states(self) -> dict[str, str]:
        return {item.entry.name: item.state for item in self.latest().items}

    def branches(self) -> list[str]:
        return git(self.root, "branch", "--list", "kfpilot/*", "--format=%(refname:short)").split()


@pytest.fixture
def village(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, backlog_benchmark: ModuleType) -> Village:
    """Only documents are written, so the suite is not what is tested: it is not run."""
    empty = TestRun(tests=[], exit_code=5, counts={}, command=["pytest"], seconds=0.0, timed_out=False, collected=0)
    monkeypatch.setattr(Bench, "run_tests", lambda self, *arguments, **more: empty.model_copy(deep=True))
    monkeypatch.setenv("KFPILOT_PYTHON", sys.executable)
    monkeypatch.setenv("KFPILOT_REFINE", "never")
    monkeypatch.setenv("KFPILOT_ATTEMPTS", "2")
    root, records = tmp_path / "shop", tmp_path / "records"
    records.mkdir()
    for path, text in FILES.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    git(root.parent, "init", "--quiet", "--initial-branch=main", root.name)
    return Village(root, records, backlog_benchmark.answer)
