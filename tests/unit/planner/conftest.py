"""Tasks and features, written down in few words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kfpilot.agent.documents.models import (
    Feature,
    Phase,
    Task,
    TaskList,
)
from kfpilot.agent.planner.models import ExecutionPlan

ROOT = Path("/nowhere/orders")
SETUP = Phase(title="Phase 1: Setup", number=1, kind="setup", line=1)
BASE = Phase(title="Phase 2: Foundational", number=2, kind="foundational", line=100)
FIRST = Phase(title="Phase 3: User Story 1 (Priority: P2)", number=3, kind="story", stories=["US1"], line=200)
SECOND = Phase(title="Phase 4: User Story 2 (Priority: P1)", number=4, kind="story", stories=["US2"], line=300)
POLISH = Phase(title="Phase 5: Polish", number=5, kind="polish", line=400)
PHASES = [SETUP, BASE, FIRST, SECOND, POLISH]


def task(number: int, title: str, phase: Phase | None = FIRST, *files: str, **more: Any) -> Task:
    fields: dict[str, Any] = {
        "key": f"T{number:03}",
        "id": f"T{number:03}",
        "title": title,
        "files": list(files),
        "line": (phase.line if phase else 0) + number,
        "phase": phase.title if phase else None,
        "phase_number": phase.number if phase else None,
        "stories": phase.stories if phase else [],
    }
    return Task(**(fields | more))


def feature(*tasks: Task, root: Path = ROOT, **more: Any) -> Feature:
    listed = TaskList(path=root / "specs/001-late/tasks.md", tasks=list(tasks), phases=PHASES, **more.pop("tasks", {}))
    return Feature(name="001-late", root=root, directory=root / "specs/001-late", tasks=listed, **more)


def waves(plan: ExecutionPlan) -> list[list[str]]:
    return [[task.id for task in wave] for wave in plan.waves]


def needs(plan: ExecutionPlan) -> dict[str, list[str]]:
    return {task.id: task.depends_on for task in plan.tasks}
