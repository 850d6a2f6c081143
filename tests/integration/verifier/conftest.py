"""A worktree of a small repository in which gates judge changes, with the real checkers."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from kfpilot.agent.documents import load_feature
from kfpilot.agent.documents.models import Feature
from kfpilot.agent.planner.build import build_plan
from kfpilot.agent.planner.models import PlannedTask
from kfpilot.agent.settings import Settings
from kfpilot.agent.verifier.bench import Bench
from kfpilot.agent.verifier.context import GateContext
from kfpilot.agent.verifier.models import Verdict
from kfpilot.agent.verifier.verify import verify
from kfpilot.tools import git
from kfpilot.tools.kfp_check import KfpChecker
from kfpilot.tools.mutation_run import MutationRunner

LIGHT = [word for name in ("hypothesispytest", "syrupy", "anyio") for word in ("-p", f"no:{name}")]
"""Plugins of our own environment that cost most of a second in every run of pytest."""


@pytest.fixture(scope="module")
def checker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KfpChecker]:
    """One process that has imported kfp, for all tests here."""
    with KfpChecker(Path(sys.executable), places=[tmp_path_factory.getbasetemp()]) as made:
        yield made


@pytest.fixture(scope="module")
def mutation() -> Iterator[MutationRunner]:
    """One process that runs tests on changed code, for all tests here."""
    with MutationRunner(Path(sys.executable)) as made:
        yield made


@dataclass
class Scene:
    """A worktree of a small repository, and the plan of its feature."""

    root: Path
    worktree: Path
    base: str
    feature: Feature
    plan: list[PlannedTask]
    bench: Bench

    def write(self, changes: Mapping[str, str | None]) -> None:
        for path, content in changes.items():
            file = self.worktree / path
            if content is None:
                file.unlink()
                continue
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content, encoding="utf-8")

    def task(self, key: str = "T001") -> PlannedTask:
        return next(task for task in self.plan if task.id == key)

    def judge(
        self,
        changes: Mapping[str, str | None],
        *gates: str,
        key: str = "T001",
        red: dict[str, list[str]] | None = None,
        later: list[str] | None = None,
    ) -> Verdict:
        """Make the changes and let the named gates (all of the task's if none) judge them."""
        self.write(changes)
        task = self.task(key)
        if gates:
            task = task.model_copy(update={"gates": list(gates)})
        keys = [other.id for other in self.plan][[other.id for other in self.plan].index(key) + 1 :]
        ctx = GateContext(
            task=task,
            feature=self.feature,
            worktree=self.worktree,
            base=self.base,
            bench=self.bench,
            later=[self.task(other) for other in (keys if later is None else later)],
            red=red or {},
        )
        return verify(ctx)

    def commit(self) -> None:
        self.base = git.commit_all(self.worktree, "work", "", {})


MakeScene = Callable[..., Scene]


@pytest.fixture
def scene(
    make_repository: Callable[..., Path], tmp_path: Path, checker: KfpChecker, mutation: MutationRunner
) -> MakeScene:
    def make(tasks: str, files: Mapping[str, str] | None = None, *, python: Path | None = None) -> Scene:
        root = make_repository(tasks, files)
        repo = git.open_repo(root)
        worktree = git.add_worktree(repo, tmp_path / "worktree", git.head(repo))
        feature = load_feature(worktree / "specs/001-prices", worktree)
        settings = Settings(python=python or Path(sys.executable), gate_timeout=60, test_command=LIGHT)
        bench = Bench(root, settings)
        if python is None:
            bench.checker, bench.mutation = checker, mutation
        return Scene(root, worktree, git.head(repo), feature, build_plan(feature).tasks, bench)

    return make


CODE = "- [ ] T001 Create `double(price)` in shop/double.py (FR-001)"
TESTS = "- [ ] T001 Test `single` in tests/test_more.py"
DOUBLE = {"shop/double.py": "def double(price):\n    return 2 * price\n"}


def refused(verdict: Verdict, gate: str, *words: str) -> None:
    """That gate, and no other, refused; its findings say these words."""
    assert [done.gate for done in verdict.gates if not done.passed] == [gate], verdict.feedback()
    text = verdict.feedback()
    for word in words:
        assert word in text, text
    assert not verdict.passed


def accepted(verdict: Verdict) -> None:
    assert verdict.passed, verdict.feedback()
