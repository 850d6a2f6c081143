"""The main job from the documents to verified commits, with the recorded answers of a capable model.

The record was made by `kfpilot run` against an OpenAI-compatible endpoint; every gate runs for real.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from kfpilot.agent.models.replay import read_record
from kfpilot.agent.models.wire import rough_tokens

pytestmark = pytest.mark.e2e

QUICK = "KFPILOT_TEST_COMMAND"
ROOT = Path(__file__).parents[2]
RECORD = Path(__file__).parent / "records" / "daily_summary.jsonl"
IDS = [f"T00{number}" for number in range(1, 9)]
BRANCH = "kfpilot/001-customer-summary"
TASKS = "specs/001-customer-summary/tasks.md"
AUTHOR = ("-c", "user.name=A User", "-c", "user.email=user@example.invalid")


def git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *AUTHOR, *arguments], cwd=root, capture_output=True, check=True)
    return done.stdout.decode("utf-8")


def snapshot(root: Path) -> dict[str, bytes]:
    """Every file of the checkout, without git's own and the run records."""
    files = (path for path in root.rglob("*") if path.is_file())
    inside = {path.relative_to(root): path.read_bytes() for path in files}
    return {str(path): data for path, data in inside.items() if path.parts[0] not in (".git", ".kfpilot")}


class Finished:
    """A run that came to its end."""

    def __init__(self, root: Path, before: dict[str, bytes], done: subprocess.CompletedProcess[str]) -> None:
        self.root, self.before, self.done = root, before, done
        (self.record,) = (root / ".kfpilot" / "runs").iterdir()
        self.report: dict[str, Any] = json.loads((self.record / "report.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """The example in a repository of its own, and one run on it."""
    folder = tmp_path_factory.mktemp("replay")
    root = folder / "daily-summary"
    shutil.copytree(ROOT / "examples/daily-summary", root, ignore=shutil.ignore_patterns("__pycache__", ".kfpilot"))
    git(root, "init", "-q", "-b", "main")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "start")
    before = snapshot(root)
    foreign = ("OPENAI_", "KFPILOT_", "GIT_")
    env = {name: value for name, value in os.environ.items() if name == QUICK or not name.startswith(foreign)}
    env |= {"KFPILOT_CACHE_DIR": str(folder / "cache"), "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    command = [str(Path(sys.executable).parent / "kfpilot"), "run", "--model", f"replay:{RECORD}", "--plain"]
    done = subprocess.run(command, cwd=root, env=env, capture_output=True, text=True, timeout=150)
    assert (root / ".kfpilot" / "runs").is_dir(), done.stdout + done.stderr
    return Finished(root, before, done)


def test_all_tasks_are_verified_in_one_attempt_each(run: Finished) -> None:
    assert run.done.returncode == 0, run.done.stdout + run.done.stderr
    assert "8 of 8 tasks verified" in run.done.stdout
    states = {task["id"]: (task["state"], task["attempts"]) for task in run.report["tasks"]}
    assert states == dict.fromkeys(IDS, ("verified", 1))


def test_one_commit_a_task_with_its_evidence(run: Finished) -> None:
    log = git(run.root, "log", "--reverse", "--format=%(trailers:key=Kfpilot-Task,valueonly,separator=%x2C)"
              " %(trailers:key=Kfpilot-Evidence,valueonly,separator=%x2C)"
              " %(trailers:key=Kfpilot-Run,valueonly,separator=%x2C)", f"main..{BRANCH}")  # fmt: skip
    rows = [line.split() for line in log.splitlines()]
    assert sorted(row[0] for row in rows) == IDS
    assert {row[2] for row in rows} == {run.record.name}
    for task, evidence, _ in rows:
        assert re.fullmatch(r"[0-9a-f]{64}", evidence)
        seen = json.loads((run.record / "evidence" / f"{task}.json").read_text(encoding="utf-8"))
        assert seen["task"] == task and seen["gates"] and all(gate["passed"] for gate in seen["gates"])


def test_every_box_is_ticked_and_nothing_else_of_the_list_changed(run: Finished) -> None:
    before = run.before[TASKS]
    after = subprocess.run(
        ["git", "show", f"{BRANCH}:{TASKS}"], cwd=run.root, capture_output=True, check=True
    ).stdout  # fmt: skip
    assert before.count(b"- [ ] T0") == 8
    assert after == before.replace(b"- [ ] T0", b"- [X] T0") or after == before.replace(b"- [ ] T0", b"- [x] T0")


def test_each_commit_ticks_its_own_box_alone(run: Finished) -> None:
    for sha in git(run.root, "rev-list", f"main..{BRANCH}").split():
        task = git(run.root, "log", "-1", "--format=%(trailers:key=Kfpilot-Task,valueonly)", sha).strip()
        lines = git(run.root, "show", "--format=", "-U0", sha, "--", TASKS).splitlines()
        added = [line for line in lines if line.startswith("+") and not line.startswith("+++")]
        assert len(added) == 1 and f"] {task} " in added[0]


def test_the_work_is_on_the_branch_and_its_tests_pass(run: Finished, tmp_path: Path) -> None:
    changed = git(run.root, "diff", "--name-only", "main", BRANCH).split()
    assert set(changed) - {TASKS} == {
        ".github/workflows/tests.yml", "docs/daily_summary.md", "pipelines/components/select_orders.py",
        "pipelines/components/summarise_customers.py", "pipelines/daily_summary.py", "tests/test_daily_summary.py",
        "tests/test_select_orders.py", "tests/test_summarise_customers.py",
    }  # fmt: skip
    git(run.root, "worktree", "add", "-q", "--detach", str(tmp_path / "tree"), BRANCH)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path / "tree", capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    git(run.root, "worktree", "remove", "--force", str(tmp_path / "tree"))
    assert done.returncode == 0 and "16 passed" in done.stdout, done.stdout


def test_the_checkout_is_as_it_was(run: Finished) -> None:
    assert snapshot(run.root) == run.before
    assert git(run.root, "status", "--porcelain") == ""
    assert git(run.root, "symbolic-ref", "HEAD").strip() == "refs/heads/main"
    assert len(git(run.root, "worktree", "list").splitlines()) == 1


def test_the_report_has_the_figures(run: Finished) -> None:
    tests, page = run.report["tests"], (run.record / "report.md").read_text(encoding="utf-8")
    assert (tests["before"]["passed"], tests["after"]["passed"]) == (2, 16)
    assert tests["coverage_after"] > tests["coverage_before"] > 0
    verdicts = {row["id"]: row["verdict"] for row in run.report["acceptance"]}
    assert {key: verdict for key, verdict in verdicts.items() if key.startswith("FR")} == {
        f"FR-00{number}": "met" for number in range(1, 8)
    }
    assert "| **FR-001** " in page and "test_select_orders.py::test_keeps_only_the_paid_order_by_default" in page
    # No task stands for the success criteria: that is told in the plan, in the table and at the end.
    assert verdicts["SC-001"] == "open" and verdicts["SC-002"] == "not verifiable here"
    assert "criterion-without-task" in run.done.stdout and "2 named by no task" in run.done.stdout
    assert "No review: the record holds none" in page
    assert run.report["readiness"]["ready"]
    assert all(task in page for task in IDS) and "8 model calls" in page and "16 passed" in page


def test_thrift(run: Finished) -> None:
    """No more than a plain one-loop agent needs for a feature of this size; in fact far less."""
    usage = run.report["usage"]
    assert usage["calls"] <= 8
    assert 8 * 1000 < usage["prompt_tokens"] <= 69_000
    assert 0 < usage["completion_tokens"] <= 8_000
    assert max(task["usage"]["prompt_tokens"] for task in run.report["tasks"]) <= 4_000


def test_the_record_is_that_of_these_prompts(run: Finished) -> None:
    """A replay sends today's requests; the record should not show quite other ones."""
    recorded = sum(rough_tokens(row["request"]["messages"]) for row in read_record(RECORD))
    sent = run.report["usage"]["prompt_tokens"]
    assert 0.5 * sent < recorded <= sent
