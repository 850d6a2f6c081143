"""What a pipeline compiles to, as far as a test of it looks there: a small model does not know the form by heart."""

from __future__ import annotations

from typing import Any

from ...tools.errors import ToolFailure
from .job import Job
from .packet import ShownFile

KEPT = ("dependentTasks", "triggerPolicy", "iteratorPolicy", "parameterIterator", "artifactIterator", "retryPolicy")
LIMIT = 4_000
"""Characters; what is longer costs a small model more than it tells."""


def compiled_outlines(job: Job, pipelines: dict[str, list[str]]) -> list[ShownFile]:
    """The outlines of pipelines.

    Args:
        job: The task; its compiler is asked.
        pipelines: File -> the functions in it.

    Returns:
        Those that compile.
    """
    if job.compiled is None:
        return []
    import yaml

    shown = []
    try:
        modules = job.compiled(list(pipelines))
    except ToolFailure:
        return []
    for module in modules:
        for item in module.objects:
            if item.kind == "pipeline" and item.name in pipelines.get(module.path, []) and item.ir:
                text = yaml.safe_dump(outline(item.ir[0]), sort_keys=False, width=120).rstrip()
                note = f" (what `{item.name}` compiles to, in part)"
                if len(text) <= LIMIT:
                    shown.append(
                        ShownFile(path=f"{item.name}.yaml", note=note, text=text, language="yaml", whole=False)
                    )
    return shown


def outline(spec: dict[str, Any]) -> dict[str, Any]:
    """A compiled pipeline without images, commands and types: names, parameters, tasks and what is set on them."""
    inner = {
        name: {"dag": {"tasks": tasks_of(component)}}
        for name, component in spec.get("components", {}).items()
        if "dag" in component
    }
    root: dict[str, Any] = {}
    parameters = spec.get("root", {}).get("inputDefinitions", {}).get("parameters")
    if parameters:
        root["inputDefinitions"] = {"parameters": parameters}
    root["dag"] = {"tasks": tasks_of(spec.get("root", {}))}
    shown: dict[str, Any] = {"pipelineInfo": {"name": spec.get("pipelineInfo", {}).get("name", "")}, "root": root}
    return shown | ({"components": inner} if inner else {})


def tasks_of(component: dict[str, Any]) -> dict[str, Any]:
    """The tasks of a part of a pipeline, each with what tests look for."""
    return {
        name: {key: task[key] for key in KEPT if key in task} | reference(task)
        for name, task in component.get("dag", {}).get("tasks", {}).items()
    }


def reference(task: dict[str, Any]) -> dict[str, Any]:
    """Where the tasks of a condition or a loop stand."""
    name = task.get("componentRef", {}).get("name", "")
    inner = name.startswith(("comp-condition", "comp-for-loop", "comp-exit-handler"))
    return {"componentRef": {"name": name}} if inner else {}
