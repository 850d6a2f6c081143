"""Run a project's tests in a child process and say, test by test, what happened and whose code was imported."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from . import processes
from .assertions import count_assertions
from .pytest_settings import FILES, find_settings, words
from .python_project import find_python, find_source_roots, own_names
from .sandbox import Reach, Sandbox
from .scratch import scratch_folder
from .strange_files import text_of

__all__ = [
    "TestCase",
    "TestRun",
    "count_assertions",
    "find_python",
    "find_source_roots",
    "outcomes",
    "regressions",
    "run_pytest",
]

Outcome = Literal["passed", "failed", "error", "skipped", "xfailed", "xpassed"]

PLUGIN = "_kfpilot_pytest_record"
"""The plugin's name in the target's interpreter: one that no project has."""

OUTPUT_LIMIT = 4000
NOW = {
    "failed": "now fails",
    "error": "now ends in an error",
    "skipped": "is skipped now",
    "xfailed": "is marked as an expected failure (xfail) now, and fails",
    "xpassed": "is marked as an expected failure (xfail) now",
}


def run_pytest(
    python: Path,
    root: Path,
    targets: Sequence[str] = (),
    *,
    source_roots: Sequence[Path] | None = None,
    timeout: float = 600,
    coverage: bool = False,
    extra: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
    sandbox: Sandbox | None = None,
    project: str = "",
) -> TestRun:
    """Run pytest on a checkout and report every test.

    The project's pytest settings count, except where they would end the run early (`-x`, `--stepwise`), wait for a
    person (`--pdb`), or write reports into the checkout.

    Args:
        python: The interpreter, usually of the project's own environment.
        root: The checkout; its code comes first on the import path.
        targets: Files, folders or node ids; without them what the settings say.
        source_roots: Where the project's modules lie; found out when not given.
        timeout: Seconds until the whole run is stopped.
        coverage: Measure coverage, if the interpreter has pytest-cov.
        extra: More arguments for pytest.
        env: Variables on top of the clean environment.
        sandbox: The means and limits of the sandbox it runs in.
        project: The folder below the root that pytest is started in; targets are relative to it, what is reported is
            relative to the root.

    Raises:
        ToolFailure: The interpreter cannot be started or the root does not exist.
    """
    root = root.absolute()
    where = root / project
    roots = [path.absolute() for path in source_roots] if source_roots is not None else find_source_roots(where)
    with scratch_folder("pytest") as scratch:
        folder = Path(os.path.realpath(scratch))
        source = Path(__file__).parent / "checks" / "pytest_plugin.py"
        (folder / f"{PLUGIN}.py").write_bytes(source.read_bytes())
        solid, loose = own_names(where, roots)
        target = str(folder / "coverage.json") if coverage else ""
        settings = {"root": str(root), "measured": str(where), "solid": solid, "loose": loose, "coverage": target}
        extra_env = dict(env or {})
        path = [*map(str, roots), str(folder), extra_env.get("PYTHONPATH", "")]
        extra_env |= {
            "PYTHONPATH": os.pathsep.join(part for part in path if part),
            "KFPILOT_PYTEST_RESULT": str(folder / "events.jsonl"),
            "KFPILOT_PYTEST_SETTINGS": json.dumps(settings),
            "COVERAGE_FILE": str(folder / "coverage"),
        }
        command = [str(python), "-m", "pytest", *_arguments(where, targets, folder), *extra, *targets]
        done = processes.run(
            command,
            cwd=where,
            env=processes.clean_env(extra_env),
            timeout=timeout,
            reach=Reach(python=python, write=[root, folder]),
            sandbox=sandbox,
        )
        events = [_placed(event, project) for event in _events(folder / "events.jsonl")]
        run = _evaluate(done, events, root, timeout)
        run.output = run.output.replace(f"{folder}{os.sep}", "")
        if coverage:
            _add_coverage(run, folder / "coverage.json", root, where, whole=any(e["event"] == "whole" for e in events))
    return run


def outcomes(run: TestRun) -> dict[str, Outcome]:
    """The outcome of every test by its node id."""
    return {test.nodeid: test.outcome for test in run.tests}


def regressions(before: TestRun, after: TestRun) -> list[str]:
    """What passed before and does not pass now, a sentence each.

    A test that is skipped, expected to fail or missing now counts as much as one that fails. Tests that are missing for
    one common reason (their file cannot be collected, the run was stopped) are told in one sentence.
    """
    now = {test.nodeid: test for test in after.tests}
    missing: dict[str, list[str]] = {}
    found: list[str] = []
    for test in before.tests:
        if test.outcome != "passed":
            continue
        current = now.get(test.nodeid)
        if current is None:
            missing.setdefault(test.file, []).append(test.nodeid)
        elif current.outcome != "passed":
            detail = f": {current.message}" if current.message else "."
            found.append(f"{test.nodeid} passed before and {NOW[current.outcome]}{detail}")
    for file, nodeids in missing.items():
        whole = next(
            (t for t in after.tests if t.file == file and "::" not in t.nodeid and t.outcome != "passed"), None
        )
        if whole or after.broken:
            names = ", ".join(nodeids[:3]) + (f" and {len(nodeids) - 3} more" if len(nodeids) > 3 else "")
            verb = "passed before and does" if len(nodeids) == 1 else "passed before and do"
            if whole:
                what = "is skipped as a whole" if whole.outcome == "skipped" else "cannot be collected"
                found.append(f"{names} {verb} not run now, because {file} {what}: {whole.message}")
            else:
                found.append(f"{names} {verb} not run now: {after.broken}")
        else:
            found += [
                f"{n} passed before and is missing now: removed, renamed, deselected or not collected." for n in nodeids
            ]
    return found


def _arguments(root: Path, targets: Sequence[str], folder: Path) -> list[str]:
    settings = find_settings(root)
    options = words(settings[1].get("addopts")) if settings else []
    arguments = ["-p", PLUGIN, "-p", "no:langsmith_plugin", "-q", "--color=no", "--tb=short", "--maxfail=0"]
    arguments += ["--continue-on-collection-errors", f"--rootdir={root}"]
    if not any("no:cacheprovider" in word for word in options):
        # The cache plugin stays: `--lf` in the settings would be unknown without it, and tests may use its fixture.
        arguments += ["-o", f"cache_dir={folder / 'cache'}"]
    if settings is None and not _nested_settings(root, targets) and _settings_above(root):
        # Pytest looks for settings in all parents; those above a checkout belong to something else.
        empty = folder / "pytest.ini"
        empty.write_text("[pytest]\n")
        arguments += ["-c", str(empty)]
    return arguments


def _nested_settings(root: Path, targets: Sequence[str]) -> bool:
    for target in targets:
        place = root / target.partition("::")[0]
        for folder in [place, *place.parents]:
            if folder == root or not folder.is_relative_to(root):
                break
            if folder.is_dir() and find_settings(folder):
                return True
    return False


def _settings_above(root: Path) -> bool:
    return any((folder / name).is_file() for folder in root.parents for name in FILES)


def _events(path: Path) -> list[dict[str, Any]]:
    found = []
    for line in text_of(path).splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:  # the last line of a killed run
            continue
    return found


def _placed(event: dict[str, Any], project: str) -> dict[str, Any]:
    """An event whose tests are named from the root of the repository, not of a project in it."""
    if not project:
        return event
    if event.get("nodeid"):
        event["nodeid"] = f"{project}/{event['nodeid']}"
    if "nodeids" in event:
        event["nodeids"] = [f"{project}/{nodeid}" for nodeid in event["nodeids"]]
    return event


def _evaluate(done: processes.Completed, events: list[dict[str, Any]], root: Path, timeout: float) -> TestRun:
    cases: dict[str, TestCase] = {}
    running: dict[str, None] = {}
    planned: dict[str, None] = {}
    finish: dict[str, Any] | None = None
    trouble = ""
    for event in events:
        kind, nodeid = event["event"], event.get("nodeid", "")
        if kind == "collected":
            planned |= dict.fromkeys(event["nodeids"])
        elif kind == "collect" and nodeid not in cases:
            cases[nodeid] = _collect_case(event)
        elif kind == "start":
            running[nodeid] = None
        elif kind == "stop":
            running.pop(nodeid, None)
        elif kind == "phase":
            _add_phase(cases, event)
        elif kind == "broken":
            trouble = event["message"]
        elif kind == "finish":
            finish = event
    if finish is None:
        ended = (
            f"the run hit its time limit of {timeout:g} s" if done.timed_out else f"pytest died (exit {done.exit_code})"
        )
        for nodeid in running:
            message = f"did not finish: {ended} while this test ran"
            cases[nodeid] = TestCase(nodeid=nodeid, file=_file(nodeid), outcome="error", message=message)
    tests = list(cases.values())
    counts = {outcome: sum(test.outcome == outcome for test in tests) for outcome in get_args(Outcome)}
    exit_code = done.exit_code
    if finish is None and exit_code == 0:
        exit_code = 3  # something called os._exit(0): that is no success
    run = TestRun(
        tests=tests,
        exit_code=exit_code,
        counts=counts,
        command=done.command,
        seconds=done.seconds,
        timed_out=done.timed_out,
        collected=len(planned),
        foreign=[f"{name} -> {path}" for name, path in sorted((finish or {}).get("foreign", {}).items())],
    )
    if done.timed_out:
        run.broken = f"The test run was stopped at its time limit of {timeout:g} s."
    elif finish is None and events:
        run.broken = f"pytest ended without finishing (exit code {done.exit_code}); a test may have ended the process."
    elif finish is None:
        run.broken = f"pytest could not start (exit code {done.exit_code})."
    elif exit_code == 5:
        run.broken = "pytest collected no test."
    elif exit_code not in (0, 1):
        run.broken = f"pytest broke off (exit code {exit_code})."
    elif exit_code == 1 and not counts["failed"] and not counts["error"]:
        run.broken = "pytest ended with exit code 1 although no test failed: a plugin or a setting wanted it so."
    if run.broken:
        text = "\n".join(part.strip() for part in (trouble, done.stdout, done.stderr) if part.strip())
        run.output = text.replace(f"{root}{os.sep}", "")[-OUTPUT_LIMIT:]
    return run


def _file(nodeid: str) -> str:
    return nodeid.partition("::")[0]


def _collect_case(event: dict[str, Any]) -> TestCase:
    nodeid, message = event["nodeid"], event["message"]
    if event["outcome"] == "error":
        wrong = re.findall(
            r"^E +(\S*(?:ImportError|ModuleNotFoundError|SyntaxError|IndentationError): .*)$", message, re.M
        )
        if wrong:
            message = f"cannot import {_file(nodeid)}: {wrong[-1]}\n{message}"[:1500]
    return TestCase(nodeid=nodeid, file=_file(nodeid), outcome=event["outcome"], message=message)


def _add_phase(cases: dict[str, TestCase], event: dict[str, Any]) -> None:
    """Merge one phase into its test: the first failure stays, a skip or an expected failure outweighs a pass."""
    nodeid, outcome = event["nodeid"], event["outcome"]
    if outcome not in get_args(Outcome):  # "rerun" of pytest-rerunfailures: the last try counts
        return
    if outcome == "failed" and event["when"] != "call":
        outcome = "error"
    case = cases.setdefault(nodeid, TestCase(nodeid=nodeid, file=_file(nodeid), outcome="passed"))
    case.seconds += event["seconds"]
    if case.outcome not in ("failed", "error") and outcome != "passed":
        where = f"in {event['when']}: " if outcome == "error" else ""
        case.outcome, case.message = outcome, (where + event["message"])[:1500]


def _add_coverage(run: TestRun, path: Path, root: Path, where: Path, *, whole: bool) -> None:
    """Read coverage.py's JSON; when we chose what is measured, tests and set-up scripts do not count."""
    try:
        measured = json.loads(text_of(path))["files"]
    except (OSError, ValueError, KeyError):
        return
    statements = covered = 0
    for name, data in measured.items():
        file = Path(os.path.relpath(where / name, root)).as_posix()
        last = file.rpartition("/")[2]
        is_test = last.startswith("test_") or last.endswith("_test.py") or last in ("conftest.py", "setup.py")
        if file.startswith("../") or (whole and (is_test or "tests" in file.split("/")[:-1])):
            continue
        statements += data["summary"]["num_statements"]
        covered += data["summary"]["covered_lines"]
        run.file_coverage[file] = data["missing_lines"]
        run.executed[file] = data["executed_lines"]
    run.coverage = round(100 * covered / statements, 2) if statements else None


class TestCase(BaseModel):
    """What one test did; a file that could not be collected stands here too, under its own name."""

    __test__: ClassVar[bool] = False
    model_config = ConfigDict(extra="forbid")

    nodeid: str
    file: str
    outcome: Outcome
    seconds: float = 0.0
    message: str = ""


class TestRun(BaseModel):
    """What one run of pytest showed. Skips and expected failures are no passes."""

    __test__: ClassVar[bool] = False
    model_config = ConfigDict(extra="forbid")

    tests: list[TestCase]
    exit_code: int
    counts: dict[str, int]
    command: list[str]
    seconds: float
    timed_out: bool = False
    collected: int = 0
    foreign: list[str] = []
    coverage: float | None = None
    file_coverage: dict[str, list[int]] = {}
    executed: dict[str, list[int]] = Field(default={}, exclude=True)
    broken: str = ""
    output: str = ""
