"""A small project with one task for each role, and a job on each of its tasks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kfpilot.agent.documents import load_feature
from kfpilot.agent.planner.build import build_plan
from kfpilot.agent.settings import Settings
from kfpilot.agent.workers.job import Job
from kfpilot.agent.workers.project import tree_of

FILES = {
    "README.md": "# Parcels\n\nPipelines over the parcels of a depot.\n",
    "pyproject.toml": '[project]\nname = "parcels"\nversion = "0.1.0"\ndependencies = ["kfp==2.17.0"]\n',
    "flows/__init__.py": "",
    "flows/read_parcels.py": '''"""Component that reads parcels."""

from kfp import dsl


@dsl.component(base_image="python:3.11")
def read_parcels(depot: str, parcels: dsl.Output[dsl.Dataset]):
    """Writes the parcels of a depot.

    Args:
        depot: Name of the depot.
        parcels: CSV with the columns id and kilos.
    """
    with open(parcels.path, "w") as target:
        target.write("id,kilos\\n")
''',
    "flows/parcel_flow.py": '''"""Pipeline over parcels."""

from kfp import dsl

from flows.read_parcels import read_parcels


@dsl.pipeline(name="parcel-flow")
def parcel_flow(depot: str = "north"):
    """Reads the parcels of a depot.

    Args:
        depot: Name of the depot.
    """
    read_parcels(depot=depot)
''',
    "tests/test_read_parcels.py": """from kfp import dsl

from flows.read_parcels import read_parcels


def test_writes_the_header(tmp_path):
    parcels = dsl.Dataset(name="parcels", uri=str(tmp_path / "parcels.csv"))
    read_parcels.python_func(depot="north", parcels=parcels)
    assert (tmp_path / "parcels.csv").read_text() == "id,kilos\\n"
""",
    ".specify/memory/constitution.md": """# Constitution

## Core Principles

### I. Small components

A component does one thing
and stands in a file of its own.

### [PRINCIPLE_2_NAME]

[PRINCIPLE_2_DESCRIPTION]

## Governance

Reviews look at it.
""",
    "specs/001-heavy-parcels/spec.md": """# Feature Specification: Heavy Parcels

## User Scenarios & Testing

### User Story 1 - Heavy parcels stand out (Priority: P1)

A driver sees which parcels need two people.

**Acceptance Scenarios**:

1. **Given** parcels of 5 and 40 kilos, **When** the step runs, **Then** it keeps the one of 40 kilos

### Edge Cases

- A parcel of exactly the limit is heavy.

## Requirements

### Functional Requirements

- **FR-001**: The step MUST keep the parcels of at least `limit` kilos.
- **FR-002**: The tests MUST run on every push.
""",
    "specs/001-heavy-parcels/plan.md": """# Implementation Plan: Heavy Parcels

## Summary

A component `keep_heavy` is added.

## Technical Context

**Language/Version**: Python 3.11
**Primary Dependencies**: kfp 2.17.0
**Storage**: N/A
**Performance Goals**: fast
**Constraints**: No new packages

## Constitution Check

*GATE: Must pass before Phase 0 research.*

- Small components: yes
""",
    "specs/001-heavy-parcels/tasks.md": """# Tasks: Heavy Parcels

## Phase 1: Heavy parcels

- [ ] T001 [US1] Create the component `keep_heavy(parcels, heavy, limit=30.0)` in flows/keep_heavy.py (FR-001)
- [ ] T002 [US1] Test `read_parcels` further in tests/test_parcels.py (FR-001)
  - the columns are id and kilos
- [ ] T003 [US1] Describe the pipeline in docs/parcel_flow.md
- [ ] T004 Add a GitHub workflow in .github/workflows/tests.yml that runs the tests (FR-002)
- [ ] T005 [US1] Create the component `weigh(parcels)` in flows/weigh.py with tests in tests/test_weigh.py
""",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The project's folder."""
    root = tmp_path / "parcels"
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return root


@pytest.fixture
def job_of(project: Path) -> Callable[[str], Job]:
    """Makes the job of a task; its `notes` collect nothing, its events go to `job_of.events`."""
    feature = load_feature(project / "specs" / "001-heavy-parcels", project)
    plan = build_plan(feature)
    events: list[Any] = []

    def make(task: str) -> Job:
        return Job(
            task=next(item for item in plan.tasks if item.id == task),
            feature=feature,
            worktree=project,
            base="HEAD",
            settings=Settings(),
            emit=events.append,
            tree=tree_of(project),
        )

    make.events = events  # type: ignore[attr-defined]
    return make
