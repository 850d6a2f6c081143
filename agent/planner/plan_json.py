"""The plan as `kfpilot plan --json` prints it: a stable shape for other programs."""

from __future__ import annotations

from typing import Any

from .models import ExecutionPlan

TASK_KEYS = ("id", "title", "role", "story", "priority", "files", "depends_on", "gates", "refs")


def plan_json(plan: ExecutionPlan) -> dict[str, Any]:
    """Feature, waves of tasks, what is skipped and why, warnings with code, message and line."""
    return {
        "feature": plan.feature,
        "waves": [
            [{key: value for key, value in task.model_dump(mode="json").items() if key in TASK_KEYS} for task in wave]
            for wave in plan.waves
        ],
        "skipped": [entry.model_dump(mode="json") for entry in plan.skipped],
        "warnings": [warning.model_dump(mode="json") for warning in plan.warnings],
    }
