"""What an audit can know of a history: shallow clones, no git, submodules, renames, kfpilot's own records."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kfpilot.agent.verifier.models import GateResult, Verdict

TASKS = "specs/001-orders/tasks.md"
BAD = "- [x] T002 Create src/never.py"


def test_a_shallow_clone_contradicts_no_file(
    git: Callable[..., str], repository: Callable[..., Path], kfpilot: Callable[..., Any], tmp_path: Path
) -> None:
    root = repository(BAD)
    git(root, "commit", "--quiet", "--allow-empty", "-m", "more")
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{root}", "shallow")
    ran = kfpilot(tmp_path / "shallow", "--no-run")
    assert ran.code == 0
    assert "shallow clone" in ran.out
    assert "git fetch --unshallow" in ran.out
    assert kfpilot(root, "--no-run").code == 1


def test_without_git_no_file_is_contradicted_and_runs_still_are(
    repository: Callable[..., Path], kfpilot: Callable[..., Any]
) -> None:
    root = repository(
        f"- [x] T001 Create src/app.py\n{BAD}\n- [x] T003 Write tests in tests/test_x.py",
        {"tests/test_x.py": "def test_x():\n    assert 1 == 2\n"},
    )
    shutil.rmtree(root / ".git")
    ran = kfpilot(root, "--json")
    assert ran.ticks() == {"T001": "verified", "T002": "unsupported", "T003": "contradicted"}
    assert "no git repository" in ran.json["notes"][0]
    assert kfpilot(root / "specs/001-orders", "--json").ticks() == ran.ticks()
    assert kfpilot(root, "--fix").code == 1
    assert "- [ ] T003" in (root / TASKS).read_text()
    assert not (root / ".git").exists()


def test_before_the_first_commit_nothing_is_certain(
    git: Callable[..., str], tmp_path: Path, kfpilot: Callable[..., Any]
) -> None:
    (tmp_path / "specs/001-a").mkdir(parents=True)
    (tmp_path / "specs/001-a/tasks.md").write_text(BAD + "\n")
    (tmp_path / "main.py").write_text("x = 1\n")
    git(tmp_path, "init", "--quiet")
    ran = kfpilot(tmp_path)
    assert ran.code == 0
    assert "no commit yet" in ran.out


def test_a_file_in_a_submodule_is_not_contradicted(
    git: Callable[..., str], repository: Callable[..., Path], kfpilot: Callable[..., Any], tmp_path: Path
) -> None:
    engine = repository("- [x] T001 Create src/app.py", name="engine")
    root = repository(f"- [x] T001 Create vendored/engine/src/motor.py\n{BAD}", {"pyproject.toml": "[project]\n"})
    git(root, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(engine), "vendored/engine")
    git(root, "commit", "--quiet", "-m", "engine")
    ran = kfpilot(root, "--json")
    assert ran.ticks() == {"T001": "unsupported", "T002": "contradicted"}
    assert "submodule" in ran.out
    git(root, "submodule", "--quiet", "deinit", "--force", "--all")
    assert kfpilot(root, "--json").ticks() == {"T001": "unsupported", "T002": "contradicted"}


def test_the_new_name_of_a_renamed_file_is_told(
    git: Callable[..., str], repository: Callable[..., Path], kfpilot: Callable[..., Any]
) -> None:
    root = repository("- [x] T001 Create src/first.py", {"src/first.py": "def first():\n    return 'first'\n"})
    for old, new in (("first", "second"), ("second", "third")):
        git(root, "mv", f"src/{old}.py", f"src/{new}.py")
        git(root, "commit", "--quiet", "-m", new)
    ran = kfpilot(root, "--no-run", "--all")
    assert "verified T001: src/first.py was renamed in " in ran.out
    assert "is src/third.py now" in ran.out


def test_a_file_of_another_branch_only_is_said_to_be_there(
    git: Callable[..., str], repository: Callable[..., Path], kfpilot: Callable[..., Any]
) -> None:
    root = repository(BAD)
    git(root, "switch", "--quiet", "-c", "other")
    (root / "src/never.py").write_text("x = 1\n")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "-m", "there")
    git(root, "switch", "--quiet", "main")
    ran = kfpilot(root, "--no-run")
    assert ran.code == 0
    assert "only on another branch" in ran.out


def test_a_file_that_was_not_touched_since_the_task_was_written_shows_nothing(
    git: Callable[..., str], repository: Callable[..., Path], kfpilot: Callable[..., Any]
) -> None:
    root = repository("- [x] T009 Discuss")
    (root / TASKS).unlink()
    git(root, "commit", "--quiet", "-am", "without")
    feature = root / "specs/002-late/tasks.md"
    feature.parent.mkdir()
    feature.write_text("- [ ] T001 Update src/app.py with a limit\n")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "-m", "tasks")
    feature.write_text("- [x] T001 Update src/app.py with a limit\n")
    assert "was not changed since the task was written" in kfpilot(root, "--no-run").out
    (root / "src/app.py").write_text("def start():\n    return 2\n")
    assert "1 verified" in kfpilot(root, "--no-run").out
    git(root, "commit", "--quiet", "-am", "done")
    assert "1 verified" in kfpilot(root, "--no-run").out


@pytest.fixture
def recorded(git: Callable[..., str], repository: Callable[..., Path]) -> Path:
    """A task without a trace in files, with a commit and the record of kfpilot's gates."""
    root = repository("- [ ] T001 Make the start quicker\n- [ ] T002 Make it quieter")
    record = root / ".kfpilot/runs/20260101-000000-aaaa/evidence"
    record.mkdir(parents=True)
    (root / ".kfpilot/.gitignore").write_text("*\n")
    verdict = Verdict(task="T001", tree="0" * 40, gates=[GateResult(gate="tests", passed=True, summary="3 passed")])
    (record / "T001.json").write_text(verdict.model_dump_json(indent=2))
    (root / "src/app.py").write_text("def start():\n    return 3\n")
    (root / TASKS).write_text((root / TASKS).read_text().replace("[ ] T001", "[x] T001"))
    git(root, "add", "--all")
    message = (
        "feat: quicker (T001)\n\nKfpilot-Task: T001\nKfpilot-Feature: 001-orders\n"
        f"Kfpilot-Evidence: {verdict.digest}\nKfpilot-Run: 20260101-000000-aaaa\n"
    )
    git(root, "commit", "--quiet", "-m", message)
    return root


def test_the_record_of_the_gates_verifies(recorded: Path, kfpilot: Callable[..., Any]) -> None:
    ran = kfpilot(recorded, "--no-run", "--all")
    assert "verified T001: kfpilot's gates passed in " in ran.out
    (recorded / "src/app.py").write_text("def start():\n    return 4\n")
    assert "changed since: src/app.py" in kfpilot(recorded, "--no-run", "--all").out


@pytest.mark.parametrize("how", ["gone", "forged", "failed", "rewritten", "other-feature", "undone"])
def test_a_record_that_is_not_the_one_verifies_nothing(
    git: Callable[..., str], how: str, recorded: Path, kfpilot: Callable[..., Any]
) -> None:
    file = recorded / ".kfpilot/runs/20260101-000000-aaaa/evidence/T001.json"
    if how == "gone":
        shutil.rmtree(recorded / ".kfpilot")
    elif how == "forged":
        file.write_text(file.read_text().replace("3 passed", "9 passed"))
    elif how == "failed":
        file.write_text(file.read_text().replace('"passed": true', '"passed": false'))
    elif how == "rewritten":
        text = (recorded / TASKS).read_text().replace("Make the start quicker", "Make the start prettier")
        (recorded / TASKS).write_text(text)
    elif how == "undone":
        commit = git(recorded, "rev-parse", "HEAD").strip()
        git(recorded, "commit", "--quiet", "--allow-empty", "-m", f"revert: it\n\nKfpilot-Undo: {commit}\n")
    else:
        git(recorded, "mv", "specs/001-orders", "specs/002-orders")
    assert "0 verified" in kfpilot(recorded, "--no-run").out
