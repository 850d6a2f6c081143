"""kfpilot in a project that spec-kit's own `specify init` has made."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from kfpilot.agent.cli.init import init_command
from kfpilot.agent.cli.plan import plan_command
from kfpilot.agent.models.handle import Handle
from kfpilot.agent.models.scripted import ScriptedModel, calls
from kfpilot.agent.settings import Settings
from kfpilot.agent.workflow import driver
from kfpilot.agent.workflow.driver import implement
from kfpilot.agent.workflow.place import Request

SPECIFY = Path(sys.executable).parent / "specify"
pytestmark = pytest.mark.skipif(
    not SPECIFY.exists(), reason="spec-kit's command line (specify-cli) is not installed beside this Python"
)

TASKS = """# Tasks: Prices

## Phase 1: Describe

- [ ] T001 [US1] Describe the prices in docs/prices.md (FR-001)
"""
PAGE = "# Prices\n\n`single()` in `shop/price.py` keeps a price.\n"


def git(root: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True, text=True).stdout


def specify(folder: Path, assistant: str) -> Path:
    """A project of spec-kit, in git; skips where this spec-kit cannot make one here, such as without a network."""
    command = [str(SPECIFY), "init", "shop", "--integration", assistant, "--non-interactive", "--ignore-agent-tools"]
    # A proxy that leads nowhere: what this needs must be in the package.
    env = {**os.environ, "HTTPS_PROXY": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9", "NO_COLOR": "1"}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=120)
    root = folder / "shop"
    if done.returncode or not (root / ".specify").is_dir():
        pytest.skip(f"specify init does not work here: {(done.stdout + done.stderr).strip()[-300:]}")
    if not (root / ".git").exists():
        git(folder, "init", "--quiet", "--initial-branch=main", "shop")
    for path, text in {"shop/__init__.py": "", "shop/price.py": "def single(price):\n    return price\n"}.items():
        (root / path).parent.mkdir(exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "-m", "start")
    return root


def feature_of(root: Path) -> Path:
    """A feature made by spec-kit's own script, with its documents filled in."""
    script = root / ".specify/scripts/bash/create-new-feature.sh"
    done = subprocess.run(
        ["bash", str(script), "--json", "Describe the prices"], cwd=root, check=True, capture_output=True, text=True
    )
    spec = Path(json.loads(done.stdout.splitlines()[0])["SPEC_FILE"])
    text = spec.read_text(encoding="utf-8").replace("$ARGUMENTS", "Describe the prices")
    spec.write_text(text, encoding="utf-8")
    template = root / ".specify/templates/plan-template.md"
    (spec.parent / "plan.md").write_text(template.read_text(encoding="utf-8"), encoding="utf-8")
    (spec.parent / "tasks.md").write_text(TASKS, encoding="utf-8")
    return spec.parent


@pytest.mark.parametrize(
    ("assistant", "ours"),
    [
        ("claude", ".claude/commands/kfpilot.implement.md"),
        ("copilot", ".github/prompts/kfpilot.implement.prompt.md"),
        ("gemini", ".gemini/commands/kfpilot.implement.toml"),
    ],
)
def test_init_finds_the_assistant_and_leaves_spec_kit_alone(
    assistant: str, ours: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = specify(tmp_path, assistant)
    capsys.readouterr()
    assert init_command(root, [], json=True) == 0
    rows = json.loads(capsys.readouterr().out)["files"]
    assert {row["assistant"] for row in rows} == {assistant}
    assert ours in {row["path"] for row in rows}
    # New files only: nothing of spec-kit's is changed, and --remove leaves no trace.
    assert all(line.startswith("?? ") for line in git(root, "status", "--short").splitlines())
    assert init_command(root, [], remove=True) == 0
    assert git(root, "status", "--short", "--ignored") == ""


def test_a_feature_of_spec_kit_is_planned_and_worked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = specify(tmp_path, "claude")
    folder = feature_of(root)
    init_command(root, [])
    words = tmp_path / "words.txt"
    words.write_text(f"{folder.name[:3]} T001, in plain words", encoding="utf-8")
    capsys.readouterr()
    plan_command(root, None, [], tasks=[], stories=[], no_llm=True, json=True, words_file=words)
    plan = json.loads(capsys.readouterr().out)
    assert (plan["feature"], [[task["id"] for task in wave] for wave in plan["waves"]]) == (folder.name, [["T001"]])

    answer: Any = calls(
        ("write_file", {"path": "docs/prices.md", "content": PAGE}), ("finish", {"summary": "described"})
    )
    model = ScriptedModel([answer])

    @contextmanager
    def opened(settings: Settings, **more: Any) -> Iterator[Handle]:
        yield Handle(model=model, name="scripted", tools=True, kind="fake")

    monkeypatch.setattr(driver, "open_model", opened)
    settings = Settings(cache_dir=tmp_path / "cache", python=Path(sys.executable), refine="never", review="never")
    # No feature is named: spec-kit's .specify/feature.json says which one is meant.
    assert implement(root, Request(words="in plain words"), settings, []) == 0
    branch = f"kfpilot/{folder.name}"
    assert git(root, "show", f"{branch}:docs/prices.md") == PAGE
    assert "- [X] T001" in git(root, "show", f"{branch}:specs/{folder.name}/tasks.md").replace("[x]", "[X]")
