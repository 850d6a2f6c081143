"""How quick the command line is: `kfpilot --help`, and `kfpilot plan --no-llm` on a feature of 240 tasks.

    python benchmarks/plan_speed.py [--tasks 240] [--repeat 5]

Prints the best of the repeats, which is the one the least disturbed by what else the machine does, and ends with 1 if
a limit is missed. "Own work" is what happens after the start of Python and the imports: reading the documents,
planning, printing.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

HELP_LIMIT = 0.5
PLAN_LIMIT = 1.0
STORIES = 12


def feature(root: Path, tasks: int) -> Path:
    """A git repository with one spec-kit feature of that many tasks, in all roles and with dependencies."""
    folder = root / "specs" / "001-large"
    folder.mkdir(parents=True)
    spec = ["# Feature Specification: Large", "", "## User Scenarios & Testing", ""]
    for story in range(1, STORIES + 1):
        spec += [f"### User Story {story} - Step {story} (Priority: P{1 + story // 4})", "", "A user wants it.", ""]
        spec += ["**Acceptance Scenarios**:", ""]
        spec += [f"{n}. **Given** rows, **When** step {story} runs, **Then** {n} rows are left" for n in (1, 2, 3)]
        spec += [""]
    spec += ["## Requirements", "", "### Functional Requirements", ""]
    spec += [f"- **FR-{number:03}**: Step {number} MUST keep its rows" for number in range(1, tasks // 2 + 1)]
    (folder / "spec.md").write_text("\n".join(spec) + "\n", encoding="utf-8")
    (folder / "plan.md").write_text("# Implementation Plan: Large\n\n**Language/Version**: Python 3.11\n", "utf-8")
    lines = ["# Tasks: Large", "", "## Phase 1: Setup", ""]
    for number in range(1, tasks + 1):
        story = 1 + (number - 1) * STORIES // tasks
        if story != 1 + (number - 2) * STORIES // tasks:
            lines += ["", f"## Phase {story + 1}: User Story {story} - Step {story} (Priority: P{1 + story // 4})", ""]
        name, ref = f"step_{number // 2:03}", f"FR-{max(1, number // 2):03}"
        needs = f" (depends on T{number - 1:03})" if number % 5 == 0 else ""
        if number % 2:
            text = f"Test `{name}` in tests/test_{name}.py ({ref}){needs}"
        elif number % 20 == 0:
            text = f"Describe `{name}` in docs/{name}.md ({ref}){needs}"
        else:
            text = f"Create the component `{name}` in pipelines/components/{name}.py ({ref}){needs}"
        lines.append(f"- [ ] T{number:03} {'[P] ' if number % 3 else ''}[US{story}] {text}")
    (folder / "tasks.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    author = ["-c", "user.name=benchmark", "-c", "user.email=benchmark@kfpilot.invalid"]
    for command in (["init", "-q"], ["add", "-A"], [*author, "commit", "-q", "-m", "start"]):
        subprocess.run(["git", *command], cwd=root, check=True)
    return root


def seconds(work: Callable[[], object], repeat: int) -> float:
    """The best time of several."""
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def command(arguments: list[str]) -> str:
    """A kfpilot command in a process of its own; its output."""
    code = "from kfpilot.agent.cli.app import main; main()"
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"kfpilot {' '.join(arguments)} ended with {done.returncode}: {done.stderr}")
    return done.stdout


def own_work(root: Path) -> None:
    """`kfpilot plan --no-llm` in this process, where everything is imported already."""
    from kfpilot.agent.cli.plan import plan_command

    with contextlib.redirect_stdout(io.StringIO()):
        plan_command(root, None, [], tasks=[], stories=[], no_llm=True)


def measure(tasks: int, repeat: int) -> list[tuple[str, float, float | None]]:
    """Rows of what was measured: words, seconds, the limit if there is one."""
    with tempfile.TemporaryDirectory() as name:
        root = feature(Path(name), tasks)
        plan = ["plan", "--no-llm", "--json", "-C", str(root)]
        planned = sum(len(wave) for wave in json.loads(command(plan))["waves"])
        if planned != tasks:
            raise SystemExit(f"{planned} tasks are planned, {tasks} were written")
        own_work(root)
        return [
            ("kfpilot --help, from start to end", seconds(lambda: command(["--help"]), repeat), HELP_LIMIT),
            (f"kfpilot plan --no-llm, {tasks} tasks, own work", seconds(lambda: own_work(root), repeat), PLAN_LIMIT),
            (f"kfpilot plan --no-llm, {tasks} tasks, from start to end", seconds(lambda: command(plan), repeat), None),
        ]


def main() -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--tasks", type=int, default=240)
    parser.add_argument("--repeat", type=int, default=5)
    options = parser.parse_args()
    missed = 0
    for words, took, limit in measure(options.tasks, options.repeat):
        missed += limit is not None and took > limit
        judged = "" if limit is None else f"  limit {limit:.1f} s: {'kept' if took <= limit else 'MISSED'}"
        print(f"{words:<52} {took:6.3f} s{judged}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
