"""`kfpilot doctor`: each finding with its mend, the exit codes, and no key anywhere."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer
from kfpilot.agent.cli import doctor as module
from kfpilot.agent.cli.doctor import Diagnosis, diagnose
from kfpilot.agent.cli.model import model_app
from kfpilot.agent.models import choose, embedded
from kfpilot.agent.models.handle import Handle
from kfpilot.agent.models.probe import CONTENT, PATH
from kfpilot.agent.models.scripted import ScriptedModel, calls
from typer.testing import CliRunner

KEY = "sk-test-0123456789abcdef"


def run(*arguments: str, app: typer.Typer | None = None) -> Any:
    if app is None:
        app = typer.Typer()
        app.command()(module.doctor)
    return CliRunner().invoke(app, list(arguments))


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("OPENAI_BASE_URL", "OPENAI_API_KEY", "OPENAI_MODEL", "KFPILOT_API_KEY", "KFPILOT_FORBID_MODELS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("KFPILOT_MODEL_FILE", raising=False)
    monkeypatch.setenv("KFPILOT_CACHE_DIR", str(tmp_path / "cache"))
    folder = tmp_path / "repo"
    folder.mkdir()
    (folder / "a.txt").write_text("a")
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.com", "-C", str(folder)]
    for arguments in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "one"]):
        subprocess.run([*git, *arguments], check=True)
    return folder


def state(found: Diagnosis, name: str) -> tuple[str, str, str]:
    check = next(check for check in found.checks if check.name == name)
    return check.state, check.detail, check.mend


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> ScriptedModel:
    model = ScriptedModel()
    handle = Handle(model=model, name="big", tools=True, kind="endpoint")
    monkeypatch.setattr(choose.endpoint, "open_endpoint", lambda *args: handle)
    monkeypatch.setattr(choose.endpoint, "list_models", lambda *args: [{"id": "big"}])
    monkeypatch.setenv("OPENAI_BASE_URL", "http://me:pass@localhost:1/v1")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    return model


def test_all_is_well_with_an_endpoint_that_calls_tools(repo: Path, scripted: ScriptedModel) -> None:
    scripted.add(calls(("write_file", {"path": PATH, "content": CONTENT})), "done")
    result = run("--root", str(repo), "--json")
    assert result.exit_code == 0, result.output
    rows = json.loads(result.stdout)
    assert rows["exit_code"] == 0
    states = {row["name"]: row["state"] for row in rows["checks"]}
    assert set(states) >= {"python", "git", "repository", "kfp", "settings", "pytest", "cache", "disk", "model"}
    assert states["endpoint"] == states["tool calls"] == states["repository"] == states["pytest"] == "ok"
    assert KEY not in result.output and "pass@" not in result.output
    assert "OPENAI_API_KEY" in next(row["detail"] for row in rows["checks"] if row["name"] == "settings")


def test_a_model_without_tool_calls_is_usable_with_a_mend(repo: Path, scripted: ScriptedModel) -> None:
    scripted.add("I would write the file.")
    found = diagnose(repo)
    assert found.exit_code == 0
    assert state(found, "tool calls")[0] == "warn" and "--worker draft" in state(found, "tool calls")[2]


def test_a_dead_endpoint_is_no_usable_model(repo: Path, scripted: ScriptedModel) -> None:
    scripted.add(ConnectionRefusedError("refused"))
    result = run("--root", str(repo))
    assert result.exit_code == 4
    assert "fail  model: the model's endpoint cannot be reached" in result.output


def test_the_probe_can_be_left_out(repo: Path, scripted: ScriptedModel) -> None:
    assert diagnose(repo, probe=False).exit_code == 0 and not scripted.sent


def test_a_folder_that_is_no_repository(tmp_path: Path, repo: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    found = diagnose(outside)
    assert found.exit_code == 2
    assert state(found, "repository")[0] == "fail" and state(found, "repository")[2]


def test_uncommitted_files_are_a_warning(repo: Path) -> None:
    (repo / "a.txt").write_text("changed")
    level, detail, mend = state(diagnose(repo), "repository")
    assert level == "warn" and "a.txt" in detail and "Commit" in mend


def test_a_bad_setting_is_a_finding_not_a_trace(repo: Path) -> None:
    (repo / "pyproject.toml").write_text("[tool.kfpilot]\ndraftz = 3\n")
    found = diagnose(repo)
    assert found.exit_code == 2 and "draftz" in state(found, "settings")[1]


def test_an_interpreter_without_pytest(repo: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake = tmp_path / "python"
    fake.write_text("#!/bin/sh\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setenv("KFPILOT_PYTHON", str(fake))
    found = diagnose(repo)
    assert found.exit_code == 2 and "pip install pytest" in state(found, "pytest")[2]


def test_embedded_without_weights_is_a_warning_and_without_runtime_no_model(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "is_installed", lambda: True)
    found = diagnose(repo)
    assert found.exit_code == 0 and state(found, "weights")[0] == "warn" and "model pull" in state(found, "weights")[2]
    monkeypatch.setattr(embedded, "is_installed", lambda: False)
    found = diagnose(repo)
    assert found.exit_code == 4 and "kfpilot[local]" in state(found, "model")[2]


def test_a_missing_replay_is_bad_configuration_as_for_a_run(repo: Path) -> None:
    assert diagnose(repo, model="replay:none.jsonl").exit_code == 2


def test_model_status_says_what_is_missing(repo: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(embedded, "is_installed", lambda: True)
    result = run("status", app=model_app)
    assert result.exit_code == 4 and "kfpilot model pull" in result.output
    own = tmp_path / "own.gguf"
    own.write_bytes(b"GGUF....")
    result = run("status", "--json", "--model-file", str(own), app=model_app)
    assert result.exit_code == 0 and json.loads(result.stdout)["state"] == "ready"


def test_model_pull_prints_the_path_of_what_is_there(repo: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.gguf"
    own.write_bytes(b"GGUF....")
    result = run("pull", "--model-file", str(own), app=model_app)
    assert result.exit_code == 0 and result.stdout.strip() == str(own)


@pytest.mark.parametrize("command", ["pull", "status", "serve"])
def test_every_command_has_an_example(command: str) -> None:
    result = run(command, "--help", app=model_app)
    assert result.exit_code == 0 and f"Example: kfpilot model {command}" in result.output


def test_the_sandbox_is_named_and_its_absence_ends_in_a_mend(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from kfpilot.tools import sandbox

    monkeypatch.setattr(sandbox, "obstacle", lambda name: "" if name == "landlock" else "bwrap is not installed")
    status, detail, _ = state(diagnose(repo, probe=False), "sandbox")
    assert status == "ok"
    assert "no network" in detail
    monkeypatch.setenv("KFPILOT_SANDBOX", "off")
    assert state(diagnose(repo, probe=False), "sandbox")[0] == "warn"
    monkeypatch.setenv("KFPILOT_SANDBOX", "auto")
    monkeypatch.setattr(sandbox, "obstacle", lambda name: "not here")
    found = diagnose(repo, probe=False)
    status, detail, mend = state(found, "sandbox")
    assert (status, found.exit_code) == ("fail", 2)
    assert "landlock: not here" in detail
    assert "--sandbox=off" in mend


def test_a_mistyped_variable_is_a_warning(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KFPILOT_ATTEMPT", "2")
    level, detail, mend = state(diagnose(repo, probe=False), "settings")
    assert level == "warn" and "did you mean KFPILOT_ATTEMPTS?" in detail and mend


def test_a_wrong_url_is_bad_configuration_as_for_a_run(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "foo")
    found = diagnose(repo)
    assert found.exit_code == 2 and "'foo' is not the URL" in state(found, "model")[1]


@pytest.mark.parametrize(("timeout", "option"), [(60.0, "--timeout"), (600.0, "KFPILOT_MODEL_TIMEOUT")])
def test_a_slow_model_is_one_failure_with_the_option_that_helps(
    timeout: float, option: str, repo: Path, scripted: ScriptedModel
) -> None:
    scripted.add(TimeoutError("too slow"))
    found = diagnose(repo, timeout=timeout)
    assert found.exit_code == 4
    assert [(check.name, check.state) for check in found.checks if check.name == "model"] == [("model", "fail")]
    assert f"Raise {option} (seconds)" in state(found, "model")[2]
    assert state(found, "endpoint")[1].endswith("answers, 1 model")
