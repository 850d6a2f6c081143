"""How much quicker independent tasks are side by side: 12 tasks, a model that answers in 2 s, with 1 job and with 4.

    python benchmarks/parallel.py [--tasks 12] [--jobs 4] [--answer 2.0] [--answers 3] [--json]

A task takes three answers, as it does with a real model: look, write, finish.

Everything but the model is real: git, worktrees, the gates with pytest. Both runs must end in the same tree.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kfpilot.agent.models.handle import Handle
from kfpilot.agent.models.scripted import ScriptedModel, calls
from kfpilot.agent.settings import Settings
from kfpilot.agent.workflow import driver
from kfpilot.agent.workflow.place import Request

BRANCH = "kfpilot/001-prices"
PYPROJECT = '[tool.pytest.ini_options]\npythonpath = ["."]\ntestpaths = ["tests"]\n'
LIGHT = [word for name in ("hypothesispytest", "syrupy", "anyio", "xdist") for word in ("-p", f"no:{name}")]


def git(root: Path, *arguments: str) -> str:
    """Git's output."""
    return subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True, text=True).stdout.strip()


def repository(folder: Path, tasks: int) -> Path:
    """A small repository whose feature has so many tasks, each a module of its own."""
    root = folder / "repo"
    lines = [f"- [ ] T{n:03} [P] Create `times{n}(price)` in shop/times{n}.py (FR-001)" for n in range(1, tasks + 1)]
    files = {
        "pyproject.toml": PYPROJECT,
        ".gitignore": "__pycache__/\n",
        "shop/__init__.py": "",
        "shop/price.py": "def single(price):\n    return price\n",
        "tests/test_price.py": "from shop.price import single\n\n\ndef test_single():\n    assert single(2) == 2\n",
        "specs/001-prices/spec.md": "# Feature Specification: Prices\n\n- **FR-001**: Prices MUST grow\n",
        "specs/001-prices/plan.md": "# Implementation Plan: Prices\n\n## Summary\n\nPrices.\n",
        "specs/001-prices/tasks.md": "# Tasks: Prices\n\n## Phase 1: Work\n\n" + "\n".join(lines) + "\n",
    }
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    git(folder, "init", "--quiet", "--initial-branch=main", str(root))
    git(root, "config", "user.name", "bench")
    git(root, "config", "user.email", "bench@example.invalid")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "-m", "start")
    return root


def author(seconds: float, answers: int) -> Any:
    """A model that takes so long for each answer, looks around first, and then writes what the task asks for."""

    def answer(messages: list[Any]) -> Any:
        time.sleep(seconds)
        text = "\n".join(str(message.content) for message in messages)
        number = int(re.search(r"# Task T(\d+)", text)[1])  # type: ignore[index]
        content = f"def times{number}(price):\n    return {number} * price\n"
        write = ("write_file", {"path": f"shop/times{number}.py", "content": content})
        finish = ("finish", {"summary": "done"})
        turn = 1 + sum(message.type == "ai" for message in messages)
        if turn < answers - 1:
            return calls(("read_file", {"path": "shop/price.py"}))
        if turn == answers - 1:
            return calls(write)
        return calls(finish) if answers > 1 else calls(write, finish)

    return answer


def measure(tasks: int, jobs: int, seconds: float, answers: int) -> tuple[float, str, int]:
    """Seconds of a whole run, its final tree, and how many tasks are verified."""
    with tempfile.TemporaryDirectory(prefix="kfpilot-bench-") as name:
        root = repository(Path(name), tasks)
        model = ScriptedModel([author(seconds, answers)] * tasks * answers)

        @contextmanager
        def opened(settings: Settings, **more: Any) -> Iterator[Handle]:
            yield Handle(model=model, name="bench", tools=True, kind="fake")

        driver.open_model = opened  # type: ignore[assignment]
        settings = Settings(
            cache_dir=Path(name) / "cache",
            python=Path(sys.executable),
            refine="never",
            review="never",
            jobs=jobs,
            test_command=LIGHT,
        )
        started = time.monotonic()
        driver.implement(root, Request(feature="001"), settings, [])
        took = time.monotonic() - started
        ticks = git(root, "show", f"{BRANCH}:specs/001-prices/tasks.md").count("[x]")
        return took, git(root, "rev-parse", f"{BRANCH}^{{tree}}"), ticks


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--tasks", type=int, default=12)
    options.add_argument("--jobs", type=int, default=4)
    options.add_argument("--answer", type=float, default=2.0, help="seconds the model takes")
    options.add_argument("--answers", type=int, default=3, help="answers a task takes")
    options.add_argument("--json", action="store_true")
    asked = options.parse_args()
    measure(2, 2, 0.0, 1)  # what is imported once is paid for before
    one, tree, _ = measure(asked.tasks, 1, asked.answer, asked.answers)
    many, other, ticks = measure(asked.tasks, asked.jobs, asked.answer, asked.answers)
    found = {
        "tasks": asked.tasks,
        "jobs": asked.jobs,
        "answer_seconds": asked.answer,
        "answers_per_task": asked.answers,
        "cores": os.cpu_count(),
        "serial_seconds": round(one, 1),
        "parallel_seconds": round(many, 1),
        "ratio": round(many / one, 3),
        "same_tree": tree == other,
        "verified": ticks,
    }
    if asked.json:
        print(json.dumps(found))
        return
    print(
        f"{asked.tasks} independent tasks, {asked.answers} answers of {asked.answer:g} s each, {found['cores']} cores"
    )
    print(f"  1 job   {one:6.1f} s\n  {asked.jobs} jobs  {many:6.1f} s   {found['ratio']:.2f} of it")
    print(f"  verified {ticks} of {asked.tasks}; the final trees are {'the same' if tree == other else 'NOT the same'}")


if __name__ == "__main__":
    main()
