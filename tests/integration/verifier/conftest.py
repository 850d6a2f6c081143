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
from kfpilot.agent.verifier.models import GateResult, Verdict
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


TASKS = """- [ ] T001 [US1] Test `keep` in tests/test_keep.py
- [ ] T002 [US1] Create `keep(rows, least)` in shop/keep.py
- [ ] T003 [US1] Describe the prices in docs/prices.md
"""
KEEP = """def keep(rows, least=1):
    kept = [row for row in rows if row["price"] >= least]
    for row in kept:
        row["total"] = row["price"] * row["count"]
    return kept
"""
GOOD = """from shop.keep import keep


def test_keep():
    rows = [{"price": 1, "count": 2}, {"price": 0, "count": 1}, {"price": 3, "count": 2}]
    assert keep(rows) == [{"price": 1, "count": 2, "total": 2}, {"price": 3, "count": 2, "total": 6}]
    assert keep([{"price": 1, "count": 1}], 2) == []
"""
TEST = "tests/test_keep.py"


@pytest.fixture(scope="module")
def processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[KfpChecker, MutationRunner]]:
    places = [tmp_path_factory.getbasetemp()]
    with KfpChecker(Path(sys.executable), places=places) as checker, MutationRunner(Path(sys.executable)) as mutation:
        yield checker, mutation


class Checkout:
    """A worktree of a small repository whose tasks are judged."""

    def __init__(self, root: Path, worktree: Path, processes: tuple[KfpChecker, MutationRunner]) -> None:
        self.worktree = worktree
        self.feature = load_feature(worktree / "specs/001-prices", worktree)
        self.plan = {task.id: task for task in build_plan(self.feature).tasks}
        self.bench = Bench(root, Settings(python=Path(sys.executable), gate_timeout=60, test_command=LIGHT))
        self.bench.checker, self.bench.mutation = processes
        self.base = git.head(git.open_repo(worktree))

    def write(self, changes: Mapping[str, str]) -> None:
        for path, content in changes.items():
            (self.worktree / path).parent.mkdir(parents=True, exist_ok=True)
            (self.worktree / path).write_text(content, encoding="utf-8")

    def commit(self, changes: Mapping[str, str] | None = None) -> str:
        self.write(changes or {})
        self.base = git.commit_all(self.worktree, "work", "", {})
        self.bench.baseline = None
        return self.base

    def judge(
        self,
        changes: Mapping[str, str],
        *gates: str,
        key: str = "T001",
        later: tuple[str, ...] = (),
        red: dict[str, list[str]] | None = None,
        all_gates: bool = False,
    ) -> Verdict:
        self.write(changes)
        task = self.plan[key].model_copy(update={"gates": list(gates)} if gates else {})
        ctx = GateContext(
            task=task,
            feature=self.feature,
            worktree=self.worktree,
            base=self.base,
            bench=self.bench,
            later=[self.plan[name] for name in later],
            red=red or {},
        )
        return verify(ctx, all_gates=all_gates)


MakeCheckout = Callable[..., Checkout]


@pytest.fixture
def checkout(
    make_repository: Callable[..., Path], tmp_path: Path, processes: tuple[KfpChecker, MutationRunner]
) -> MakeCheckout:
    def make(tasks: str = TASKS, files: Mapping[str, str] | None = None) -> Checkout:
        root = make_repository(tasks, files)
        repo = git.open_repo(root)
        return Checkout(root, git.add_worktree(repo, tmp_path / "worktree", git.head(repo)), processes)

    return make


def gate(verdict: Verdict, name: str) -> GateResult:
    return next(done for done in verdict.gates if done.gate == name)
