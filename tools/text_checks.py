"""Checks of files that are not run: YAML, workflows, manifests, TOML, JSON, Python syntax, Markdown.

Every message starts with the line and says only what is surely wrong.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from .commands import command_problems
from .markdown_checks import markdown_problems
from .project_names import Project, near
from .syntax import parse_python

__all__ = [
    "json_problems",
    "manifest_problems",
    "markdown_problems",
    "python_problems",
    "toml_problems",
    "workflow_problems",
    "yaml_problems",
    "yaml_text_problems",
]

Found = Iterator[tuple[int, str]]

TOP_KEYS = {"name", "run-name", "on", "permissions", "env", "defaults", "concurrency", "jobs"}
JOB_KEYS = {
    "name", "permissions", "needs", "if", "runs-on", "snapshot", "environment", "concurrency", "outputs", "env",
    "defaults", "steps", "timeout-minutes", "strategy", "continue-on-error", "container", "services", "uses", "with",
    "secrets",
}  # fmt: skip
STEP_KEYS = {
    "id", "if", "name", "uses", "run", "working-directory", "shell", "with", "env", "continue-on-error",
    "timeout-minutes",
}  # fmt: skip
EVENTS = {
    "branch_protection_rule", "check_run", "check_suite", "create", "delete", "deployment", "deployment_status",
    "discussion", "discussion_comment", "fork", "gollum", "image_version", "issue_comment", "issues", "label",
    "merge_group", "milestone", "page_build", "project", "project_card", "project_column", "public", "pull_request",
    "pull_request_review", "pull_request_review_comment", "pull_request_target", "push", "registry_package", "release",
    "repository_dispatch", "schedule", "status", "watch", "workflow_call", "workflow_dispatch", "workflow_run",
}  # fmt: skip


# --- reading --------------------------------------------------------------------------------------------------------


def _read(path: Path) -> tuple[str, list[str]]:
    """The text of a file, or the one problem that keeps it from being read."""
    try:
        return path.read_text(encoding="utf-8-sig"), []
    except UnicodeDecodeError:
        return "", ["line 1: the file is not UTF-8 text."]
    except OSError as error:
        return "", [f"line 1: the file cannot be read: {error.strerror}."]


def _lines(found: Iterator[tuple[int, str]]) -> list[str]:
    return [f"line {line}: {text}" for line, text in dict.fromkeys(found)]


def _compose(text: str) -> tuple[list[yaml.Node], list[str]]:
    """The documents of a YAML text as nodes (with lines), or what is wrong with it."""
    try:
        return [node for node in yaml.compose_all(text, Loader=yaml.SafeLoader) if node is not None], []
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = error.problem or error.context or "not valid YAML"
        if "'\\t'" in problem:
            problem = "a tab is used for indentation; YAML allows spaces only"
        return [], [f"line {mark.line + 1 if mark else 1}: {problem}."]
    except yaml.YAMLError as error:
        return [], [f"line 1: {str(error).splitlines()[0]}."]


def _entries(node: yaml.Node | None) -> dict[str, tuple[yaml.Node, yaml.Node]]:
    """The entries of a mapping by the text of their key (`on` stays `on`): (key node, value node)."""
    if not isinstance(node, yaml.MappingNode):
        return {}
    return {str(key.value): (key, value) for key, value in node.value}


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _duplicates(node: yaml.Node, seen: set[int]) -> Found:
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        first: dict[str, int] = {}
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value != "<<":
                if key.value in first:
                    yield _line(key), f"the key `{key.value}` is there twice (first in line {first[key.value]})."
                first.setdefault(key.value, _line(key))
            yield from _duplicates(value, seen)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _duplicates(item, seen)


# --- plain formats --------------------------------------------------------------------------------------------------


def yaml_text_problems(text: str) -> list[str]:
    """What keeps a YAML text from being read as it is meant: errors, tabs, keys that are there twice."""
    nodes, problems = _compose(text)
    return problems or _lines(item for node in nodes for item in _duplicates(node, set()))


def yaml_problems(path: Path) -> list[str]:
    """The same for a file; all documents of it are read."""
    text, problems = _read(path)
    return problems or yaml_text_problems(text)


def json_problems(path: Path) -> list[str]:
    """What keeps a JSON file from being read."""
    text, problems = _read(path)
    try:
        if not problems:
            json.loads(text)
    except json.JSONDecodeError as error:
        return [f"line {error.lineno}: {error.msg}."]
    return problems


def toml_problems(path: Path) -> list[str]:
    """What keeps a TOML file from being read."""
    text, problems = _read(path)
    try:
        if not problems:
            tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"\(at line (\d+)", str(error))
        return [f"line {place[1] if place else text.count(chr(10)) + 1}: {str(error).partition(' (at ')[0]}."]
    return problems


def python_problems(path: Path) -> list[str]:
    """What keeps a Python file from being compiled."""
    text, problems = _read(path)
    try:
        if not problems:
            parse_python(text)
    except SyntaxError as error:
        return [f"line {error.lineno or 1}: {error.msg}: {(error.text or '').strip()}".rstrip(": ")]
    except ValueError as error:
        return [f"line 1: {error}."]
    return problems


# --- Kubernetes -----------------------------------------------------------------------------------------------------


def manifest_problems(path: Path) -> list[str]:
    """What a Kubernetes manifest lacks; documents that are none are left alone."""
    text, problems = _read(path)
    nodes, problems = ([], problems) if problems else _compose(text)
    return problems or _lines(item for node in nodes for item in [*_duplicates(node, set()), *_manifest(node)])


def _manifest(node: yaml.Node) -> Found:
    entries = _entries(node)
    if not ({"apiVersion", "kind"} & set(entries)) or "pipelineInfo" in entries:
        return
    for key in ("apiVersion", "kind"):
        if key not in entries or not entries[key][1].value:
            yield _line(node), f"a Kubernetes manifest needs `{key}`."
    kind = str(entries["kind"][1].value) if "kind" in entries else ""
    if kind.endswith("List") or kind in ("Kustomization", "Component", "Config"):
        return
    metadata = _entries(entries["metadata"][1]) if "metadata" in entries else {}
    if not {"name", "generateName"} & set(metadata):
        yield _line(entries["metadata"][0] if "metadata" in entries else node), "the manifest has no `metadata.name`."


# --- GitHub workflows -----------------------------------------------------------------------------------------------


def workflow_problems(path: Path, root: Path | None = None) -> list[str]:
    """What is wrong with a GitHub workflow: its structure, and files of the repository that its steps run.

    Args:
        path: The workflow file.
        root: The repository; the folder that holds `.github` if it is not given.
    """
    text, problems = _read(path)
    nodes, problems = ([], problems) if problems else _compose(text)
    if problems:
        return problems
    if len(nodes) != 1 or not isinstance(nodes[0], yaml.MappingNode):
        return ["line 1: a workflow is one mapping with `on` and `jobs`."]
    if root is None:
        root = next((parent.parent for parent in path.parents if parent.name == ".github"), None)
    project = Project(root) if root is not None else None
    return _lines(iter([*_duplicates(nodes[0], set()), *_workflow(nodes[0], project)]))


def _unknown(entries: dict[str, Any], known: set[str], what: str) -> Found:
    for key, (node, _) in entries.items():
        if key not in known:
            yield _line(node), f"{what} has no key `{key}`.{near(key, known)}"


def _workflow(node: yaml.Node, project: Project | None) -> Found:
    entries = _entries(node)
    yield from _unknown(entries, TOP_KEYS, "a workflow")
    if "on" not in entries:
        yield 1, "the workflow has no `on`: nothing starts it."
    else:
        value = entries["on"][1]
        names = value.value if isinstance(value, yaml.SequenceNode) else [key for key, _ in _entries(value).values()]
        for event in [value] if isinstance(value, yaml.ScalarNode) else names:
            if isinstance(event, yaml.ScalarNode) and event.value not in EVENTS:
                yield _line(event), f"there is no event `{event.value}`.{near(event.value, EVENTS)}"
    jobs = _entries(entries["jobs"][1]) if "jobs" in entries else {}
    if not jobs:
        yield (_line(entries["jobs"][0]) if "jobs" in entries else 1), "the workflow has no `jobs`."
    for name, (key, job) in jobs.items():
        if not re.fullmatch(r"[A-Za-z_][\w-]*", name):
            yield _line(key), f"`{name}` is no valid job id: letters, digits, '-' and '_', a letter or '_' first."
        yield from _job(name, key, job, set(jobs), None if "defaults" in entries else project)


def _job(name: str, key: yaml.Node, job: yaml.Node, others: set[str], project: Project | None) -> Found:
    entries = _entries(job)
    if not entries:
        yield _line(key), f"job `{name}` must be a mapping with `runs-on` and `steps`."
        return
    yield from _unknown(entries, JOB_KEYS, f"job `{name}`")
    needs = entries["needs"][1] if "needs" in entries else None
    for item in needs.value if isinstance(needs, yaml.SequenceNode) else [needs] if needs else []:
        if isinstance(item, yaml.ScalarNode) and item.value not in others - {name}:
            yield _line(item), f"job `{name}` needs `{item.value}`, which is no other job.{near(item.value, others)}"
    if "uses" in entries:
        return
    for wanted in ("runs-on", "steps"):
        if wanted not in entries:
            yield _line(key), f"job `{name}` has no `{wanted}`."
    steps = entries["steps"][1] if "steps" in entries else None
    if steps is not None and (not isinstance(steps, yaml.SequenceNode) or not steps.value):
        yield _line(steps), f"`steps` of job `{name}` must be a list of steps."
    for step in steps.value if isinstance(steps, yaml.SequenceNode) else []:
        yield from _step(step, None if "defaults" in entries else project)


def _step(step: yaml.Node, project: Project | None) -> Found:
    entries = _entries(step)
    if not entries:
        yield _line(step), "a step is a mapping with `uses` or `run`."
        return
    yield from _unknown(entries, STEP_KEYS, "a step")
    if ("uses" in entries) == ("run" in entries):
        both = "both `uses` and `run`" if "uses" in entries else "neither `uses` nor `run`"
        yield _line(step), f"the step has {both}; it needs exactly one of them."
    uses = entries["uses"][1] if "uses" in entries else None
    if isinstance(uses, yaml.ScalarNode) and not re.match(r"\./|docker://|[\w.-]+/[\w./-]+@\S+$", uses.value):
        yield _line(uses), f"`uses: {uses.value}` names no version: write it as owner/name@v1."
    options = _entries(entries["with"][1]) if "with" in entries else {}
    for option, (_, value) in options.items():
        versions = value.value if isinstance(value, yaml.SequenceNode) else [value]
        for item in versions if option.endswith("-version") else []:
            if isinstance(item, yaml.ScalarNode) and item.style is None and re.fullmatch(r"\d+\.\d*0", item.value):
                yield _line(item), f"`{option}: {item.value}` is the number {float(item.value)}; put it in quotes."
    run = entries["run"][1] if "run" in entries else None
    if isinstance(run, yaml.ScalarNode) and project is not None and "working-directory" not in entries:
        first = _line(run) + (1 if run.style in ("|", ">") else 0)
        for offset, text in command_problems(project, run.value):
            yield first + offset, text
