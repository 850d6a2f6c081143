"""Dockerfiles, plain YAML and shell scripts, each by the program made for it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

from .errors import ToolFailure
from .findings import Finding, Severity
from .programs import find_program, has_module, run_module, run_program

YAMLLINT = """
extends: relaxed
rules:
  new-line-at-end-of-file: {level: warning}
  trailing-spaces: {level: warning}
  new-lines: disable
  anchors: {forbid-undeclared-aliases: true}
"""
"""Only what changes or breaks the meaning is an error; how a file looks is its owner's business."""
OWN_YAMLLINT = (".yamllint", ".yamllint.yaml", ".yamllint.yml")
LEVELS: dict[str, Severity] = {"error": "error", "warning": "warning"}


def dockerfile_findings(root: Path, paths: Sequence[str]) -> tuple[list[Finding], list[str]]:
    """What hadolint finds; its `info` and `style` are left out.

    Returns:
        The findings, and what could not be looked at.
    """
    # An empty file ends hadolint, with all others.
    paths = [path for path in paths if (root / path).read_bytes().strip()]
    if not paths:
        return [], []
    done = run_program("hadolint", ["--format", "json", "--no-fail", *(f"./{path}" for path in paths)], root)
    if done is None:
        return [], ["Dockerfiles: hadolint is not installed"]
    try:
        said = json.loads(done.stdout)
    except json.JSONDecodeError:
        if len(paths) > 1:
            each = [dockerfile_findings(root, [path]) for path in paths]
            return [item for found, _ in each for item in found], [line for _, unseen in each for line in unseen]
        reason = " ".join((done.stderr or done.stdout).split())[:200]
        return [], [f"{paths[0]}: hadolint could not run: {reason}"]
    return [
        Finding(
            rule="D01",
            path=Path(item["file"]).as_posix(),
            line=max(item["line"], 1),
            column=max(item["column"], 1),
            message=f"{item['message']} ({item['code']})".replace("\n", " "),
            severity=LEVELS[item["level"]],
        )
        for item in said
        if item["level"] in LEVELS
    ], []


def copied_findings(root: Path, path: str) -> list[Finding]:
    """Files that a Dockerfile copies and that are nowhere: told, for the build may get them from elsewhere."""
    text = (root / path).read_text(encoding="utf-8", errors="replace")
    folder = (root / path).parent
    places = [place for place in (folder, *folder.parents) if place.is_relative_to(root)]
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        words = re.match(r"\s*(?:COPY|ADD)\s+(?!--from)((?:--\S+\s+)*)([^\[\\<]+)$", line, re.I)
        for source in words[2].split()[:-1] if words and "--from" not in words[1] else []:
            if re.search(r"[$*?{]|://|^\.{1,2}/?$", source):
                continue
            if not any((place / source.lstrip("/")).exists() for place in places):
                message = f"`{source}` is copied, and the repository has no such file: `docker build` fails if so."
                found.append(Finding(rule="D02", path=path, line=number, message=message, severity="warning"))
    return found


def yaml_findings(root: Path, paths: Sequence[str]) -> list[Finding]:
    """What yamllint calls an error; with the rules of the repository, where it has some.

    Raises:
        ToolFailure: yamllint could not run.
    """
    if not paths:
        return []
    own = next((name for name in OWN_YAMLLINT if (root / name).is_file()), None)
    setting = ["-c", own] if own else ["-d", YAMLLINT]
    done = run_module("yamllint", ["-f", "parsable", *setting, "--", *paths], root)
    pattern = re.compile(r"(.+?):(\d+):(\d+): \[(error|warning)\] (.*)")
    lines = [found for found in map(pattern.fullmatch, done.stdout.splitlines()) if found]
    if done.exit_code not in (0, 1, 2) or (done.exit_code and not lines):
        raise ToolFailure(f"yamllint could not run: {(done.stderr or done.stdout).strip()[:300]}")
    return [
        Finding(rule="Y01", path=line[1], line=int(line[2]), column=max(int(line[3]), 1), message=f"{line[5]}.")
        for line in lines
        if line[4] == "error"
    ]


def shell_findings(root: Path, paths: Sequence[str]) -> tuple[list[Finding], list[str]]:
    """Scripts that bash cannot parse (`bash -n`: nothing of them is run)."""
    if not paths:
        return [], []
    if find_program("bash") is None:
        return [], ["shell scripts: bash is not installed"]
    found = []
    for path in paths:
        problem = shell_problem((root / path).read_text(encoding="utf-8", errors="replace"), root)
        if problem:
            line, said = problem
            found.append(
                Finding(rule="S01", path=path, line=line, message=f"bash cannot parse the script: {said}. Mend it.")
            )
    return found, []


def shell_problem(text: str, cwd: Path) -> tuple[int, str] | None:
    """The line and the reason why bash cannot parse a text; None when it can, or when there is no bash."""
    from . import processes

    bash = find_program("bash")
    if bash is None:
        return None
    done = processes.run([bash, "-n"], cwd=cwd, env=processes.clean_env(), timeout=20, stdin=text)
    if not done.exit_code:
        return None
    places = [found for line in done.stderr.splitlines() if (found := re.search(r": line (\d+): (.*)", line))]
    return (int(places[0][1]), places[0][2].strip()) if places else (1, done.stderr.strip()[:200] or "it does not say")


def yamllint_installed() -> bool:
    """Whether yamllint can be run."""
    return has_module("yamllint")
