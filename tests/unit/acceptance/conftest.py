"""A feature with a tree of its own: documents, code and tests as files, outcomes as given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from kfpilot.agent.acceptance.models import Row, TaskEvidence
from kfpilot.agent.acceptance.table import build_table
from kfpilot.agent.documents import load_feature
from kfpilot.agent.documents.models import Feature
from kfpilot.agent.planner.classify import classify
from kfpilot.tools.pytest_run import TestCase, TestRun

SPEC = """# Feature Specification: Prices

### User Story 1 - Prices are doubled (Priority: P1)

A shop doubles its prices.

**Acceptance Scenarios**:

1. **Given** a price of 2, **When** it is doubled, **Then** the shop shows 4
2. **Given** a price below zero, **When** it is doubled, **Then** an error says that the price is negative

## Requirements

- **FR-001**: A price MUST be doubled
- **FR-002**: A page MUST describe the prices
- **FR-003**: A price MUST be printed with two decimals
- **FR-004**: The function `round_price` MUST round to whole cents

## Success Criteria

- **SC-001**: 95 % of the users find the price within a minute
- **SC-002**: A thousand prices are doubled within 2 seconds
"""
TASKS = """# Tasks: Prices

## Phase 1: Work

- [x] T001 [US1] Create `double(price)` in shop/double.py (FR-001)
- [x] T002 [US1] Test `double` in tests/test_double.py (FR-001)
- [x] T003 Describe the prices in docs/prices.md (FR-002)
- [x] T004 Add `round_price` to shop/rounding.py
"""
DOUBLE = "def double(price):\n    return 2 * price\n\n\ndef other(price):\n    return price\n"
TEST = "from shop.double import double\n\n\ndef test_twice():\n    assert double(2) == 4\n"


class World:
    """The feature's tree, and the table over it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.states: dict[str, str] = {}
        self.gates: dict[str, list[str]] = {"T003": ["scope", "files", "docs"]}
        self.not_verified: dict[str, list[str]] = {}
        self.noticed: dict[str, int] = {}
        self.earlier: dict[str, list[str]] = {}
        self.write("specs/001-prices/spec.md", SPEC)
        self.write("specs/001-prices/tasks.md", TASKS)
        self.write("shop/double.py", DOUBLE)

    def write(self, path: str, text: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text, encoding="utf-8")

    @property
    def feature(self) -> Feature:
        return load_feature(self.root / "specs/001-prices", self.root)

    def table(self, outcomes: Mapping[str, str], broken: str = "") -> dict[str, Row]:
        """The rows by id, when the tests of these node ids ended so."""
        feature = self.feature
        tasks = {
            task.key: TaskEvidence(
                key=task.key,
                roles=classify(task, feature),
                optional=task.optional,
                state=self.states.get(task.key, "verified"),  # type: ignore[arg-type]
                commit=task.key.lower() * 10,
                files=task.files,
                gates=self.gates.get(task.key, ["scope", "tests"]),
                not_verified=self.not_verified.get(task.key, []),
                noticed=self.noticed.get(task.key),
                earlier=self.earlier.get(task.key, []),
            )
            for task in feature.tasks.tasks
        }
        cases = [
            TestCase(nodeid=nodeid, file=nodeid.partition("::")[0], outcome=outcome)  # type: ignore[arg-type]
            for nodeid, outcome in outcomes.items()
        ]
        run = TestRun(tests=cases, exit_code=0, counts={}, command=[], seconds=1.0, broken=broken)
        return {row.id: row for row in build_table(feature, tasks, run, self.root)}

    def with_test(self, source: str, *names: str, outcome: str = "passed", file: str = "tests/test_double.py") -> dict:
        """The rows when one test file holds this, and its tests ended so."""
        self.write(file, source)
        return self.table({f"{file}::{name}": outcome for name in names})


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def spec_of(world: World) -> Callable[[str], World]:
    """The world with another specification."""

    def change(text: str) -> World:
        world.write("specs/001-prices/spec.md", text)
        return world

    return change
