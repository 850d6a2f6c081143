"""The backlog as a pipeline: compiled, run on this machine by kfp.local, handed to a fake of the API server."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from kfpilot.agent.cli.app import main
from kfpilot.agent.night.models import Night
from kfpilot.tools import kfp_lint

from ..fake_kfp import FakeKfp, serving
from .conftest import Village, git

pytestmark = pytest.mark.integration
ROOT = Path(__file__).parents[3]
TOKEN = "kfp-1234567890-token"
LOCAL = """
import sys
from pathlib import Path
from kfp import local
from kfpilot.agent.cli.nightly import Plan
from kfpilot.agent.night.models import Budget
from kfpilot.agent.night.pipeline import Settings, build

root, out = Path(sys.argv[1]), sys.argv[2]
plan = Plan(root, None, only=[], night=Budget(), feature=Budget(), until=None, gate=None, landing={})
pipeline = build(plan.entries, Settings(land="push"))
local.init(local.SubprocessRunner(use_venv=False), pipeline_root=out, raise_on_error=True)
pipeline()
"""


@pytest.fixture
def kfp(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeKfp]:
    monkeypatch.setenv("KFP_TOKEN", TOKEN)
    with serving(FakeKfp(TOKEN)) as fake:
        yield fake


@pytest.fixture
def two(village: Village) -> Village:
    village.add("001-a")
    village.add("002-b")
    village.backlog({"001-a": "    depends-on: [002-b]\n    budget: {tokens: 5000}\n", "002-b": ""})
    git(village.root, "remote", "add", "origin", "https://github.com/owner/shop.git")
    return village


def compiled(village: Village, tmp_path: Path, *options: str) -> tuple[int, Path]:
    package = tmp_path / "night.yaml"
    return village.night("--engine", "kfp", "--package", str(package), *options), package


def test_each_feature_is_a_task_with_limits_retries_and_the_key_from_a_secret(two: Village, tmp_path: Path) -> None:
    code, package = compiled(two, tmp_path, "--image", "registry.example/worker:1.0", "--secret", "our-keys")
    assert code == 0
    spec, platform = yaml.safe_load_all(package.read_text())
    container = spec["deploymentSpec"]["executors"]["exec-work-feature"]["container"]
    assert container["image"] == "registry.example/worker:1.0"
    assert {"resourceCpuLimit", "resourceMemoryLimit"} <= set(container["resources"])
    loop = spec["components"]["comp-for-loop-2"]["dag"]["tasks"]["work-feature"]
    assert loop["retryPolicy"]["maxRetryCount"] == 2
    assert loop["cachingOptions"] == {}
    (item,) = json.loads(spec["root"]["dag"]["tasks"]["for-loop-2"]["parameterIterator"]["items"]["raw"])
    assert (item["feature"], item["repository"]) == ("002-b", "https://github.com/owner/shop.git")
    assert spec["root"]["dag"]["tasks"]["for-loop-4"]["dependentTasks"] == ["morning"]
    (secret,) = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]["exec-work-feature"]["secretAsEnv"]
    assert secret["secretName"] == "our-keys"
    assert "OPENAI_API_KEY" in {pair["envVar"] for pair in secret["keyToEnv"]}


def test_our_own_lint_has_nothing_against_the_pipeline() -> None:
    # The image is known when the pipeline is made, so the components are decorated there; the lint wants to see it.
    parts = (ROOT / "agent/night/kfp_parts.py").read_text()
    for name in ("work_feature", "morning"):
        assert f"def {name}(" in parts
        parts = parts.replace(f"def {name}(", f'@dsl.component(base_image="worker:1")\ndef {name}(')
    assert kfp_lint.problems(parts) == []
    assert kfp_lint.problems((ROOT / "agent/night/pipeline.py").read_text()) == []


def test_a_password_does_not_get_into_the_pipeline(
    two: Village, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    git(two.root, "remote", "set-url", "origin", "https://me:s3cr3t@github.com/owner/shop.git")
    code, package = compiled(two, tmp_path)
    assert code == 2 and not package.exists()
    assert "s3cr3t" not in capsys.readouterr().err


def test_a_run_is_submitted(two: Village, tmp_path: Path, kfp: FakeKfp, capsys: pytest.CaptureFixture[str]) -> None:
    code, _ = compiled(two, tmp_path, "--submit", "--kfp-host", kfp.url, "--json")
    assert code == 0
    (run,) = kfp.runs
    said = json.loads(capsys.readouterr().out)
    assert said["submitted"]["id"] == run["run_id"]
    assert said["features"] == ["002-b", "001-a"]
    assert kfp.experiments[0]["display_name"] == "kfpilot-nightly"


def test_a_recurring_run_takes_the_place_of_the_one_before(two: Village, tmp_path: Path, kfp: FakeKfp) -> None:
    for cron in ("0 22 * * *", "0 23 * * 1-5"):
        assert compiled(two, tmp_path, "--recurring", cron, "--kfp-host", kfp.url)[0] == 0
    (job,) = kfp.recurring
    assert job["trigger"]["cron_schedule"]["cron"] == "0 0 23 * * 1-5"
    assert int(job["max_concurrency"]) == 1
    assert job["no_catchup"] is True


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--submit"], "KFP_HOST"),
        (["--recurring", "tonight", "--kfp-host", "http://127.0.0.1:9"], "not the times of a crontab"),
        (["--submit", "--recurring", "0 22 * * *"], "one of the two"),
    ],
)
def test_what_cannot_be_submitted_is_told(
    two: Village, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    assert compiled(two, tmp_path, *options)[0] == 2
    assert said in capsys.readouterr().err


def test_a_refusal_is_told_without_the_token(
    two: Village, tmp_path: Path, kfp: FakeKfp, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KFP_TOKEN", "wrong-1234567890")
    assert compiled(two, tmp_path, "--submit", "--kfp-host", kfp.url)[0] == 2
    err = capsys.readouterr().err
    assert "did not take it" in err and "wrong-1234567890" not in err


@pytest.mark.timeout(600)
def test_the_pipeline_runs_here_and_delivers_the_report(
    tmp_path: Path, backlog_benchmark: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, bare, out = backlog_benchmark.make_backlog(tmp_path, 2), tmp_path / "remote.git", tmp_path / "out"
    git(tmp_path, "clone", "--quiet", "--bare", str(root), str(bare))
    git(root, "remote", "add", "origin", str(bare))
    monkeypatch.setenv("KFPILOT_PYTHON", sys.executable)
    monkeypatch.setenv("KFPILOT_REFINE", "never")
    (tmp_path / "empty").mkdir()
    done: Any = subprocess.run(
        [sys.executable, "-c", LOCAL, str(root), str(out)], cwd=tmp_path / "empty", capture_output=True, text=True
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    (folder,) = out.glob("*/morning")
    night = Night.model_validate_json((folder / "data").read_text())
    assert {item.entry.name: item.state for item in night.items} == {"001-item-1": "verified", "002-item-2": "verified"}
    assert "2 of 2 features verified" in (folder / "summary").read_text()
    assert (folder / "page").read_text().startswith("<!doctype html>")
    assert git(bare, "branch", "--list", "kfpilot/*", "--format=%(refname:short)").split() == [
        "kfpilot/001-item-1", "kfpilot/002-item-2",
    ]  # fmt: skip


def test_a_clone_is_made_once_and_then_brought_up_to_date(two: Village, tmp_path: Path) -> None:
    work = tmp_path / "work/repo"
    options = [
        "nightly",
        "--clone",
        str(two.root),
        "-C",
        str(work),
        "--dry-run",
        "--backlog",
        str(two.root / "backlog.yaml"),
    ]
    for _ in range(2):
        with pytest.raises(SystemExit) as end:
            main(options)
        assert not end.value.code
        (two.root / "more.txt").write_text("x")
        two.commit()
    assert git(work, "rev-parse", "HEAD") == git(two.root, "rev-parse", "HEAD~1")
