"""The gate that runs the pipelines of a change on this machine, and says what that cannot show."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import BaseModel, ConfigDict

from ...tools.errors import ToolFailure
from ...tools.kfp_check import KfpModule, KfpObject
from ...tools.kfp_local import LocalRun
from ...tools.kfp_local_plan import Survey, survey
from ...tools.kfp_scenarios import FILE_NAME, Scenario, load_scenarios
from ..documents.models import Feature
from .bench import Bench
from .compiled import compiled, compiled_base
from .context import GateContext
from .local_judge import Outcome, judge
from .local_values import Case, cases_of, documents_text
from .models import GateResult
from .running_gates import dependants, touched_modules
from .static_gates import result

RUN_LIMIT = 30.0
"""Seconds for one run: a step that trains for an hour is not tried here."""
ALL_RUNS_LIMIT = 60.0
"""Seconds for all runs of a gate; what is left over then is named."""
LOCALLY = "locally: "
"""Begins each thing that a local run could not show; the report says `not verified` before it."""


class Subject(BaseModel):
    """A pipeline or component that the change has altered.

    Attributes:
        path: Its file.
        item: It, compiled.
        before: It as it was, if it was there.
    """

    model_config = ConfigDict(extra="forbid")

    path: str
    item: KfpObject
    before: KfpObject | None = None

    @property
    def label(self) -> str:
        """For messages."""
        return f"{self.item.kind} {self.item.name}"


def gate_local(ctx: GateContext) -> GateResult:
    """The pipelines of the change run on this machine, as far as there are values for their parameters."""
    if not ctx.bench.settings.local_runs:
        return result("local", [], "switched off", not_verified=[LOCALLY + "switched off by the setting local_runs"])
    subjects = subjects_of(ctx)
    if not subjects:
        return result("local", [], "no pipeline or component changed that can be run")
    tally = Tally()
    scenarios = tally.load(ctx.feature, ctx.worktree)
    text = documents_text(ctx.feature)
    waits = any(task.role == "code" for task in ctx.later)
    deadline = time.monotonic() + ALL_RUNS_LIMIT
    for subject in subjects:
        seen = survey(subject.item.ir)
        cases, missing = cases_of(subject.item, scenarios, text, ctx.worktree, ctx.read(subject.path))
        ran = False
        for case in cases if not seen.blockers else []:
            outcome = run_case(ctx.bench, subject, case, seen, ctx.worktree, deadline, waits=waits)
            if case.source == "made" and outcome.seen != "failure":
                # That something comes of what nobody would give it shows little: it is no run that passed.
                ran = ran or outcome.seen in ("shown", "passed")
            else:
                tally.add(subject, outcome)
        tally.leftovers(subject, seen, missing, ran=ran)
    return tally.result()


class Tally(BaseModel):
    """What the runs of a gate come to."""

    runs: int = 0
    passed: int = 0
    shown: int = 0
    failures: list[str] = []
    warnings: list[str] = []
    unseen: list[str] = []
    names: list[str] = []

    def load(self, feature: Feature, root: Path) -> list[Scenario]:
        """The scenarios of the repository and of the feature; a file that is wrong is told, and counts for nothing."""
        found: list[Scenario] = []
        for folder in dict.fromkeys((root, feature.directory)):
            try:
                found += load_scenarios(folder / FILE_NAME)
            except ToolFailure as error:
                self.unseen.append(LOCALLY + str(error))
        return found

    def leftovers(self, subject: Subject, seen: Survey, missing: Iterable[str], *, ran: bool = False) -> None:
        """What the runs cannot show, or why there were none; `ran` means with inputs of ours."""
        names = ", ".join(f"`{name}`" for name in missing)
        if seen.blockers:
            self.tell(subject, f"not run: {'; '.join(seen.blockers)}")
        elif names:
            how = "run with made-up inputs alone" if ran else "not run"
            self.tell(subject, f"{how}, there is no value for {names}: write a scenario in {FILE_NAME}")
        else:
            if seen.blind:
                self.tell(subject, f"a run leaves things out: {'; '.join(seen.blind)}")
            if seen.ignored:
                self.tell(subject, "; ".join(seen.ignored))

    def add(self, subject: Subject, outcome: Outcome) -> None:
        """Count a run."""
        self.runs += 1
        if outcome.seen in ("shown", "passed"):
            self.passed += 1
            self.shown += outcome.seen == "shown"
            if subject.item.name not in self.names:
                self.names.append(subject.item.name)
        elif outcome.seen == "failure":
            self.failures.append(f"{subject.path}:{subject.item.line}: {subject.label} {outcome.text}")
        else:
            self.tell(subject, outcome.text)
            if outcome.seen == "doubt":
                self.warnings.append(f"{subject.path}:{subject.item.line}: {subject.label} {outcome.text}")

    def tell(self, subject: Subject, text: str) -> None:
        """Something that was not shown."""
        line = f"{LOCALLY}{subject.label}: {' '.join(text.split())}"
        if line not in self.unseen:
            self.unseen.append(line)

    def result(self) -> GateResult:
        """The gate's result."""
        good = f"{self.passed} of {self.runs} runs on this machine passed" if self.runs else "nothing could be run"
        good += f" ({', '.join(self.names)})" if self.names else ""
        counts = {"runs": self.runs, "passed": self.passed, "shown": self.shown}
        return result("local", self.failures, good, counts=counts, warnings=self.warnings, not_verified=self.unseen)


def subjects_of(ctx: GateContext) -> list[Subject]:
    """Pipelines whose compiled form the change has altered, and altered components that none of them uses."""
    touched = touched_modules(ctx)
    if not touched:
        return []
    modules = compiled(ctx, touched + dependants(ctx, touched))
    # Whoever asks about a finished tree wants to see it run, whether or not something has changed since.
    old = {} if ctx.asked else compiled_base(ctx, [module.path for module in modules])
    changed = [
        Subject(path=module.path, item=item, before=before)
        for module in modules
        for item in module.objects
        if item.ok and item.ir
        for before in [as_it_was(old.get(module.path), item)]
        if (before is None or before.ir != item.ir)
    ]
    pipelines = [subject for subject in changed if subject.item.kind == "pipeline"]
    used = {name for subject in pipelines for name in component_names(subject.item)}
    alone = [
        subject
        for subject in changed
        if subject.item.kind == "component" and subject.path in touched and subject.item.ir_name not in used
    ]
    return pipelines + alone


def as_it_was(module: KfpModule | None, item: KfpObject) -> KfpObject | None:
    """The object of that name at the base."""
    return next((old for old in module.objects if old.name == item.name and old.ok), None) if module else None


def component_names(item: KfpObject) -> set[str]:
    """Names of the components that a pipeline uses, without the numbers that tell copies apart."""
    names = {name.removeprefix("comp-") for name in item.ir[0].get("components", {})}
    return names | {re.sub(r"-\d+$", "", name) for name in names}


def run_case(
    bench: Bench, subject: Subject, case: Case, seen: Survey, root: Path, deadline: float, *, waits: bool
) -> Outcome:
    """Make one run and judge it."""
    if case.problem:
        return judge_problem(case, waits=waits)
    left = min(RUN_LIMIT, deadline - time.monotonic(), bench.settings.gate_timeout)
    if left <= 1:
        return Outcome(seen="unseen", text=f"not run {case.title}: the time for local runs is used up")
    run = run_once(bench, subject.item, case, left)
    outcome = judge(case, run, subject.item, seen, root, waits=waits)
    if outcome.seen == "failure" and case.scenario is None and subject.before is not None:
        before = run_once(bench, subject.before, case, left)
        if before.failure is not None and run.failure is not None and before.failure.error == run.failure.error:
            return Outcome(seen="doubt", text=f"{outcome.text} (it did so before the task)")
    return outcome


def judge_problem(case: Case, *, waits: bool) -> Outcome:
    """A scenario that cannot be run as it is written."""
    text = f"not run {case.title}: {case.problem}"
    return Outcome(seen="unseen", text=f"{text}; code is still to come" if waits else text)


def run_once(bench: Bench, item: KfpObject, case: Case, timeout: float) -> LocalRun:
    """Run it, unless the very same has been run already."""
    files = {name: [str(path), path.stat().st_mtime_ns] for name, path in case.files.items()}
    what = json.dumps([item.ir, case.arguments, files, case.made, item.kind], sort_keys=True, default=str)
    key = hashlib.sha256(what.encode()).hexdigest()
    done = bench.local_done.get(key)
    if done is None:
        runner = bench.local_runner()
        component = item.kind != "pipeline"
        with TemporaryDirectory(prefix="kfpilot-made-") as folder:
            made = {name: Path(folder) / name for name in case.made}
            for name, path in made.items():
                path.write_text(case.made[name], encoding="utf-8")
            files_given = {**case.files, **made}
            done = runner.run(item.ir, case.arguments, files_given, component=component, timeout=timeout)
        bench.local_done[key] = done
    return done
