"""Every seeded phantom tick is contradicted, no clean twin is, and nothing uncertain is."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest
from kfpilot.agent.audit.audit import audit
from kfpilot.agent.audit.models import Audit, TickAudit
from kfpilot.agent.settings import Settings

SEEDED = runpy.run_path(str(Path(__file__).parents[2] / "seeded" / "audit_cases.py"))
CASES, QUIET = SEEDED["CASES"], SEEDED["QUIET"]


def audited(root: Path, *, run: bool) -> Audit:
    return audit(root, [], lambda _: Settings(), run=run)[0]


def ticks_of(result: Audit) -> dict[str, TickAudit]:
    return {tick.path: tick for feature in result.features for tick in feature.ticks}


@pytest.fixture(scope="module")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> dict[str, TickAudit]:
    root = SEEDED["repository_of"](tmp_path_factory.mktemp("phantom") / "repo", CASES, clean=False)
    return ticks_of(audited(root, run=True))


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> dict[str, TickAudit]:
    root = SEEDED["repository_of"](tmp_path_factory.mktemp("clean") / "repo", CASES, clean=True)
    return ticks_of(audited(root, run=True))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_phantom_tick_is_contradicted_by_its_rule(case: Any, phantom: dict[str, TickAudit]) -> None:
    tick = phantom[case.document]
    assert tick.verdict == "contradicted", tick
    assert {check.rule for check in tick.checks if check.outcome == "false"} == {case.rule}
    assert tick.line == case.line


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_its_clean_twin_is_not(case: Any, clean: dict[str, TickAudit]) -> None:
    tick = clean[case.document]
    wanted = "unsupported" if case.name == "deleted-since" else "verified"
    assert tick.verdict == wanted, tick


@pytest.mark.parametrize("case", QUIET, ids=lambda case: case.name)
def test_what_is_not_certain_contradicts_nothing(case: Any, tmp_path: Path) -> None:
    document = {"specs/001-a/tasks.md": SEEDED["document_of"](case.task)}
    first, *rest = case.history
    root = SEEDED["commit_history"](tmp_path / "repo", [{**first, **document}, *rest])
    assert audited(root, run=False).totals.contradicted == 0
