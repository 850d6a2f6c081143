"""Which files of the ticks are run, and what the outcome says of each tick."""

from __future__ import annotations

import re

from ...tools.kfp_check import KfpModule
from .models import Check, Outcome
from .running import Runner, Seen, uses_kfp
from .ticks import Tick
from .tree import Tree

TEST_FILE = re.compile(r"(?:^|/)(?:test_[^/]*|[^/]*_test)\.py$")
FIRST = re.compile(r"\b(?:red phase|tdd|failing|must fail|should fail|expected to fail|fails? first)\b", re.I)
"""Words of a test that is meant to fail until its code is there."""
WAITS = re.compile(
    r"ImportError|ModuleNotFoundError|No module named|cannot import name|AttributeError|NotImplementedError"
)


class Wanted:
    """The files to run with the ticks that name them, and afterwards what was seen.

    Args:
        tree: The repository.
        ticks: Their checks of files say which files there are; what running shows is added to them.
    """

    def __init__(self, tree: Tree, ticks: list[Tick]) -> None:
        self.tests: dict[str, list[Tick]] = {}
        self.modules: dict[str, list[Tick]] = {}
        self.seen: dict[str, Seen] = {}
        self.compiled: dict[str, tuple[KfpModule | None, str]] = {}
        for tick in ticks:
            kinds = {claim.path: claim.kind for claim in tick.claims.files}
            for check in tick.checks:
                kind = kinds.get(check.subject, "refers")
                found = check.found if check.rule == "TICK-FILE" else ""
                if not found.endswith(".py") or kind == "removed":
                    continue
                if TEST_FILE.search(found):
                    if kind != "refers" or tick.claims.checks or tick.claims.tests:
                        self.tests.setdefault(found, []).append(tick)
                elif kind != "refers" and uses_kfp(tree.root / found):
                    self.modules.setdefault(found, []).append(tick)

    def judge(self, runner: Runner) -> None:
        """Add to the checks of each tick what running showed."""
        for path, ticks in self.tests.items():
            for tick in ticks:
                tick.checks.append(_test(path, self.seen.get(path), tick))
        for path, ticks in self.modules.items():
            for tick in ticks:
                tick.checks.append(_module(path, *self.compiled.get(path, (None, "not compiled")), tick, runner))


def _test(path: str, seen: Seen | None, tick: Tick) -> Check:
    if seen is None:
        return _check("TICK-TEST", path, "note", f"{path} was not run")
    if seen.outcome == "passed":
        return _check("TICK-TEST", path, "holds", f"{path}: {seen.message}")
    if seen.outcome == "not_run":
        return _check("TICK-TEST", path, "note", f"{path}: {seen.message}")
    if seen.outcome in ("unclear", "skipped"):
        return _check("TICK-TEST", path, "unknown", f"{path}: {seen.message}")
    if seen.outcome == "nothing":
        sure = tick.claims.tests and not tick.claims.doubtful
        return _check("TICK-TEST", path, "false" if sure else "unknown", f"{path} holds no test")
    waiting = _waiting(tick)
    if waiting:
        return _check("TICK-TEST", path, "unknown", seen.message + waiting)
    if FIRST.search(tick.task.title) and WAITS.search(seen.message):
        return _check("TICK-TEST", path, "unknown", f"{seen.message} (the task wants it to fail at first)")
    return _check("TICK-TEST", path, "unknown" if tick.claims.doubtful else "false", seen.message)


def _module(path: str, module: KfpModule | None, why: str, tick: Tick, runner: Runner) -> Check:
    if module is None:
        return _check("TICK-COMPILE", path, "note", f"{path}: {why}")
    bad = next((item for item in module.objects if not item.ok), None)
    if not module.error and bad is None:
        names = ", ".join(f"{item.kind} `{item.name}`" for item in module.objects)
        if not names:
            return _check("TICK-COMPILE", path, "note", f"{path} defines no component or pipeline of its own")
        return _check("TICK-COMPILE", path, "holds", f"{path}: {names} compiled")
    fault = module.error or (bad.error if bad else "")
    said = f"{path}:{bad.line}: {bad.kind} `{bad.name}` does not compile: {bad.error}" if bad else ""
    message = " ".join((module.error or said).split())[:400]
    waiting = _waiting(tick) if WAITS.search(fault) else ""
    if waiting:
        return _check("TICK-COMPILE", path, "unknown", message + waiting)
    sure = not module.foreign and runner.compile_fault(fault, path)
    return _check("TICK-COMPILE", path, "false" if sure else "unknown", message)


def _waiting(tick: Tick) -> str:
    keys = [task.key for task in tick.waits_for()]
    return f" (tasks are still open: {', '.join(keys[:3])}{' …' if keys[3:] else ''})" if keys else ""


def _check(rule: str, subject: str, outcome: Outcome, message: str) -> Check:
    return Check(rule=rule, subject=subject, outcome=outcome, message=message)
