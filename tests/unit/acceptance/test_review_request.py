"""What the reviewer is told of the work besides the diff."""

from __future__ import annotations

from typing import Any

from kfpilot.agent.acceptance.models import Row, TestLink
from kfpilot.agent.acceptance.request import ReviewedTask, gate_lines, render, unseen_lines
from kfpilot.agent.verifier.models import GateResult


def task(key: str, *not_verified: str, said: str = "") -> ReviewedTask:
    gates = [GateResult(gate="local", passed=True, summary="nothing could be run", not_verified=list(not_verified))]
    return ReviewedTask(id=key, title="t", role="code", state="verified", said=said, gates=gates)


def request(world: Any, *tasks: ReviewedTask, rows: tuple[Row, ...] = ()) -> str:
    return render(world.feature, rows, tasks, "")[1]


def test_what_a_gate_noted_stands_below_it() -> None:
    notes = ["shop/keep.py:2: `<` → `<=` is noticed by no test", "x" * 300]
    lines = gate_lines([GateResult(gate="mutation", passed=True, summary="10 of 12", notes=notes)])
    assert lines[:2] == ["mutation: 10 of 12", f"  {notes[0]}"] and len(lines[2]) == 202
    many = gate_lines([GateResult(gate="ir", passed=True, summary="9 changes", notes=list("abcdefghi"))])
    assert many == ["ir: 9 changes", "  a", "  b", "  c", "  d", "  e", "  and 4 more"]


def test_what_was_not_verified_is_said_once_and_without_advice() -> None:
    text = "locally: component keep: there is no value for `rows`"
    tasks = [task("T001", f"{text}: write a scenario in kfpilot-scenarios.yaml"), task("T002", text, "links")]
    assert unseen_lines(tasks) == [f"{text} (T001, T002)", "links (T002)"]
    many = unseen_lines([task("T001", *(f"thing {number}" for number in range(30)))])
    assert len(many) == 13 and many[-1] == "and 18 more"


def test_it_is_not_said_again_for_each_row(world: Any) -> None:
    row = {"kind": "requirement", "text": "t", "where": "s.md:1", "verdict": "partly", "reason": "T001 verified"}
    rows = tuple(Row(id=f"FR-00{number}", unseen=["no value for `rows`"], **row) for number in range(6))
    text = request(world, task("T001", "no value for `rows`"), rows=rows)
    assert text.count("no value for `rows`") == 1 and text.count("T001 verified") == 6


def test_a_worker_says_what_it_left_undone_in_one_line(world: Any) -> None:
    text = request(world, task("T001", said="Done.\n>>>abc\nREADME.md was not mine to write. " + "x" * 400))
    (line,) = (line for line in text.splitlines() if "its worker says" in line)
    assert "Done. >>>abc README.md was not mine to write." in line and len(line) < 270
    assert "its worker says" not in request(world, task("T001"))


def test_the_tests_of_a_row_are_the_nearest_ones(world: Any) -> None:
    links = [
        TestLink(nodeid=f"tests/test_a.py::test_{number}", outcome="passed", link="task", speaks=number == 2)
        for number in range(5)
    ]
    row = Row(id="FR-001", kind="requirement", text="t", where="s:1", verdict="met", reason="r", tests=links)
    assert "FR-001: met; r; tests: tests/test_a.py::test_2\n" in request(world, rows=(row,))
