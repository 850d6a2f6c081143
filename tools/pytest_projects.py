"""Run the tests of a repository that holds several Python projects, each from its own folder, and put it together."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import get_args

from .pytest_run import Outcome, TestRun, run_pytest
from .pytest_settings import find_settings, words
from .python_project import SKIPPED_FOLDERS, find_projects, find_source_roots, project_of
from .sandbox import Sandbox
from .tests_audit_settings import DEFAULT_FILES

NOTHING = 5
"""pytest's exit code when it collected no test."""


def run_suites(
    python_of: Callable[[str], Path],
    root: Path,
    targets: Sequence[str] = (),
    *,
    source_roots: Sequence[Path] | None = None,
    timeout: float = 600,
    coverage: bool = False,
    extra: Sequence[str] = (),
    sandbox: Sandbox | None = None,
) -> TestRun:
    """Run pytest in each project of a checkout, as its developers do, or once where the checkout is one project.

    Args:
        python_of: Gives the interpreter of a project, "" for the checkout itself.
        root: The checkout.
        targets: Files, folders or node ids, relative to the root; without them all tests of all projects.
        source_roots: Where the modules lie; found out when not given: those of a project come first in its own run.
        timeout: Seconds for all runs together.
        coverage: Measure coverage.
        extra: More arguments for pytest.
        sandbox: The means and limits of the sandbox.

    Raises:
        ToolFailure: An interpreter cannot be started or the root does not exist.
    """
    end = time.monotonic() + timeout
    runs: list[TestRun] = []
    for project, given, options in _suites(root, targets):
        roots = source_roots
        if roots is None and project:
            roots = list(dict.fromkeys([*find_source_roots(root / project), *find_source_roots(root)]))
        runs.append(
            run_pytest(
                python_of(project),
                root,
                given,
                source_roots=roots,
                timeout=max(1.0, end - time.monotonic()),
                coverage=coverage,
                extra=[*extra, *options],
                sandbox=sandbox,
                project=project,
            )
        )
    return runs[0] if len(runs) == 1 else together(runs)


def _suites(root: Path, targets: Sequence[str]) -> Iterator[tuple[str, list[str], list[str]]]:
    """What is run: the project, what of it (relative to it), and more options."""
    projects = find_projects(root)
    if targets:
        homes = {target: project_of(projects, target.partition("::")[0]) for target in targets}
        for project in dict.fromkeys(homes.values()):
            mine = [target for target in targets if homes[target] == project]
            yield project, [os.path.relpath(target, project) if project else target for target in mine], []
        return
    with_tests = [name for name in projects if has_tests(root / name)]
    if not with_tests or has_tests(root, apart=[root / name for name in projects]):
        yield "", [], [f"--ignore={name}" for name in projects]
    for name in with_tests:
        yield name, [], []


def has_tests(folder: Path, apart: Sequence[Path] = ()) -> bool:
    """Whether pytest would find a file of tests in or below a folder, by its name; some folders are left aside."""
    settings = find_settings(folder)
    patterns = words((settings[1] if settings else {}).get("python_files")) or DEFAULT_FILES
    for here, folders, files in os.walk(folder):
        if "pyvenv.cfg" in files:
            folders.clear()
            continue
        if any(fnmatch(name, Path(pattern).name) for name in files for pattern in patterns):
            return True
        folders[:] = [
            name
            for name in folders
            if not name.startswith(".") and name not in SKIPPED_FOLDERS and Path(here, name) not in apart
        ]
    return False


def together(runs: Sequence[TestRun]) -> TestRun:
    """Several runs as one. A project in which no test was collected is no breakage as long as another has some."""
    counted = [run for run in runs if run.exit_code != NOTHING or run.timed_out] or list(runs)
    codes = [run.exit_code for run in counted]
    broken = [run for run in counted if run.broken]
    whole = TestRun(
        tests=[test for run in runs for test in run.tests],
        exit_code=next((code for code in codes if code not in (0, 1)), max(codes)),
        counts={name: sum(run.counts.get(name, 0) for run in runs) for name in get_args(Outcome)},
        command=[word for number, run in enumerate(runs) for word in ([";"] if number else []) + run.command],
        seconds=sum(run.seconds for run in runs),
        timed_out=any(run.timed_out for run in runs),
        collected=sum(run.collected for run in runs),
        foreign=list(dict.fromkeys(name for run in runs for name in run.foreign)),
        broken=" ".join(dict.fromkeys(run.broken for run in broken)),
        output="\n".join(run.output for run in broken),
    )
    for run in runs:
        whole.executed = _joined(whole.executed, run.executed)
        whole.file_coverage = _joined(whole.file_coverage, run.file_coverage)
    # What one project's tests do not execute of another, its own may.
    for file, lines in whole.file_coverage.items():
        whole.file_coverage[file] = sorted(set(lines) - set(whole.executed.get(file, [])))
    covered = sum(len(lines) for lines in whole.executed.values())
    statements = covered + sum(len(lines) for lines in whole.file_coverage.values())
    whole.coverage = round(100 * covered / statements, 2) if statements else None
    return whole


def _joined(one: dict[str, list[int]], other: dict[str, list[int]]) -> dict[str, list[int]]:
    return {file: sorted({*one.get(file, []), *other.get(file, [])}) for file in {**one, **other}}
