"""The GitHub Action and the pre-commit hook: their form, and what the action's script does."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[3]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
BIN = Path(sys.executable).parent


def test_the_action_is_valid() -> None:
    command = [str(BIN / "check-jsonschema"), "--builtin-schema", "vendor.github-actions", str(ROOT / "action.yml")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_input_is_put_into_a_script() -> None:
    for step in ACTION["runs"]["steps"]:
        assert "${{" not in step.get("run", "")


def test_every_input_is_used_and_every_used_one_exists() -> None:
    text = (ROOT / "action.yml").read_text(encoding="utf-8")
    assert set(re.findall(r"inputs\.([\w-]+)", text)) == set(ACTION["inputs"])


@pytest.fixture
def run_step(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the action's main script as a runner would."""
    script = next(step["run"] for step in ACTION["runs"]["steps"] if step.get("id") == "run")

    def run(target: Path, commands: str = "audit", audit_args: str = "") -> subprocess.CompletedProcess[str]:
        env = {
            **os.environ,
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
            "RUNNER_TEMP": str(tmp_path / "runner"),
            "GITHUB_OUTPUT": str(tmp_path / "output"),
            "COMMANDS": commands,
            "TARGET": str(target),
            "AUDIT_ARGS": audit_args,
            "LINT_ARGS": "",
        }
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
        return subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)

    return run


def test_the_script_fails_on_a_contradiction_and_leaves_sarif(
    repository: Callable[..., Path],
    run_step: Callable[..., subprocess.CompletedProcess[str]],
    tmp_path: Path,
) -> None:
    root = repository("- [x] T001 Create src/never.py")
    done = run_step(root, audit_args="--no-run --quiet")
    assert done.returncode == 1, done.stderr
    assert "1 contradicted" in done.stdout
    assert "TICK-FILE" in (tmp_path / "runner/kfpilot/audit.sarif").read_text()
    assert (tmp_path / "output").read_text() == f"sarif-folder={tmp_path / 'runner/kfpilot'}\n"


def test_words_in_the_inputs_are_never_commands(
    repository: Callable[..., Path],
    run_step: Callable[..., subprocess.CompletedProcess[str]],
    tmp_path: Path,
) -> None:
    root = repository("- [x] T001 Create src/app.py")
    assert run_step(root, audit_args="--no-run --feature $(touch${IFS}bad);touch bad").returncode == 2
    assert run_step(root, commands="audit;touch bad").returncode == 2
    assert not list(tmp_path.rglob("bad"))


def test_the_hook_runs_what_exists_and_only_for_tasks() -> None:
    hooks = {hook["id"]: hook for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))}
    hook = hooks["kfpilot-audit"]
    assert hook["entry"].split()[:2] == ["kfpilot", "audit"]
    for path in ("specs/001-a/tasks.md", "a/.kiro/specs/b/tasks.md", "openspec/changes/archive/c/tasks.md"):
        assert re.search(hook["files"], path)
    for path in ("specs/001-a/spec.md", "docs/tasks.md", "myspecs/001-a/tasks.md"):
        assert not re.search(hook["files"], path)
