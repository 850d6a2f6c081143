"""OpenSpec keeps what a change demands in deltas: they are its requirements, and their scenarios its acceptance."""

from __future__ import annotations

from pathlib import Path

import pytest
from kfpilot.agent.acceptance.models import TaskEvidence
from kfpilot.agent.acceptance.table import build_table
from kfpilot.agent.documents import load_feature
from kfpilot.agent.documents.models import Feature
from kfpilot.agent.planner.classify import classify
from kfpilot.agent.planner.cover import covering, criteria
from kfpilot.agent.planner.models import PlannedTask
from kfpilot.agent.workers.packet import requirements_of
from kfpilot.agent.workers.project import project_of
from kfpilot.tools.pytest_run import TestCase, TestRun

DELTA = """## ADDED Requirements

### Requirement: Late orders
The system SHALL list every order that is late.

#### Scenario: An order is three days late
- **WHEN** an order of Monday was not sent on Thursday
- **THEN** it is listed with 3 days
- **AND** its customer is told

## MODIFIED Requirements

### Requirement: Nightly mail
The system SHALL send one mail a night.

#### Scenario: A night without orders
- **WHEN** nothing is late
- **THEN** no mail is sent

## REMOVED Requirements

### Requirement: Weekly mail
**Reason**: the nightly one is enough

## RENAMED Requirements
- FROM: `### Requirement: Colours`
- TO: `### Requirement: Colors`
"""
TASKS = """## 1. Lateness

- [ ] 1.1 Add `list_late` in shop/late.py: every late order with its days
- [ ] 1.2 Tests in tests/test_late.py for late orders

## 2. Mail

- [ ] 2.1 Send the mail of a night in shop/mail.py, none where there is nothing to tell
"""
SETTINGS = (
    "schema: spec-driven\ncontext: |\n  Python 3.11,\n  csv only.\n\n  - Amounts are cents\nrules:\n  tasks: [short]\n"
)
TEST = """from shop.late import list_late


def test_days():
    # An order of Monday that was not sent on Thursday is listed with 3 days, and its customer told.
    assert list_late(["monday"], "thursday") == [3]
"""


@pytest.fixture
def change(tmp_path: Path) -> Path:
    folder = tmp_path / "openspec/changes/add-late"
    (folder / "specs/orders").mkdir(parents=True)
    (folder / "proposal.md").write_text("## Why\n\nOrders are late.\n", encoding="utf-8")
    (folder / "tasks.md").write_text(TASKS, encoding="utf-8")
    (folder / "specs/orders/spec.md").write_text(DELTA, encoding="utf-8")
    (tmp_path / "openspec/config.yaml").write_text(SETTINGS, encoding="utf-8")
    return folder


def load(folder: Path) -> Feature:
    return load_feature(folder, folder.parents[2])


def test_the_deltas_are_the_requirements_of_a_change(change: Path) -> None:
    spec = load(change).spec
    assert spec is not None
    assert [(item.id, item.kind, item.line) for item in spec.requirements] == [
        ("Late orders", "REQ", 3),
        ("Nightly mail", "REQ", 13),
        ("Weekly mail", "REMOVED", 22),
    ]
    (scenario,) = spec.requirements[0].scenarios
    assert scenario.title == "An order is three days late"
    assert scenario.when == "an order of Monday was not sent on Thursday"
    assert scenario.then.startswith("it is listed with 3 days") and "its customer is told" in scenario.then


def test_deltas_without_a_proposal_and_what_a_proposal_says_itself(change: Path) -> None:
    (change / "proposal.md").write_text("## What\n\n- **FR-001**: Late orders MUST be listed\n", encoding="utf-8")
    (change / "specs/orders/spec.md").write_text(
        "## ADDED Requirements\n\n### Requirement: FR-001 Late\nx\n\n#### Scenario: Late 1\n- **WHEN** y\n",
        encoding="utf-8",
    )
    assert [item.id for item in criteria(load(change))] == ["FR-001"]
    (change / "proposal.md").write_text(
        "## User Stories\n\n### User Story 1 - FR-001 Late (Priority: P1)\n\n1. **Given** x, **When** y, **Then** z\n",
        encoding="utf-8",
    )
    assert [item.id for item in criteria(load(change))] == ["US1/AS1"]
    (change / "proposal.md").unlink()
    assert [item.id for item in criteria(load(change))] == ["FR-001 Late: Late 1"]


def test_every_scenario_is_a_criterion_of_the_tasks_that_have_its_words(change: Path) -> None:
    feature = load(change)
    found = {item.id: item for item in criteria(feature)}
    late, night = "Late orders: An order is three days late", "Nightly mail: A night without orders"
    assert list(found) == [late, night]
    assert found[late].path == "openspec/changes/add-late/specs/orders/spec.md" and found[late].line == 6
    assert [cover.task for cover in covering(found[late], feature)] == ["1.1"]
    assert [cover.task for cover in covering(found[night], feature)] == ["2.1"]


def test_workers_are_told_requirements_scenarios_and_the_settings_context(change: Path) -> None:
    feature = load(change)
    task = PlannedTask(id="1.1", title=feature.task("1.1").title, role="code", files=["shop/late.py"])
    told = requirements_of(feature, task)
    assert told[0] == "Late orders: The system SHALL list every order that is late."
    assert told[1].startswith("Late orders: An order is three days late: WHEN an order of Monday")
    assert told[-1].startswith("Weekly mail: (to be removed)")
    project = project_of(feature)
    assert project.context == ["Python 3.11, csv only.", "Amounts are cents"]
    assert "specs/orders/spec.md" in project.documents


def test_of_many_requirements_those_with_words_of_the_task_are_told(change: Path) -> None:
    more = "".join(f"### Requirement: Colour {n}\nThe system SHALL paint wall {n}.\n\n" for n in range(20))
    (change / "specs/orders/spec.md").write_text(DELTA.replace("## MODIFIED", f"{more}## MODIFIED"), encoding="utf-8")
    feature = load(change)
    task = PlannedTask(id="1.1", title=feature.task("1.1").title, role="code", files=["shop/late.py"])
    assert [line.partition(":")[0] for line in requirements_of(feature, task)] == ["Late orders", "Late orders"]


def verdicts(change: Path, source: str, states: dict[str, str]) -> dict[str, str]:
    root = change.parents[2]
    for path, text in {"tests/test_late.py": source, "shop/late.py": "def list_late(days, now): ...\n"}.items():
        (root / path).parent.mkdir(exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    feature = load(change)
    tasks = {
        task.key: TaskEvidence(
            key=task.key,
            roles=classify(task, feature),
            state=states.get(task.key, "verified"),  # type: ignore[arg-type]
            files=task.files,
        )
        for task in feature.tasks.tasks
    }
    case = TestCase(nodeid="tests/test_late.py::test_days", file="tests/test_late.py", outcome="passed")
    run = TestRun(tests=[case], exit_code=0, counts={}, command=[], seconds=1.0, broken="")
    return {row.id.partition(":")[0]: row.verdict for row in build_table(feature, tasks, run, root)}


def test_a_scenario_is_met_by_a_test_of_its_tasks_that_has_its_words_or_its_title(change: Path) -> None:
    assert verdicts(change, TEST, {}) == {"Late orders": "met", "Nightly mail": "partly"}
    named = TEST.partition("    #")[0] + '    """An order is three days late."""\n    assert list_late([1], 4) == [3]\n'
    assert verdicts(change, named, {})["Late orders"] == "met"
    silent = TEST.replace("# An order of Monday", "# X").partition("# X")[0] + "assert list_late([], 0) == []\n"
    assert verdicts(change, silent, {})["Late orders"] == "partly"
    assert verdicts(change, TEST, {"1.1": "open"})["Late orders"] == "partly"
    assert verdicts(change, TEST, {"2.1": "open"})["Nightly mail"] == "open"
