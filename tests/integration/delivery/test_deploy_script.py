"""deploy.py of a delivery against a server: a fake of the API over real HTTP, the real client of kfp."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml
from kfpilot.agent.delivery.collect import digest
from kfpilot.agent.delivery.models import Delivery, Package, Parameter
from kfpilot.agent.delivery.write import write_delivery

from ..fake_kfp import FakeKfp, serving

pytestmark = pytest.mark.integration
TOKEN = "kfp-1234567890-token"


def spec(name: str, note: str) -> str:
    root = {
        "inputDefinitions": {"parameters": {"day": {"parameterType": "STRING", "description": note}}},
        "dag": {"tasks": {}},
    }
    return yaml.safe_dump({"pipelineInfo": {"name": name}, "root": root, "schemaVersion": "2.1.0"})


NEW, OLD, FIRST = spec("daily", "new"), spec("daily", "old"), spec("weekly", "first")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeKfp]:
    monkeypatch.setenv("KFP_TOKEN", TOKEN)
    with serving(FakeKfp(TOKEN)) as fake:
        yield fake


@pytest.fixture
def delivered(tmp_path: Path) -> Path:
    day = Parameter(name="day", type="STRING", required=True)
    packages = [
        Package(
            pipeline="daily", source="shop/daily.py:7", state="changed", file="packages/daily.yaml",
            sha256=digest(NEW), previous="previous/daily.yaml", parameters=[day],
        ),
        Package(
            pipeline="weekly", source="shop/weekly.py:7", state="new", file="packages/weekly.yaml",
            sha256=digest(FIRST), parameters=[day],
        ),
    ]  # fmt: skip
    delivery = Delivery(
        feature="001-prices", version="v1.4", run="r", branch="b", base="a" * 40, head="b" * 40, packages=packages
    )
    texts = {"packages/daily.yaml": NEW, "previous/daily.yaml": OLD, "packages/weekly.yaml": FIRST}
    write_delivery(tmp_path / "out", delivery, texts)
    return tmp_path / "out"


class Said(NamedTuple):
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def here(delivered: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """The script in this process, which is quicker."""
    from kfpilot.agent.delivery import deploy as script

    monkeypatch.setattr(script, "HERE", delivered)

    def call(*words: str) -> Said:
        capsys.readouterr()
        code = script.main(list(words))
        return Said(code, *capsys.readouterr())

    return call


def deploy(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    # In a folder elsewhere and without kfpilot's own variables: it is a file that users carry away.
    env = {name: value for name, value in os.environ.items() if not name.startswith("KFPILOT_")}
    command = [sys.executable, str(folder / "deploy.py"), *words]
    return subprocess.run(command, cwd="/", env=env, capture_output=True, text=True, timeout=60)


def versions(server: FakeKfp, name: str) -> list[tuple[str, str]]:
    ids = [item["pipeline_id"] for item in server.pipelines if item["display_name"] == name]
    return [(item["display_name"], item["package"]) for item in server.versions if item["pipeline_id"] in ids]


def test_from_staging_to_the_way_back(server: FakeKfp, delivered: Path, tmp_path: Path) -> None:
    server.pipelines.append({"pipeline_id": "p1", "display_name": "daily"})
    for name in ("one", "two", "three"):  # more than the fake shows on a page
        server.add_version("p1", name, OLD)
    given = tmp_path / "arguments.json"
    given.write_text(json.dumps({"daily": {"day": "today"}, "weekly": {"day": "monday"}}))

    for _ in range(2):  # a second time changes nothing
        done = deploy(delivered, "upload", "--host", server.url)
        assert done.returncode == 0, done.stderr
    assert [name for name, _ in versions(server, "daily")] == ["one", "two", "three", "v1.4"]
    assert versions(server, "daily")[-1][1] == NEW
    assert versions(server, "weekly") == [("weekly", FIRST), ("v1.4", FIRST)]

    done = deploy(delivered, "stage", "--host", server.url, "--arguments", str(given), "--every", "0.05")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(": SUCCEEDED") == 2
    assert [run["runtime_config"]["parameters"] for run in server.runs] == [{"day": "today"}, {"day": "monday"}]
    assert server.experiments[0]["display_name"] == "staging"

    server.recurring.append(
        {
            "recurring_run_id": "job-1",
            "display_name": "every night",
            "status": "ENABLED",
            "pipeline_version_reference": {"pipeline_id": "p1", "pipeline_version_id": "v4"},
        }
    )
    done = deploy(delivered, "rollback", "--host", server.url)
    # Somebody must set the schedule up anew, and there is nothing before the new pipeline.
    assert done.returncode == 1, done.stderr
    assert versions(server, "daily")[-1] == ("v1.4-rollback", OLD)
    assert "daily: the schedule every night (job-1) runs v1.4" in done.stdout
    assert "weekly: it is new" in done.stdout
    assert len(server.versions) == 7


@pytest.mark.parametrize("state", ["FAILED", "CANCELED"])
def test_a_run_that_does_not_succeed_is_no_success(
    server: FakeKfp, here: Callable[..., Said], tmp_path: Path, state: str
) -> None:
    server.states = ["PENDING", state]
    (tmp_path / "a.json").write_text('{"daily": {"day": "today"}}')

    done = here(
        "stage", "--host", server.url, "--pipeline", "daily", "--arguments", str(tmp_path / "a.json"),
        "--every", "0.05",
    )  # fmt: skip

    assert done.returncode == 1
    assert done.stdout.rstrip().endswith(f": {state}")


def test_what_can_be_known_before_is_said_before_anything_is_sent(
    server: FakeKfp, here: Callable[..., Said], delivered: Path, tmp_path: Path
) -> None:
    odd = tmp_path / "odd.json"
    odd.write_text('{"daily": {"day": "x", "night": 1}, "weekly": {"day": "x"}}')
    stage = ("stage", "--host", server.url)

    assert "daily needs day" in here(*stage).stderr
    assert "daily has no input night" in here(*stage, "--arguments", str(odd)).stderr
    assert "no package of hourly" in here(*stage, "--pipeline", "hourly").stderr
    assert "KFP_HOST" in here("upload").stderr
    (delivered / "packages/daily.yaml").write_text(OLD)
    done = here("upload", "--host", server.url)
    assert done.returncode == 2 and "is not what was delivered" in done.stderr

    assert not (server.pipelines or server.runs or server.experiments)


def test_a_server_that_refuses_or_is_not_there_is_one_line_without_the_token(
    server: FakeKfp, here: Callable[..., Said]
) -> None:
    server.token = "another"

    done = here("upload", "--host", server.url)

    assert done.returncode == 2
    assert done.stderr == f"deploy.py: {server.url} does not let us in (401). Set KFP_TOKEN.\n"
    for host in ("http://127.0.0.1:9", "no-address"):
        done = here("upload", "--host", host)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert f"{host} cannot be reached" in done.stderr
