"""What a pipeline compiles to, as far as a test of it looks there: a small model does not know the form by heart."""

from __future__ import annotations

from typing import Any

from ...tools.errors import ToolFailure
from .job import Job
from .packet import ShownFile

KEPT = ("dependentTasks", "triggerPolicy", "iteratorPolicy", "parameterIterator", "artifactIterator", "retryPolicy")
IMPORTED = ("artifactUri", "reimport")
LIMIT = 4_000
"""Characters; what is longer costs a small model more than it tells."""


def compiled_outlines(job: Job, pipelines: dict[str, list[str]], *, full: bool = False) -> list[ShownFile]:
    """The outlines of pipelines.

    Args:
        job: The task; its compiler is asked.
        pipelines: File -> the functions in it.
        full: With what tasks are given, and with limits and importers.

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
                text = yaml.safe_dump(outline(item.ir[0], full=full), sort_keys=False, width=120).rstrip()
                note = f" (what `{item.name}` compiles to, in part)"
                if len(text) <= LIMIT:
                    shown.append(
                        ShownFile(path=f"{item.name}.yaml", note=note, text=text, language="yaml", whole=False)
                    )
    return shown


def outline(spec: dict[str, Any], *, full: bool = False) -> dict[str, Any]:
    """A compiled pipeline without images, commands and types: names, parameters, tasks and what is set on them.

    Args:
        spec: Its document.
        full: With what tasks are given, and with limits and importers.
    """
    inner = {
        name: {"dag": {"tasks": tasks_of(component, full)}}
        for name, component in spec.get("components", {}).items()
        if "dag" in component
    }
    root: dict[str, Any] = {}
    parameters = spec.get("root", {}).get("inputDefinitions", {}).get("parameters")
    if parameters:
        root["inputDefinitions"] = {"parameters": parameters}
    root["dag"] = {"tasks": tasks_of(spec.get("root", {}), full)}
    shown: dict[str, Any] = {"pipelineInfo": {"name": spec.get("pipelineInfo", {}).get("name", "")}, "root": root}
    shown |= {"components": inner} if inner else {}
    executors = executors_of(spec) if full else {}
    return shown | ({"deploymentSpec": {"executors": executors}} if executors else {})


def executors_of(spec: dict[str, Any]) -> dict[str, Any]:
    """What of the executors tests look for: limits, and where importers read."""
    shown: dict[str, Any] = {}
    for name, executor in spec.get("deploymentSpec", {}).get("executors", {}).items():
        if resources := executor.get("container", {}).get("resources"):
            shown[name] = {"container": {"resources": resources}}
        elif "importer" in executor:
            shown[name] = {
                "importer": {key: executor["importer"][key] for key in IMPORTED if key in executor["importer"]}
            }
    return shown


def tasks_of(component: dict[str, Any], full: bool = False) -> dict[str, Any]:
    """The tasks of a part of a pipeline, each with what tests look for."""
    kept = (*KEPT, "inputs") if full else KEPT
    return {
        name: {key: task[key] for key in kept if key in task} | reference(task) | (caching(task) if full else {})
        for name, task in component.get("dag", {}).get("tasks", {}).items()
    }


def caching(task: dict[str, Any]) -> dict[str, Any]:
    """How a task is cached, where that is not as usual."""
    options = task.get("cachingOptions")
    return {} if options in (None, {"enableCache": True}) else {"cachingOptions": options}


def reference(task: dict[str, Any]) -> dict[str, Any]:
    """Where the tasks of a condition or a loop stand."""
    name = task.get("componentRef", {}).get("name", "")
    inner = name.startswith(("comp-condition", "comp-for-loop", "comp-exit-handler"))
    return {"componentRef": {"name": name}} if inner else {}
