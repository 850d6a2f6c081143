"""A night over a backlog of many features, killed on the way, with every feature accounted for at the end.

    python benchmarks/backlog.py [--features 20] [--kills 2] [--keep FOLDER]

Makes a repository with that many features and a record of answers for each (`--model replay:FILE`), starts
`kfpilot nightly`, kills it (SIGKILL) after a part of the work, starts it again, and so on; then checks nightly.json:
every feature has an outcome, every task exactly one commit, and nothing is left of the killed sessions. Prints the
time of each session; ends with 1 if anything is not as it must be.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

AUTHOR = {
    "GIT_AUTHOR_NAME": "A User", "GIT_AUTHOR_EMAIL": "user@example.invalid",
    "GIT_COMMITTER_NAME": "A User", "GIT_COMMITTER_EMAIL": "user@example.invalid",
}  # fmt: skip
SPEC = """# Feature Specification: Item {n}

## User Scenarios & Testing

### User Story 1 - Item {n} has a price (Priority: P{priority})

**Acceptance Scenarios**:

1. **Given** item {n}, **When** its price is asked for, **Then** it is {price}

## Requirements

- **FR-001**: Item {n} MUST cost {price}
"""
PLAN = "# Implementation Plan: Item {n}\n\n## Summary\n\nA function and a page for item {n}.\n"
TASKS = """# Tasks: Item {n}

## Phase 1: Work

- [ ] T001 [US1] Create `price_{n}()` in shop/item_{n}.py (FR-001)
- [ ] T002 [US1] Describe the item in docs/item_{n}.md (depends on T001)
"""
PYPROJECT = '[tool.pytest.ini_options]\npythonpath = ["."]\ntestpaths = ["tests"]\n'
LIGHT = [word for name in ("hypothesispytest", "syrupy", "anyio") for word in ("-p", f"no:{name}")]
"""Plugins of our own environment that cost most of a second in every run of pytest."""
TEST = "from shop import NAME\n\n\ndef test_name():\n    assert NAME == 'shop'\n"


def name_of(number: int) -> str:
    """The folder of a feature."""
    return f"{number:03}-item-{number}"


def answer(task: str, path: str, text: str) -> dict[str, Any]:
    """One exchange of a record: the request names the task, the answer writes a file and finishes."""
    calls = [("write_file", {"path": path, "content": text}), ("finish", {"summary": "done"})]
    return {
        "request": {"messages": [{"role": "user", "content": f"# Task {task}"}], "tools": [{}]},
        "message": {
            "role": "assistant",
            "content": "",
            "tool_calls": [
                {"id": f"call_{n}", "type": "function", "function": {"name": name, "arguments": json.dumps(args)}}
                for n, (name, args) in enumerate(calls)
            ],
        },
        "usage": {"prompt": 900, "completion": 100},
    }


def make_backlog(folder: Path, features: int, *, bad: int = 0) -> Path:
    """A repository whose backlog holds the features; returns its root.

    Args:
        folder: Where repository and records go.
        features: How many.
        bad: The number of a feature whose answers never pass; none if 0.
    """
    root, records = folder / "shop", folder / "records"
    files = {
        "pyproject.toml": PYPROJECT,
        ".gitignore": "__pycache__/\n.pytest_cache/\n",
        "README.md": "# Shop\n",
        "shop/__init__.py": 'NAME = "shop"\n',
        "tests/test_shop.py": TEST,
    }
    listed = []
    records.mkdir(parents=True)
    for number in range(1, features + 1):
        name, price = name_of(number), number * 10
        words = {"n": number, "price": price, "priority": 1 + number % 3}
        for file, text in (("spec.md", SPEC), ("plan.md", PLAN), ("tasks.md", TASKS)):
            files[f"specs/{name}/{file}"] = text.format(**words)
        code = f"def price_{number}():\n    return {price if number != bad else 'price'}\n"
        page = f"# Item {number}\n\n`price_{number}()` in `shop/item_{number}.py` is its price.\n"
        titles = (f"T001: Create `price_{number}()` in shop/item_{number}.py (FR-001)",
                  f"T002: Describe the item in docs/item_{number}.md (depends on T001)")  # fmt: skip
        rows = [answer(titles[0], f"shop/item_{number}.py", code)] * (3 if number == bad else 1)
        rows.append(answer(titles[1], f"docs/item_{number}.md", page))
        record = records / f"{name}.jsonl"
        record.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        listed.append(f"  - path: specs/{name}\n    model: replay:{record}\n")
    files["backlog.yaml"] = "features:\n" + "".join(listed)
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    env = {**os.environ, **AUTHOR}
    for command in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-q", "-m", "start"]):
        subprocess.run(["git", *command], cwd=root, check=True, env=env)
    return root


def nightly(root: Path, cache: Path, *options: str) -> subprocess.Popen[bytes]:
    """Start a night; what it says goes to night.log beside the cache."""
    env = {
        **os.environ, **AUTHOR, "KFPILOT_CACHE_DIR": str(cache), "KFPILOT_PYTHON": sys.executable,
        "KFPILOT_REFINE": "never", "KFPILOT_TEST_COMMAND": json.dumps(LIGHT),
    }  # fmt: skip
    command = [sys.executable, "-c", "from kfpilot.agent.cli.app import main; main()", "nightly", "-q", *options]
    with (cache.parent / "night.log").open("ab") as log:
        return subprocess.Popen(command, cwd=root, env=env, stdout=log, stderr=log, start_new_session=True)


def verified_commits(root: Path) -> Counter[str]:
    """How many commits each task of each feature has."""
    form = "%(trailers:key=Kfpilot-Feature,valueonly,separator=%x2c) %(trailers:key=Kfpilot-Task,valueonly,separator=)"
    said = subprocess.run(
        ["git", "log", "--branches=kfpilot/*", "--not", "main", f"--format={form}"],
        cwd=root, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    return Counter(line.strip() for line in said.splitlines() if line.strip())


def kill_at(process: subprocess.Popen[bytes], root: Path, commits: int) -> bool:
    """Kill the night, and all it started, once so many tasks are committed; False if it ended before."""
    while process.poll() is None:
        if sum(verified_commits(root).values()) >= commits:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return True
        time.sleep(0.1)
    return False


def run_with_kills(root: Path, cache: Path, features: int, kills: int) -> tuple[int, int, list[float]]:
    """The whole night; returns its exit code, how often it was killed, and the seconds of each session."""
    seconds, killed = [], 0
    for number in range(1, kills + 1):
        started = time.monotonic()
        process = nightly(root, cache)
        killed += kill_at(process, root, number * 2 * features // (kills + 1) + number % 2)
        seconds.append(time.monotonic() - started)
    started = time.monotonic()
    process = nightly(root, cache)
    code = process.wait()
    seconds.append(time.monotonic() - started)
    if code not in (0, 1):
        sys.stderr.write((cache.parent / "night.log").read_text(encoding="utf-8", errors="replace"))
    return code, killed, seconds


def problems_of(root: Path, features: int, killed: int) -> list[str]:
    """What is not as it must be after the last session."""
    (record,) = (root / ".kfpilot/nights").iterdir()
    night = json.loads((record / "nightly.json").read_text(encoding="utf-8"))
    found = []
    states = {item["entry"]["name"]: item["state"] for item in night["items"]}
    if len(states) != features or any(state not in ("verified", "done") for state in states.values()):
        found.append(f"features not verified: {[name for name, state in states.items() if state != 'verified']}")
    if night["state"] != "finished" or night["sessions"] != killed + 1:
        found.append(f"the night is {night['state']} after {night['sessions']} sessions, killed {killed} times")
    commits = verified_commits(root)
    wanted = {f"{name_of(number)} {task}" for number in range(1, features + 1) for task in ("T001", "T002")}
    if set(commits) != wanted:
        found.append(f"tasks without a commit: {sorted(wanted - set(commits))[:5]}")
    if max(commits.values(), default=0) > 1:
        found.append(f"done twice: {[task for task, many in commits.items() if many > 1]}")
    trees = subprocess.run(["git", "worktree", "list"], cwd=root, capture_output=True, text=True, check=True).stdout
    if len(trees.splitlines()) != 1:
        found.append(f"worktrees are left: {trees}")
    return found


def main() -> int:
    """Make, run, kill, check, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--features", type=int, default=20)
    parser.add_argument("--kills", type=int, default=2)
    parser.add_argument("--keep", type=Path, help="a new folder for repository and records, kept afterwards")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kfpilot-backlog-") as scratch:
        folder = options.keep.resolve() if options.keep else Path(scratch)
        root = make_backlog(folder, options.features)
        code, killed, seconds = run_with_kills(root, folder / "cache", options.features, options.kills)
        problems = problems_of(root, options.features, killed)
        print(f"{options.features} features, killed {killed} times; seconds of each session: "
              f"{', '.join(f'{part:.0f}' for part in seconds)}; exit code {code}")  # fmt: skip
        for problem in problems:
            print(f"WRONG: {problem}")
        if not problems:
            print("every feature accounted for, every task committed once")
        return int(bool(problems) or code != 0)


if __name__ == "__main__":
    sys.exit(main())
