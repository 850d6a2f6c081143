"""Reads a feature's spec, plan and tasks, finds the feature that is meant, and ticks tasks byte-exactly."""

from .feature import load_feature
from .models import Feature, Plan, Spec, Task, TaskList
from .plan import parse_plan, parse_plan_text
from .resolve import leading_feature, list_features, resolve_feature, unquoted
from .spec import parse_spec, parse_spec_text
from .tasks import parse_tasks, parse_tasks_text
from .tick import retarget, tick, tickable, untick

__all__ = [
    "Feature",
    "Plan",
    "Spec",
    "Task",
    "TaskList",
    "leading_feature",
    "list_features",
    "load_feature",
    "parse_plan",
    "parse_plan_text",
    "parse_spec",
    "parse_spec_text",
    "parse_tasks",
    "parse_tasks_text",
    "resolve_feature",
    "retarget",
    "tick",
    "tickable",
    "unquoted",
    "untick",
]
