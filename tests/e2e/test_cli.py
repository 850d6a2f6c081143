"""The program as a user starts it. Each process costs about half a second, so there are few."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "daily-summary"
PROGRAM = "import sys; from kfpilot.agent.cli.app import main; main(sys.argv[1:])"
pytestmark = pytest.mark.e2e


def kfpilot(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "NO_COLOR": "1", "KFPILOT_FORBID_MODELS": "1"}
    command = [sys.executable, "-c", PROGRAM, *arguments]
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=120)


def git(root: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True)


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """A scratch copy of the example, as a repository."""
    root = tmp_path / "daily-summary"
    shutil.copytree(EXAMPLE, root, ignore=shutil.ignore_patterns("__pycache__", ".pytest_cache", ".kfpilot"))
    git(tmp_path, "init", "--quiet", "--initial-branch=main", root.name)
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "-m", "start")
    return root


def complaint(done: subprocess.CompletedProcess[str], *words: str) -> None:
    """Exit code 2 and one message with these words: no stack trace, nothing on standard output."""
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("kfpilot: ")
    assert len(done.stderr.strip().splitlines()) <= 3
    assert done.stdout == ""
    for word in words:
        assert word in done.stderr


def test_help_lists_the_commands(tmp_path: Path) -> None:
    done = kfpilot("--help", cwd=tmp_path)
    assert done.returncode == 0
    listed = {line.split()[0] for line in done.stdout.splitlines() if line.startswith("  ") and line.split()}
    assert {"run", "plan", "verify", "report", "status", "demo", "doctor", "model"} <= listed


def test_the_plan_as_json(example: Path) -> None:
    done = kfpilot("plan", "--no-llm", "--json", cwd=example)
    assert done.returncode == 0, done.stderr
    plan = json.loads(done.stdout)
    assert set(plan) == {"feature", "waves", "skipped", "warnings"}
    assert plan["feature"] == "001-customer-summary"
    tasks = [task for wave in plan["waves"] for task in wave]
    keys = {"id", "title", "role", "story", "priority", "files", "depends_on", "gates", "refs"}
    assert all(keys <= set(task) for task in tasks)
    assert sorted(task["id"] for task in tasks) == [f"T00{number}" for number in range(1, 9)]
    roles = {task["id"]: task["role"] for task in tasks}
    assert (roles["T001"], roles["T002"], roles["T003"], roles["T008"]) == ("infra", "code", "tests", "docs")
    assert not (example / ".kfpilot").exists()


@pytest.mark.parametrize("command", [["run"], ["plan", "--no-llm"]])
def test_a_feature_that_is_not_there(example: Path, command: list[str]) -> None:
    complaint(kfpilot(*command, "007-nothing", cwd=example), "007-nothing", "001-customer-summary")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("depends on T002, T004", "depends on T099", ["tasks.md:", "T006", "T099", "no task has that id"]),
        ("depends on T002, T004", "depends on T007", ["tasks.md:", "circle", "T006"]),
        (None, None, ["no tasks.md", "speckit.tasks"]),
    ],
    ids=["unknown", "cycle", "missing"],
)
def test_documents_that_cannot_be_worked(example: Path, old: str | None, new: str, words: list[str]) -> None:
    file = example / "specs/001-customer-summary/tasks.md"
    if old is None:
        file.unlink()
    else:
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new))
    complaint(kfpilot("run", cwd=example), *words)


def test_a_folder_that_is_no_repository(tmp_path: Path) -> None:
    complaint(kfpilot("run", cwd=tmp_path), "not in a git repository", "git init")


def test_a_bare_repository(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--bare", "bare.git")
    complaint(kfpilot("plan", "--no-llm", cwd=tmp_path / "bare.git"), "bare repository", "git clone")


def test_verify_of_a_feature_without_ticks(example: Path) -> None:
    complaint(kfpilot("verify", cwd=example), "no task is ticked", "kfpilot verify T001")
    complaint(kfpilot("verify", "T099", cwd=example), "no task T099", "Near: T00")


def test_verify_judges_the_checkout_and_leaves_it_alone(example: Path) -> None:
    page = example / "docs/daily_summary.md"
    page.parent.mkdir()
    page.write_text("# Daily summary\n\n`pipelines/nowhere.py` makes it.\n")
    done = kfpilot("verify", "T008", "--json", cwd=example)
    assert done.returncode == 1, done.stderr
    (task,) = json.loads(done.stdout)["tasks"]
    assert (task["task"], task["passed"]) == ("T008", False)
    text = json.dumps([gate["failures"] for gate in task["gates"] if gate["gate"] == "docs"])
    assert "pipelines/nowhere.py" in text
    listed = subprocess.run(["git", "worktree", "list"], cwd=example, capture_output=True, text=True, check=True)
    assert len(listed.stdout.splitlines()) == 1
    status = subprocess.run(["git", "status", "--porcelain"], cwd=example, capture_output=True, text=True, check=True)
    assert status.stdout == "?? docs/\n"


def test_status_and_report_before_the_first_run(example: Path) -> None:
    status = kfpilot("status", cwd=example)
    assert status.returncode == 0, status.stderr
    assert "001-customer-summary" in status.stdout
    complaint(kfpilot("report", cwd=example), "kfpilot run")


def test_a_run_without_a_usable_model(example: Path) -> None:
    done = kfpilot("run", "--model", "replay:nowhere.jsonl", "--plain", cwd=example)
    assert done.returncode in (2, 4)
    assert "nowhere.jsonl" in done.stderr
    assert "Traceback" not in done.stderr


def test_diff_ir_tells_what_breaks_callers(example: Path) -> None:
    file = example / "pipelines/daily_summary.py"
    same = kfpilot("diff-ir", cwd=example)
    assert same.returncode == 0 and "daily" not in same.stdout, same.stdout
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("export_uri", "source"), encoding="utf-8")
    broken = kfpilot("diff-ir", cwd=example)
    assert broken.returncode == 1 and "the input export_uri is gone" in broken.stdout, broken.stdout + broken.stderr
    told = json.loads(kfpilot("diff-ir", "--json", cwd=example).stdout)
    gone = [change for change in told["changes"] if change["kind"] == "removed"]
    assert [(change["what"], change["name"], change["breaking"]) for change in gone] == [("input", "export_uri", True)]
    complaint(kfpilot("diff-ir", "--base", "nowhere", cwd=example), "nowhere")
