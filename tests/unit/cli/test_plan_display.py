"""What `kfpilot plan` prints: readable in 80 columns, whole in a pipe."""

from __future__ import annotations

import io

from kfpilot.agent.cli.plan import show
from kfpilot.agent.planner.models import ExecutionPlan, PlannedTask, PlanWarning, Skipped
from rich.console import Console

LONG = "Create the component `select_orders(orders, selected, status)` in a file [of] the pipeline's components folder"
PLAN = ExecutionPlan(
    feature="001-orders",
    waves=[
        [
            PlannedTask(id="T001", title="Add a workflow", role="infra", files=[".github/workflows/t.yml"]),
            PlannedTask(
                id="T002",
                title=LONG,
                role="code",
                story="US1",
                priority="P1",
                files=["pipelines/components/select_orders.py"],
                gates=["scope", "kfp"],
            ),
        ],
        [PlannedTask(id="T003", title="Test it", role="tests", story="US1", depends_on=["T001", "T002"])],
    ],
    skipped=[
        Skipped(id="T009", why="already ticked"),
        Skipped(id="T010", why="not selected"),
        Skipped(id="T011", why="not selected"),
    ],
    warnings=[PlanWarning(code="phantom-tick", message="T009 names [no] file", line=7)],
)


def shown(plan: ExecutionPlan, *, terminal: bool, width: int = 80) -> list[str]:
    console = Console(width=width, record=True, force_terminal=terminal, file=io.StringIO(), highlight=False)
    show(plan, console)
    return console.export_text().splitlines()


def test_on_a_terminal_each_task_is_one_line_of_its_width() -> None:
    lines = shown(PLAN, terminal=True)
    assert max(map(len, lines)) <= 80
    assert lines[:6] == [
        "001-orders: 3 tasks in 2 waves",
        "",
        "wave 1",
        "  T001  infra          Add a workflow",
        "        .github/workflows/t.yml",
        "  T002  code   US1 P1  Create the component `select_orders(orders, selected, st…",
    ]


def test_files_and_needs_stand_below_their_task() -> None:
    lines = shown(PLAN, terminal=True)
    assert lines[6] == "        pipelines/components/select_orders.py"
    place = lines.index("wave 2")
    assert lines[place + 1 : place + 3] == ["  T003  tests  US1     Test it", "        needs T001, T002"]


def test_in_a_pipe_nothing_is_cut() -> None:
    assert any(LONG in line for line in shown(PLAN, terminal=False))


def test_what_is_left_out_and_the_warnings_follow() -> None:
    text = "\n".join(shown(PLAN, terminal=True))
    assert "gates of code: scope, kfp" in text
    assert "1 already ticked" in text and "left out, not selected: T010, T011" in text
    assert "warning phantom-tick: T009 names [no] file (line 7)" in text


def test_nothing_left() -> None:
    assert shown(ExecutionPlan(feature="001-orders"), terminal=True) == ["001-orders: nothing left to do."]
