"""Workflows, actions and other files of CI services against the schemas that check-jsonschema carries."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .errors import ToolFailure
from .findings import Finding
from .programs import find_program, run_module, run_program
from .yaml_lines import Document, documents, json_path

SCHEMAS = {
    "workflow": "vendor.github-workflows",
    "action": "vendor.github-actions",
    "dependabot": "vendor.dependabot",
    "gitlab": "vendor.gitlab-ci",
}
NAMES = {
    "workflow": "GitHub does not start this workflow",
    "action": "GitHub cannot load this action",
    "dependabot": "Dependabot refuses this file",
    "gitlab": "GitLab does not start this pipeline",
}
MAX_PER_FILE = 8
ADDITIONAL = re.compile(r"Additional properties are not allowed \((?P<names>.*) w(?:as|ere) unexpected\)")
OF_GITHUB = (
    "this is a GitHub workflow; in GitLab each job is a key at the top level, with `script`, `image` and `rules`"
)
SURE_KINDS = {"syntax-check", "expression", "events", "job-needs", "matrix", "id", "shell-name", "glob", "env-var",
              "permissions", "workflow-call", "if-cond"}  # fmt: skip
"""Kinds of actionlint whose findings keep a workflow from running; the others are advice."""


def schema_findings(root: Path, kind: str, paths: Sequence[str]) -> list[Finding]:
    """What the schema of a kind refuses in some files; they are read by one process, without the network.

    Args:
        root: The repository.
        kind: A key of SCHEMAS.
        paths: Files of that kind, relative to the root.

    Raises:
        ToolFailure: The program could not do its work.
    """
    if not paths:
        return []
    arguments = ["--builtin-schema", SCHEMAS[kind], "--output-format", "json", "--verbose", "--no-cache"]
    if kind == "gitlab":
        arguments += ["--data-transform", "gitlab-ci"]
    done = run_module("check_jsonschema", [*arguments, "--", *paths], root)
    try:
        said = json.loads(done.stdout)
    except json.JSONDecodeError:
        raise ToolFailure(f"check-jsonschema could not run: {(done.stderr or done.stdout).strip()[:300]}") from None
    found = []
    for path in paths:
        errors = [item for item in said.get("errors", []) if item["filename"] == path]
        read = documents((root / path).read_text(encoding="utf-8", errors="replace")) if errors else []
        lines = [pair for error in errors for pair in leaves(error)]
        # That a value fits two forms at once follows from what is wrong with it otherwise.
        lines = [pair for pair in lines if "is valid under each of" not in pair[1]] or lines
        if kind == "gitlab" and {"$.on", "$.jobs"} <= {error["path"] for error in errors}:
            lines = [("$", OF_GITHUB)]
        for place, message in list(dict.fromkeys(lines))[:MAX_PER_FILE]:
            extra = re.match(r"'([^']+)' is no key", message)
            line = line_at(read, [*json_path(place), *(extra.groups() if extra else ())])
            where = place.removeprefix("$").removeprefix(".") or "the top level"
            found.append(
                Finding(
                    rule="W01", path=path, line=line, message=f"{where}: {message}. {NAMES[kind]}: mend this place."
                )
            )
    return found


def line_at(read: Sequence[Document], place: Sequence[str | int]) -> int:
    """The line of a part of the first document."""
    return read[0].line_of(place) if read else 1


def leaves(error: dict[str, Any]) -> list[tuple[str, str]]:
    """The places that an error is really about, as (JSON path, message).

    "Not valid under any of the given schemas" says nothing: what is wrong stands in the deepest errors below it, and
    of those for one place one says it best.
    """
    subs = [item for item in error.get("sub_errors", []) if "under any of the given schemas" not in item["message"]]
    if not subs:
        return [(error["path"], told(error["message"]))]
    places = list(dict.fromkeys(item["path"] for item in subs))
    deepest = [
        place for place in places if not any(other != place and other.startswith((place + ".", place + "["))
                                             for other in places)
    ]  # fmt: skip
    result = []
    for place in deepest:
        messages = [item["message"] for item in subs if item["path"] == place]
        result.append((place, told(min(messages, key=rank))))
    return result


def rank(message: str) -> tuple[int, int]:
    """Which of several messages for one place says best what is wrong: lower is better."""
    extra = ADDITIONAL.fullmatch(message)
    if extra:
        return (0, extra["names"].count(","))
    order = ["is a required property", "is not of type", "is not one of"]
    return (next((number for number, words in enumerate(order, 1) if words in message), 9), len(message))


def told(message: str) -> str:
    """A message of the schema without the value it is about: that may be long, or secret."""
    extra = ADDITIONAL.fullmatch(message)
    if extra:
        return f"{extra['names']} is no key that may stand here"
    required = re.fullmatch(r"('.*') is a required property", message)
    if required:
        return f"the key {required[1]} is missing"
    allowed = re.search(r"is not one of (\[.*\])$", message, re.S)
    if allowed:
        return f"the value is none of {allowed[1][:200]}"
    kind = re.search(r"is not of type (.*)$", message, re.S)
    if kind:
        return f"the value is not of type {kind[1]}"
    for words in ("should be non-empty", "is too long", "is too short", "does not match", "has non-unique elements"):
        if words in message:
            return f"the value {message[message.rindex(words) :][:160]}"
    return message[:200]


def actionlint_findings(root: Path, paths: Sequence[str]) -> tuple[list[Finding], list[str]]:
    """What actionlint finds in workflows.

    Returns:
        The findings, and what could not be looked at because the program is not installed.
    """
    if not paths:
        return [], []
    if find_program("actionlint") is None:
        return [], ["expressions and contexts of workflows: actionlint is not installed"]
    done = run_program(
        "actionlint",
        ["-no-color", "-shellcheck=", "-pyflakes=", "-format", "{{json .}}", *(f"./{path}" for path in paths)],
        root,
    )
    try:
        said = json.loads(done.stdout) if done else []
    except json.JSONDecodeError:
        said = None
    if done is None or said is None:
        reason = (done.stderr or done.stdout).strip()[:200] if done else ""
        return [], [f"expressions and contexts of workflows: actionlint could not run: {reason}"]
    return [
        Finding(
            rule="W02",
            path=Path(item["filepath"]).as_posix(),
            line=max(item.get("line", 1), 1),
            column=max(item.get("column", 1), 1),
            message=f"{item['message']} (actionlint, {item.get('kind', '')})",
            severity="error" if item.get("kind") in SURE_KINDS else "warning",
        )
        for item in said or []
    ], []
