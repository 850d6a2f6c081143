"""Tests that hold what a task is to change, and that a later task is to adapt to it."""

from __future__ import annotations

import re

from ...tools.pytest_run import TestCase, TestRun
from ..planner.models import PlannedTask
from ..planner.paths import own_files
from .context import GateContext
from .models import TestFirst
from .red_green import NOT_YET

ADAPTS = re.compile(
    r"^\W*(?:(?:adapt|adjust|amend|align|revise|correct)\w*\b"
    r"|(?:update|change|rework)\w*\b.*\b(?:assert\w*|expect\w*|existing|exact|to match)\b)",
    re.I,
)
"""How a task says that tests are to hold something else from now on. "Update tests/test_x.py" may be no more than new
tests in an old file: the old ones hold as they are, and must not be broken before."""


def adapted_later(ctx: GateContext, run: TestRun) -> tuple[TestRun | None, list[TestFirst], list[str]]:
    """The tests before, without those that rightly fail now because a later task adapts them.

    A test that asserts the steps of a pipeline fails when a step is added, and the code role may not touch it. Where
    the tasks say that a later one adapts this file to the change, the test waits for that task, which must then have
    it pass. Only an assertion may fail so; a test that is gone or cannot be collected counts as lost.

    Returns:
        The tests before; the evidence; a warning for each file.
    """
    before = ctx.bench.baseline
    if before is None:
        return None, [], []
    passed = {case.nodeid for case in before.tests if case.outcome == "passed"}
    excused: dict[str, list[TestCase]] = {}
    owners: dict[str, str] = {}
    for case in run.tests:
        if case.nodeid in passed and case.outcome == "failed" and NOT_YET.search(case.message):
            owner = next((task.id for task in ctx.later if adapts(task, case.file, ctx.task.id)), "")
            if owner and case.file not in ctx.changed:
                excused.setdefault(case.file, []).append(case)
                owners[case.file] = owner
    gone = {case.nodeid for cases in excused.values() for case in cases}
    rest = before.model_copy(update={"tests": [case for case in before.tests if case.nodeid not in gone]})
    first, warnings = [], []
    for path, cases in excused.items():
        ctx.found_red[path] = [owners[path]]
        first.append(TestFirst(file=path, waits=[owners[path]], why="asserts what this task changes"))
        names = ", ".join(case.nodeid.rpartition("::")[2] for case in cases[:3])
        more = f" and {len(cases) - 3} more" if len(cases) > 3 else ""
        warnings.append(f"{path}: {names}{more} passed before and fails until {owners[path]} adapts it")
    return rest, first, warnings


def adapts(task: PlannedTask, path: str, changing: str) -> bool:
    """Whether a task of the tests is there to adapt a file to what another task changes."""
    return (
        task.role == "tests"
        and changing in task.depends_on
        and path in own_files(task)
        and ADAPTS.search(task.title) is not None
    )
