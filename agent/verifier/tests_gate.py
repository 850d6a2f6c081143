"""The gate that runs the project's tests: nothing that passed is lost, the task's own tests pass or rightly wait."""

from __future__ import annotations

from ...tools.pytest_run import TestCase, TestRun, regressions
from ..planner.checkpoints import is_checkpoint
from ..planner.paths import role_of_path
from .adapted import adapted_later
from .collected import holds_tests
from .context import GateContext
from .models import GateResult, TestFirst
from .red_green import GOOD, greened, overdue, right_reason
from .static_gates import result

NO_TESTS = 5
"""pytest's exit code when it collected nothing."""

NO_PASS = {
    "skipped": "is skipped, so it shows nothing",
    "xfailed": "is expected to fail (xfail) and fails, so it shows that the work is not done",
    "xpassed": "is expected to fail (xfail) and passes; take the mark away, as it is the test cannot fail",
}


def gate_tests(ctx: GateContext) -> GateResult:
    """The whole suite: what passed before passes still, the task's tests pass (or wait for a task still to come)."""
    run = ctx.bench.latest = ctx.bench.run_tests(ctx.worktree)
    failures = broken_run(run)
    first: list[TestFirst] = []
    warnings: list[str] = []
    if not failures:
        failures += [f"imported from elsewhere, not from the files under work: {name}" for name in run.foreign]
        before, first, warnings = adapted_later(ctx, run)
        if before is not None:
            lost = regressions(before, run)
            failures += [f"passed before and does not now: {line}{later_change(ctx, line)}" for line in lost]
        wrong, own = new_failures(ctx, run)
        failures += wrong
        first += own
        late = overdue(ctx, run)
        if not late:
            done, doubts = greened(ctx)
            first += done
            warnings += doubts
        failures += late
        warnings += no_passes(ctx, run)
        failures += [line for line in not_all_pass(ctx, run) if line not in failures]
    counts = dict(run.counts)
    red = len(ctx.found_red)
    waiting = f", {red} {'file waits' if red == 1 else 'files wait'} for a later task" if red else ""
    good = f"{counts.get('passed', 0)} passed, {counts.get('skipped', 0)} skipped{waiting}"
    return result(
        "tests",
        failures,
        good,
        command=run.command,
        exit_code=run.exit_code,
        counts=counts,
        seconds=round(run.seconds, 2),
        warnings=warnings,
        test_first=first,
    )


def not_all_pass(ctx: GateContext, run: TestRun) -> list[str]:
    """What is wrong with a checkpoint, which says that all tests pass: those that fail, whatever they wait for."""
    if not is_checkpoint(ctx.feature.task(ctx.task.id)):
        return []
    if not run.tests:
        return ["the task says that all tests pass, and pytest collected none"]
    bad = [case for case in run.tests if case.outcome in ("failed", "error")]
    return [f"the task says that all tests pass: {told(case, '')}" for case in bad]


def broken_run(run: TestRun) -> list[str]:
    """pytest itself did not get through. No test at all is no breakage: `new_failures` asks for those it needs."""
    if not run.broken or (run.exit_code == NO_TESTS and not run.timed_out):
        return []
    return [f"{run.broken}: {run.output[-1500:]}".rstrip(": \n")]


def own_tests(ctx: GateContext) -> list[str]:
    """The files with tests that the task writes or names; fixtures, helpers and data are none."""
    mine = set(ctx.tests)
    if "tests" in (ctx.task.role, *ctx.task.also):
        mine |= {path for path in ctx.task.files if role_of_path(path) == "tests"}
    return sorted(path for path in mine if holds_tests(ctx, path))


def later_change(ctx: GateContext, line: str) -> str:
    """A way out, where a task still to come is to change the file of a test that this one breaks: the author's."""
    path = line.partition("::")[0]
    if path in ctx.task.files or ctx.task.role == "tests":
        return ""
    key = next((task.key for task in ctx.feature.tasks.tasks if path in task.files and task.state == "open"), "")
    if not key or key == ctx.task.id:
        return ""
    return (
        f"\n{key} is to change {path}, and comes after this task. If the test demands what this task ends,"
        f" name {path} in the text of this task too"
    )


def new_failures(ctx: GateContext, run: TestRun) -> tuple[list[str], list[TestFirst]]:
    """Tests of the task that do not pass; those that rightly wait for code of a later task are evidence instead."""
    failures: list[str] = []
    first: list[TestFirst] = []
    for path in own_tests(ctx):
        cases = [case for case in run.tests if case.file == path]
        if not any(case.outcome in GOOD or case.outcome in ("failed", "error") for case in cases):
            skipped = [case for case in cases if case.outcome in NO_PASS]
            failures.append(f"{path}: {'every test is skipped' if skipped else 'pytest collected no test from it'}")
        bad = [case for case in cases if case.outcome in ("failed", "error")]
        reasons = [right_reason(ctx, case) for case in bad]
        if bad and all(owners for owners, _ in reasons):
            waits = sorted({owner for owners, _ in reasons for owner in owners})
            ctx.found_red[path] = waits
            first.append(TestFirst(file=path, waits=waits, why="; ".join(dict.fromkeys(why for _, why in reasons))))
        else:
            # Those that rightly wait are nothing to mend.
            failures += [told(case, why) for case, (owners, why) in zip(bad, reasons, strict=True) if not owners]
    return failures, first


def told(case: TestCase, why: str) -> str:
    """A failing test in words, with what is known to be wrong with it."""
    hint = f" ({why})" if why else ""
    return f"{case.nodeid} {case.outcome}{hint}: {case.message}"


def no_passes(ctx: GateContext, run: TestRun) -> list[str]:
    """Tests of the task that did not fail and did not pass either."""
    mine = set(own_tests(ctx))
    return [
        f"{case.nodeid} {NO_PASS[case.outcome]}" + (f": {case.message}" if case.message else "")
        for case in run.tests
        if case.file in mine and case.outcome in NO_PASS
    ]
