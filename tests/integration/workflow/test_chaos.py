"""Runs that are killed with SIGKILL at many moments, and gone on with, end as one that nobody disturbed.

A few moments are tried with every run of the suite; all of them with `-m slow` (`make chaos`).
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kfpilot.agent.events import RunFinished, TaskFinished, read_journal
from kfpilot.tools import git as tools_git

BRANCH = "kfpilot/001-prices"
TASKS_FILE = "specs/001-prices/tasks.md"
TASKS = """- [ ] T001 [US1] Test `single` in tests/test_single.py (FR-001)
- [ ] T002 [US1] Describe the prices in docs/prices.md
- [ ] T003 [US1] Describe the shop in docs/shop.md
- [ ] T004 [US1] Describe the names in docs/names.md
"""
FILES = {
    "pyproject.toml": '[tool.pytest.ini_options]\npythonpath = ["."]\ntestpaths = ["tests"]\n',
    ".gitignore": "__pycache__/\n",
    "README.md": "# Shop\n\nPrices are in `shop/price.py`.\n",
    "shop/__init__.py": "",
    "shop/price.py": "def single(price):\n    return price\n",
    "tests/test_price.py": "from shop.price import single\n\n\ndef test_single():\n    assert single(2) == 2\n",
    "specs/001-prices/spec.md": "# Feature Specification: Prices\n\n- **FR-001**: A price MUST be kept\n",
    "specs/001-prices/plan.md": "# Implementation Plan: Prices\n\n## Summary\n\nKeep prices.\n",
    TASKS_FILE: f"# Tasks: Prices\n\n## Phase 1: Work\n\n{TASKS}",
}
EVENTS = {
    "run-started": 1,
    "plan-ready": 1,
    "baseline-ready": 1,
    "task-started": 4,
    "attempt-started": 6,
    "model-called": 6,
    "tool-called": 7,
    "gate-finished": 12,
    "attempt-finished": 6,
    "task-finished": 4,
    "final-check": 1,
    "acceptance-ready": 1,
    "review-finished": 1,
    "run-finished": 1,
}
"""Each kind of event, and how many of them at least come in a run."""

QUICK = (
    "model:2",
    "before:branch:1",
    "after:branch:2",
    "before:report:1",
    "before:clear:1",
)
SEED = 20261125
TIMES = 12
"""Kills at random times; some reach the whole group of the process, and so the git it has just called."""


def points() -> list[str]:
    """The moments to kill at."""
    found = []
    for kind, often in EVENTS.items():
        found += [f"event:{kind}:{number}" for number in sorted({1, (often + 1) // 2, often})]
    found += [f"model:{number}" for number in (1, 2, 4, 6)]
    for call, numbers in {
        "saved": (1,), "worktree": (1,), "plan": (1,), "tests": (1, 2), "verify": (1, 2), "evidence": (1, 3),
        "tick": (1, 2), "commit": (1, 2), "branch": (1, 3), "patch": (1,), "tell": (1,), "final": (1,), "report": (1,),
        "report-file": (1, 2), "clear": (1,),
    }.items():  # fmt: skip
        found += [f"{when}:{call}:{number}" for when in ("before", "after") for number in numbers]
    return found


def git(root: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True, text=True).stdout


class Zygote:
    """Starts runs in processes that can be killed."""

    def __init__(self) -> None:
        child = Path(__file__).with_name("chaos_child.py")
        self.process = subprocess.Popen(
            [sys.executable, str(child)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(self, job: dict[str, Any], kill_after: float | None = None, *, group: bool = False) -> int:
        """Do a job; returns the exit code, or the signal's number, negative."""
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        pid = json.loads(self.process.stdout.readline())["pid"]
        timer = threading.Timer(kill_after or 0, kill, (pid, group)) if kill_after is not None else None
        if timer:
            timer.start()
        code = int(json.loads(self.process.stdout.readline())["code"])
        if timer:
            timer.cancel()
        return code

    def close(self) -> None:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(20)


def kill(pid: int, group: bool) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL) if group else os.kill(pid, signal.SIGKILL)


@pytest.fixture(scope="session")
def zygote() -> Iterator[Zygote]:
    made = Zygote()
    yield made
    made.close()


class Place:
    """A repository with a run in it."""

    def __init__(self, zygote: Zygote, root: Path, cache: Path) -> None:
        self.zygote, self.root, self.cache, self.log = zygote, root, cache, cache.with_suffix(".log")

    def go(self, point: str = "", *, resume: bool = False, jobs: int = 1, **how: Any) -> int:
        job = {"root": str(self.root), "cache": str(self.cache), "log": str(self.log), "point": point}
        return self.zygote.run({**job, "resume": resume, "jobs": jobs}, **how)

    def end(self, jobs: int = 1) -> int:
        """Go on until the run is at its end; a run that was killed before it was noted down is started again."""
        code = self.go(resume=True, jobs=jobs)
        if code == 2 and not self.finished():
            code = self.go(jobs=jobs)
        return self.finished()[-1].exit_code if code == 2 else code

    def journal(self) -> list[Any]:
        runs = sorted((self.root / ".kfpilot/runs").glob("*/journal.jsonl"))
        return list(read_journal(runs[-1])) if runs else []

    def finished(self) -> list[Any]:
        return [event for event in self.journal() if isinstance(event, RunFinished)]

    def state(self) -> dict[str, Any]:
        """Everything that must be the same, however often the run was killed."""
        last = {event.task: event for event in self.journal() if isinstance(event, TaskFinished)}
        record = sorted((self.root / ".kfpilot/runs").iterdir())[-1]
        report = json.loads((record / "report.json").read_text())
        return {
            "tree": git(self.root, "rev-parse", f"{BRANCH}^{{tree}}"),
            "ticks": [
                line[:11] for line in git(self.root, "show", f"{BRANCH}:{TASKS_FILE}").splitlines() if "[" in line
            ],
            "subjects": git(self.root, "log", "--format=%s", BRANCH).splitlines(),
            "tasks": git(self.root, "log", "--format=%(trailers:key=Kfpilot-Task,valueonly)", BRANCH).split(),
            "outcomes": {key: event.outcome for key, event in sorted(last.items())},
            "reported": {task["id"]: (task["state"], bool(task["commit"])) for task in report["tasks"]},
            "checkout": git(self.root, "status", "--porcelain"),
            "main": git(self.root, "log", "--format=%s", "main"),
        }

    def leftovers(self) -> list[str]:
        """What a run must not leave: worktrees, their folders, locks, processes that work in them, halves of files."""
        left = [str(path) for path in tools_git.list_worktrees(tools_git.open_repo(self.root))]
        left += [str(path) for path in (self.cache / "worktrees").glob("*/*")]
        left += [str(path) for path in (self.root / ".git").rglob("*.lock") if path.name != "kfpilot-worktrees.lock"
                 and path.parent != self.root / ".git"]  # fmt: skip
        left += [str(path) for path in (self.root / ".kfpilot/runs").rglob(".*.json.*")]
        for link in Path("/proc").glob("[0-9]*/cwd"):
            try:
                if link.readlink().is_relative_to(self.cache):
                    left.append(str(link))
            except OSError:
                continue
        return left


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository that every run starts from."""
    root = tmp_path_factory.mktemp("template") / "repo"
    for path, content in FILES.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(content)
    git(root.parent, "init", "--quiet", "--initial-branch=main", root.name)
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "-m", "start")
    return root


@pytest.fixture(scope="session")
def undisturbed(zygote: Zygote, template: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The end of a run that nobody kills, and how long it took."""
    folder = tmp_path_factory.mktemp("undisturbed")
    shutil.copytree(template, folder / "repo", symlinks=True)
    place = Place(zygote, folder / "repo", folder / "cache")
    started = time.monotonic()
    code = place.go()
    took = time.monotonic() - started
    assert code == 1, place.log.read_text()
    kinds = [event.type for event in place.journal()]
    assert all(kinds.count(kind) >= number for kind, number in EVENTS.items()), "the points no longer fit the run"
    state = place.state()
    assert state["outcomes"] == {"T001": "verified", "T002": "verified", "T003": "failed", "T004": "verified"}
    assert place.leftovers() == []
    return {"state": state, "seconds": took}


@pytest.fixture
def place(zygote: Zygote, template: Path, tmp_path: Path) -> Place:
    shutil.copytree(template, tmp_path / "repo", symlinks=True)
    return Place(zygote, tmp_path / "repo", tmp_path / "cache")


def check(place: Place, undisturbed: dict[str, Any], jobs: int = 1) -> None:
    code = place.end(jobs)
    said = place.log.read_text()[-3000:]
    assert code == 1, said
    assert place.state() == undisturbed["state"], said
    assert place.leftovers() == []


@pytest.mark.chaos
@pytest.mark.parametrize("point", QUICK)
def test_a_killed_run_ends_like_one_that_was_not(place: Place, undisturbed: dict[str, Any], point: str) -> None:
    assert place.go(point) == -signal.SIGKILL
    check(place, undisturbed)


@pytest.mark.chaos
@pytest.mark.parametrize("point", ["once:model-called:2", "once:gate-finished:4"])
def test_a_signal_stops_after_the_step(place: Place, undisturbed: dict[str, Any], point: str) -> None:
    assert place.go(point) == 130
    events = place.journal()
    assert "kfpilot run 001-prices --resume" in place.log.read_text()
    assert events[-1].outcome == "interrupted" and events[-1].exit_code == 130
    assert "final-check" not in [event.type for event in events]
    assert [event.code for event in events if event.type == "notice"] == ["stopping"]
    check(place, undisturbed)


@pytest.mark.chaos
def test_a_second_signal_stops_at_once(place: Place, undisturbed: dict[str, Any]) -> None:
    # The model of this process takes longer than the test may.
    assert place.go("twice:attempt-started:1") == 130
    assert place.journal()[-1].outcome == "interrupted"
    check(place, undisturbed)


@pytest.mark.chaos
@pytest.mark.slow
@pytest.mark.parametrize("point", points())
def test_at_every_kind_of_moment(place: Place, undisturbed: dict[str, Any], point: str) -> None:
    assert place.go(point) == -signal.SIGKILL, place.log.read_text()[-3000:]
    check(place, undisturbed)


@pytest.mark.chaos
@pytest.mark.slow
@pytest.mark.parametrize("number", range(TIMES))
def test_at_random_times(place: Place, undisturbed: dict[str, Any], number: int) -> None:
    dice = random.Random(SEED + number)
    place.go(kill_after=dice.uniform(0.02, 1.0) * undisturbed["seconds"], group=bool(number % 2))
    check(place, undisturbed)


@pytest.mark.chaos
@pytest.mark.slow
@pytest.mark.parametrize("number", range(4))
def test_killed_again_and_again(place: Place, undisturbed: dict[str, Any], number: int) -> None:
    dice = random.Random(SEED - number)
    chosen = dice.sample(points(), 4)
    place.go(chosen[0])
    for point in chosen[1:]:
        place.go(point, resume=True)
    check(place, undisturbed)


@pytest.mark.chaos
@pytest.mark.slow
@pytest.mark.parametrize(
    "point",
    [
        *QUICK,
        "event:gate-finished:3",
        "event:task-started:4",
        "event:attempt-finished:3",
        "before:commit:2",
        "after:tick:3",
    ],
)
def test_killed_with_several_tasks_at_work(place: Place, undisturbed: dict[str, Any], point: str) -> None:
    place.go(point, jobs=3)
    check(place, undisturbed, jobs=3)
