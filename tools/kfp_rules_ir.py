"""What only the compiled pipeline shows: K04, K10 to K15, where the source left it open."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from typing import Any

from .findings import Finding
from .kfp_check import KfpModule, KfpObject
from .kfp_rules_components import image_message, loose_image
from .kfp_rules_impure import impure, network
from .kfp_rules_policy import (
    CREDENTIAL,
    caching_message,
    environment_message,
    filled_in,
    limit_message,
    no_limit_message,
    quantity,
    retry_message,
)
from .kfp_source import Definition, Function, Problem, Source
from .syntax import parse_python

GROUP = re.compile(r"comp-(?:for-loop|condition|condition-branches|exit-handler)-\d+$")
RING = re.compile(r"the tasks (.+) wait for each other")


def problems(source: Source, module: KfpModule, found: list[Finding], policies: frozenset[str]) -> Iterator[Problem]:
    """What the compiled forms of a module's components and pipelines show beside what its source has shown.

    Args:
        source: The module's source.
        module: What compiling it gave, with the documents.
        found: What its source has shown; that is not said again.
        policies: What the team has asked for.
    """
    for item in module.objects:
        definition = next((known for known in source.definitions if known.node.lineno == item.line), None)
        if definition is None:
            continue
        said = Said(definition, found)
        if item.kind == "pipeline":
            yield from pipeline_problems(item, definition, said, source, policies)
        elif item.ok and item.ir:
            for image in item.images:
                loose = loose_image(image)
                default = item.kind == "component" and "base_image" not in definition.settings
                if loose and not default and not said.rule("K04"):
                    message = image_message(f"component `{item.name}`", image, loose)
                    yield Problem("K04", item.line, definition.node.col_offset + 1, message)


class Said:
    """What the source of one function has shown already.

    Args:
        definition: The function.
        found: All findings of its module.
    """

    def __init__(self, definition: Definition, found: list[Finding]) -> None:
        last = definition.node.end_lineno or definition.node.lineno
        self.found = [item for item in found if definition.first_line <= item.line <= last]

    def rule(self, *rules: str, line: int = 0, text: str = "") -> bool:
        """Whether one of these rules has spoken, at that line, with that text."""
        return any(
            item.rule in rules and (not line or item.line == line) and text in item.message for item in self.found
        )


def pipeline_problems(
    item: KfpObject, definition: Definition, said: Said, source: Source, policies: frozenset[str]
) -> Iterator[Problem]:
    """What the compiled form of a pipeline shows."""
    place = (item.line, definition.node.col_offset + 1)
    ring = RING.search(item.error)
    if ring and not said.rule("K14"):
        yield Problem(
            "K14", *place, f"the tasks {ring[1]} wait for each other: the pipeline compiles and the run never gets to "
            "them. Remove an .after().",
        )  # fmt: skip
    if not item.ir:
        return
    ir, platform = item.ir[0], item.ir[1:]
    root = ir.get("root", {})
    wired = json.dumps([root, platform])
    for name in root.get("inputDefinitions", {}).get("parameters", {}):
        parameter = next((known for known in definition.parameters if known.arg == name), None)
        if parameter is None or f'"componentInputParameter": "{name}"' in wired:
            continue
        if (
            name.startswith("_")
            or said.rule("K06", "K08", "K15", "K17", text=f"`{name}")
            or said.rule("K06", text=name)
        ):
            continue
        yield Problem(
            "K15", parameter.lineno, parameter.col_offset + 1,
            f"no task of pipeline `{item.name}` gets its parameter `{name}`: it is used only while the pipeline is "
            "compiled, so whoever sets it changes nothing. Pass it to a task, or remove it.",
        )  # fmt: skip
    for component, task, container, call in tasks_of(ir, root.get("dag", {}), definition):
        where = (call.lineno, call.col_offset + 1) if call else place
        yield from task_problems(component, task, container, where, said, policies)


def task_problems(
    component: str,
    task: dict[str, Any],
    container: dict[str, Any],
    where: tuple[int, int],
    said: Said,
    policies: frozenset[str],
) -> Iterator[Problem]:
    """What the compiled form of one task shows."""
    for entry in container.get("env", []):
        name, value = str(entry.get("name", "")), str(entry.get("value", ""))
        if CREDENTIAL.search(name) and not filled_in(value) and not said.rule("K10", text=f"`{name}`"):
            yield Problem("K10", *where, environment_message(name))
    resources = container.get("resources", {})
    missing = []
    for what in ("cpu", "memory"):
        title = what.capitalize()
        request, limit = (str(resources.get(f"resource{title}{kind}", "")) for kind in ("Request", "Limit"))
        asked, most = quantity(request), quantity(limit)
        if asked is not None and most is not None and asked > most and not said.rule("K11", text=f"`{component}`"):
            yield Problem("K11", *where, limit_message(component, what, request, limit))
        if not limit:
            missing.append(what)
    if "limits" in policies and missing and container and not said.rule("K11", line=where[0]):
        yield Problem("K11", *where, no_limit_message(component, missing), "warning")
    function = source_of(container, component)
    if function is None:
        return
    reach = network(function)
    retries = int(task.get("retryPolicy", {}).get("maxRetryCount", 0))
    if "retries" in policies and reach and not retries and not said.rule("K12", line=where[0]):
        yield Problem("K12", *where, retry_message(component, reach))
    depends = impure(function)
    if depends and task.get("cachingOptions", {}).get("enableCache") and not said.rule("K13", line=where[0]):
        yield Problem("K13", *where, caching_message(component, depends))


def tasks_of(
    ir: dict[str, Any], dag: dict[str, Any], definition: Definition
) -> Iterator[tuple[str, dict[str, Any], dict[str, Any], ast.Call | None]]:
    """The tasks of a pipeline, those in its loops and conditions included: component, task, container, call."""
    executors = ir.get("deploymentSpec", {}).get("executors", {})
    for name, task in dag.get("tasks", {}).items():
        reference = task.get("componentRef", {}).get("name", "")
        component = ir.get("components", {}).get(reference, {})
        if "dag" in component:
            if GROUP.match(reference):
                yield from tasks_of(ir, component["dag"], definition)
            continue
        container = executors.get(component.get("executorLabel", ""), {}).get("container", {})
        base, number = plain(reference)
        yield base, task, container, nth_call(definition, base, max(number, plain(name)[1]))


def plain(name: str) -> tuple[str, int]:
    """The Python name in `comp-load-data-2`, and the number."""
    match = re.fullmatch(r"(?:comp-)?(.+?)(?:-(\d+))?", name)
    assert match is not None
    return match[1].replace("-", "_"), int(match[2] or 1)


def nth_call(definition: Definition, component: str, number: int) -> ast.Call | None:
    """The call that made a task: kfp numbers the tasks of one component as they come."""
    calls = []
    for node in ast.walk(definition.node):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func).rpartition(".")[2] if isinstance(node.func, (ast.Name, ast.Attribute)) else ""
            if re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") == component:
                calls.append(node)
    calls.sort(key=lambda node: (node.lineno, node.col_offset))
    if not calls:
        return None
    return calls[number - 1] if number <= len(calls) else calls[0]


def source_of(container: dict[str, Any], component: str) -> Function | None:
    """The function of a lightweight component, from the command that carries it."""
    for part in container.get("command", []):
        if f"def {component}(" not in part:
            continue
        try:
            tree = parse_python(part)
        except (SyntaxError, ValueError):
            return None
        return next(
            (node for node in ast.walk(tree) if isinstance(node, Function) and node.name == component), None
        )  # fmt: skip
    return None
