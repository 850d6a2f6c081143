"""The KFP lint in the gate: a task's own errors fail it, its doubts are told, what was there before is told only."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kfpilot.agent.documents import load_feature
from kfpilot.agent.planner.build import build_plan
from kfpilot.agent.settings import Settings
from kfpilot.agent.verifier.bench import Bench
from kfpilot.agent.verifier.context import GateContext
from kfpilot.agent.verifier.models import GateResult
from kfpilot.agent.verifier.running_gates import gate_kfp
from kfpilot.tools import git

pytestmark = pytest.mark.integration

TASK = "- [ ] T001 Create the component `report(count)` in shop/report.py (FR-001)"
HEAD = "import json\n\nfrom kfp import dsl\n\n\n"
BROKEN = '@dsl.component(base_image="python:3.11")\ndef report(count: int) -> str:\n    return json.dumps(count)\n'
MENDED = (
    '@dsl.component(base_image="python:3.11")\ndef report(count: int) -> str:\n    import json\n\n'
    "    return json.dumps(count)\n"
)
LOOSE = (
    '\n\n@dsl.component(base_image="python:3.11", packages_to_install=["pandas"])\ndef other(count: int) -> int:\n'
    "    return count\n"
)

Judge = Callable[..., GateResult]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with Bench(tmp_path_factory.mktemp("bench"), Settings(python=Path(sys.executable), gate_timeout=60)) as made:
        yield made


@pytest.fixture
def judge(make_repository: Callable[..., Path], tmp_path: Path, bench: Bench) -> Judge:
    def judged(new: str, *, old: str | None = None) -> GateResult:
        root = make_repository(TASK, {"shop/report.py": old} if old is not None else None)
        repo = git.open_repo(root)
        worktree = git.add_worktree(repo, tmp_path / "worktree", git.head(repo))
        feature = load_feature(worktree / "specs/001-prices", worktree)
        (worktree / "shop/report.py").write_text(new, encoding="utf-8")
        task = build_plan(feature).tasks[0]
        return gate_kfp(GateContext(task=task, feature=feature, worktree=worktree, base=git.head(repo), bench=bench))

    return judged


def test_an_error_of_the_task_fails_with_place_and_mend(judge: Judge) -> None:
    result = judge(HEAD + BROKEN)

    assert not result.passed
    assert len(result.failures) == 1
    assert result.failures[0].startswith("shop/report.py:8: K01 component `report` uses `json`")


def test_a_doubt_on_the_tasks_own_lines_is_told_and_fails_nothing(judge: Judge) -> None:
    result = judge(HEAD + MENDED + LOOSE)

    assert result.passed, result.failures
    assert len(result.warnings) == 1 and "K03" in result.warnings[0]


def test_what_was_wrong_before_is_told_only(judge: Judge) -> None:
    result = judge(HEAD + BROKEN + LOOSE + "\n\nLIMIT = 3\n", old=HEAD + BROKEN + LOOSE)

    assert result.passed, result.failures
    assert len(result.warnings) == 1
    assert "K01" in result.warnings[0] and "was so before" in result.warnings[0]


def test_a_task_does_not_excuse_itself(judge: Judge) -> None:
    excused = BROKEN.replace("json.dumps(count)", "json.dumps(count)  # kfpilot: ignore[K01] it is fine")

    result = judge(HEAD + excused)

    assert not result.passed
    assert "K01" in result.failures[0]
    assert "this task added a comment that ignores K01" in result.warnings[0]


def test_an_excuse_of_the_team_counts(judge: Judge) -> None:
    excused = BROKEN.replace("json.dumps(count)", "json.dumps(count)  # kfpilot: ignore[K01] the image has a hook")

    result = judge(HEAD + excused + "\n\nLIMIT = 3\n", old=HEAD + excused)

    assert result.passed and result.warnings == []
