"""Journals as a run writes them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kfpilot.agent import events as ev
from kfpilot.agent.acceptance.models import Row, TestLink
from kfpilot.agent.acceptance.review import Review
from kfpilot.agent.planner.models import ExecutionPlan, PlannedTask, PlanWarning, Skipped
from kfpilot.agent.verifier.models import GateResult

RUN = "20300102-030405-late-orders"
BASE = "b" * 40


class Recorder:
    """Writes events with given times, one second apart unless told."""

    def __init__(self, run_dir: Path) -> None:
        self.path = run_dir / "journal.jsonl"
        self.run_dir = run_dir
        run_dir.mkdir(parents=True, exist_ok=True)
        self.now = 1_000_000.0
        self.seq = 0
        self.events: list[Any] = []

    def add(self, event: Any, after: float = 1.0) -> Any:
        self.now += after
        self.seq += 1
        event.at, event.seq = self.now, self.seq
        self.events.append(event)
        with self.path.open("a", encoding="utf-8") as out:
            out.write(event.model_dump_json() + "\n")
        return event

    def start(self, **more: Any) -> None:
        self.add(
            ev.RunStarted(
                run=self.run_dir.name,
                feature="001-late-orders",
                branch="kfpilot/001-late-orders",
                base=BASE,
                model="qwen-coder",
                worker="draft",
                **more,
            )
        )

    def plan(self, tasks: list[PlannedTask], **more: Any) -> None:
        plan = ExecutionPlan(feature="001-late-orders", waves=[[task] for task in tasks], **more)
        self.add(ev.PlanReady(plan=plan.model_dump(mode="json")))

    def attempt(self, task: str, number: int, gates: list[GateResult], of: int = 8, call: bool = True) -> None:
        self.add(ev.AttemptStarted(task=task, attempt=number, of=of))
        if call:
            self.add(
                ev.ModelCalled(
                    task=task,
                    prompt_tokens=1000,
                    cached_tokens=600,
                    completion_tokens=200,
                    seconds=8,
                    overhead_seconds=0.01,
                ),
                after=8,
            )
        for gate in gates:
            self.add(ev.GateFinished(task=task, attempt=number, result=gate.model_dump(mode="json")))
        passed = all(gate.passed for gate in gates)
        why = next((gate.failures[0] for gate in gates if not gate.passed), "")
        self.add(ev.AttemptFinished(task=task, attempt=number, passed=passed, why=why))

    def verified(self, task: str, role: str = "code", gates: list[GateResult] | None = None) -> None:
        self.add(ev.TaskStarted(task=task, role=role, title=f"Title of {task}"))
        self.attempt(task, 1, gates or [gate("files"), gate("kfp")])
        self.add(
            ev.TaskFinished(
                task=task,
                outcome="verified",
                attempts=1,
                commit=f"{task.lower()}{'c' * 36}",
                files=[f"src/{task.lower()}.py"],
                evidence="e" * 64,
                seconds=12,
            )
        )

    def failed(self, task: str, attempts: int = 2, role: str = "code") -> None:
        self.add(ev.TaskStarted(task=task, role=role, title=f"Title of {task}"))
        for number in range(1, attempts + 1):
            self.attempt(task, number, [gate("files"), gate("kfp", f"src/x.py:{number}: late() takes a str")])
        self.add(
            ev.TaskFinished(
                task=task,
                outcome="failed",
                attempts=attempts,
                why="kfp gate failed: late() takes a str",
                patch=f"patches/{task}.patch",
                files=["src/x.py"],
                seconds=30,
            )
        )

    def baseline(self) -> None:
        self.add(ev.BaselineReady(counts={"passed": 4}, coverage=71.25, seconds=2))

    def final(self, passed: bool = True, failures: list[str] | None = None) -> None:
        self.add(
            ev.FinalCheck(
                counts={"passed": 9, "skipped": 1}, coverage=80.5, passed=passed, failures=failures or [], seconds=3
            )
        )

    def finish(self, outcome: Any = "verified", exit_code: int = 0, **more: Any) -> None:
        more.setdefault("head", "d" * 40)
        self.add(ev.RunFinished(outcome=outcome, exit_code=exit_code, branch="kfpilot/001-late-orders", **more))


def gate(name: str, failure: str = "", **more: Any) -> GateResult:
    more.setdefault("summary", f"{name}: one wrong" if failure else f"{name}: all well")
    return GateResult(gate=name, passed=not failure, failures=[failure] if failure else [], seconds=0.5, **more)


def planned(key: str, role: Any = "code", refs: list[str] | None = None, **more: Any) -> PlannedTask:
    return PlannedTask(id=key, title=f"Title of {key}", role=role, refs=refs or [], files=[f"src/{key}.py"], **more)


@pytest.fixture
def recorder(tmp_path: Path) -> Recorder:
    return Recorder(tmp_path / ".kfpilot" / "runs" / RUN)


@pytest.fixture
def whole(recorder: Recorder) -> Recorder:
    """A finished run: three tasks verified, one left out of the plan."""
    recorder.start(words="only US1")
    recorder.plan(
        [planned("T001", refs=["FR-001"]), planned("T002", "tests", ["FR-001", "US1/AS1"]), planned("T003", "docs")],
        skipped=[Skipped(id="T009", why="deferred")],
        warnings=[PlanWarning(code="phantom-tick", message="T000 is ticked, but src/gone.py does not exist", line=12)],
    )
    recorder.baseline()
    recorder.verified("T001", gates=[gate("kfp", not_verified=["the image python:3.11 was not pulled"])])
    recorder.verified("T002", "tests")
    recorder.verified("T003", "docs")
    recorder.final()
    recorder.finish(seconds=60)
    return recorder


@pytest.fixture
def mixed(recorder: Recorder) -> Recorder:
    """A finished run: one verified, one failed, one skipped because of it."""
    recorder.start()
    recorder.plan(
        [planned("T001", refs=["FR-001"]), planned("T002", refs=["FR-001"]), planned("T003", refs=["FR-002"])]
    )
    recorder.baseline()
    recorder.verified("T001")
    recorder.failed("T002")
    recorder.add(ev.TaskFinished(task="T003", outcome="skipped", why="depends on T002, which failed"))
    recorder.final()
    recorder.finish("partly", 1)
    return recorder


@pytest.fixture
def make() -> dict[str, Callable[..., Any]]:
    """The builders of gates and planned tasks."""
    return {"gate": gate, "planned": planned}


@pytest.fixture
def json_lines() -> Callable[[str], Iterator[dict[str, Any]]]:
    def read(text: str) -> Iterator[dict[str, Any]]:
        return (json.loads(line) for line in text.splitlines())

    return read


@pytest.fixture
def rows() -> list[dict[str, Any]]:
    """An acceptance table: one row met, one that nobody thought of, one for people."""
    shown = {"nodeid": "tests/test_t.py::test_it", "outcome": "passed", "link": "task", "by": "T002, uses t001"}
    table = [
        Row(
            id="FR-001", kind="requirement", text="Rows MUST be kept", where="spec.md:7", verdict="met",
            reason="shown", tests=[TestLink.model_validate(shown)], tasks=["T001", "T002"], commits=["t001" + "c" * 36],
        ),
        Row(
            id="FR-002", kind="requirement", text="a | b", where="spec.md:8", verdict="open",
            reason="no task names or covers it", gap=True,
        ),
        Row(
            id="SC-001", kind="criterion", text="Users like it", where="spec.md:9", verdict="not verifiable here",
            reason="needs people who use it", tasks=["T003"],
        ),
    ]  # fmt: skip
    return [row.model_dump(mode="json") for row in table]


@pytest.fixture
def reviewed() -> dict[str, Any]:
    """A review that lowers one verdict and finds one thing."""
    place = {"file": "src/t001.py", "line": 3}
    review = Review.model_validate(
        {
            "lowered": [
                {"id": "FR-001", "before": "met", "verdict": "partly", "reason": "an empty row is not tried", **place}
            ],
            "findings": [
                {"severity": "high", "what": "A row without an amount ends the step", "mend": "Skip it", **place}
            ],
            "refused": 1,
        }
    )
    return review.model_dump(mode="json")
