"""What starts a night every evening: each file is looked at by the program that will read it."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from kfpilot.tools.infra_checks import infra_report

from .conftest import Village

pytestmark = pytest.mark.integration
ROOT = Path(__file__).parents[3]
CLONE = ("--clone", "https://github.com/owner/shop.git")


@pytest.fixture
def shop(village: Village) -> Village:
    village.add("001-a")
    village.commit()
    return village


def schedule(village: Village, *options: str) -> int:
    from kfpilot.agent.cli.app import main

    with pytest.raises(SystemExit) as end:
        main(["nightly", "schedule", "--repo", str(village.root), *options])
    return int(end.value.code or 0)


def errors(root: Path, *paths: str) -> list[str]:
    report = infra_report(root, list(paths))
    assert sum(report.checked.values()) >= len(paths)
    return [item.message for item in report.findings if item.severity == "error"]


def test_the_workflow_is_one_that_github_starts(shop: Village) -> None:
    assert schedule(shop, "--github", "--write", "--at", "21:30") == 0
    file = ".github/workflows/kfpilot-nightly.yml"
    text = (shop.root / file).read_text()
    assert errors(shop.root, file) == []
    assert 'cron: "30 21 * * *"' in text
    workflow = yaml.safe_load(text)
    assert workflow["permissions"] == {"contents": "write", "pull-requests": "write", "issues": "write"}
    (step,) = [step for step in workflow["jobs"]["nightly"]["steps"] if step.get("name") == "Work the backlog"]
    assert "--land pull-request" in step["run"] and step["env"]["OPENAI_API_KEY"] == "${{ secrets.OPENAI_API_KEY }}"


def test_the_cronjob_is_what_kubernetes_takes(shop: Village, tmp_path: Path) -> None:
    assert schedule(shop, "--k8s", *CLONE, "--out", str(tmp_path / "deploy")) == 0
    assert errors(tmp_path, "deploy/kfpilot-nightly.yaml") == []
    claim, job = yaml.safe_load_all((tmp_path / "deploy/kfpilot-nightly.yaml").read_text())
    assert job["spec"]["concurrencyPolicy"] == "Forbid"
    (container,) = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    assert container["args"][:3] == ["nightly", *CLONE]
    assert container["envFrom"] == [{"secretRef": {"name": "kfpilot-keys"}}]
    assert {"limits", "requests"} == set(container["resources"])
    assert claim["kind"] == "PersistentVolumeClaim"


def test_the_units_are_what_systemd_takes(shop: Village, tmp_path: Path) -> None:
    odd = tmp_path / "a shop 100%"
    shutil.copytree(shop.root, odd)
    shop.root = odd
    assert schedule(shop, "--systemd", "--at", "9:05", "--out", str(tmp_path / "units")) == 0
    timer, service = (tmp_path / "units/kfpilot-nightly.timer", tmp_path / "units/kfpilot-nightly.service")
    assert "OnCalendar=*-*-* 09:05:00" in timer.read_text()
    assert '"' + str(odd).replace("%", "%%") + '"' in service.read_text()
    if shutil.which("systemd-analyze"):
        done = subprocess.run(["systemd-analyze", "verify", "--user", str(timer), str(service)], capture_output=True,
                              text=True, env={"XDG_RUNTIME_DIR": str(tmp_path), "PATH": "/usr/bin:/bin"})  # fmt: skip
        assert done.returncode == 0, done.stderr


def test_the_crontab_line_runs_in_a_shell(shop: Village, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    odd = tmp_path / "it's 100%"
    shutil.copytree(shop.root, odd)
    shop.root = odd
    assert schedule(shop, "--cron", "--at", "00:15", "--until", "5:45") == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if not line.startswith("#")]
    fields = line.split(maxsplit=5)
    assert fields[:5] == ["15", "0", "*", "*", "*"]
    assert "%" not in line.replace("\\%", "")
    command = fields[5].replace("\\%", "%")
    # What cron hands to the shell, with a program that only tells its arguments.
    program = command.split("; ")[-1].split(" nightly ")[0]
    told = command.replace(program, "printf '%s\\n'", 1)
    subprocess.run(["/bin/sh", "-c", told], check=True, env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"})
    said = (odd / ".kfpilot/nightly.log").read_text().splitlines()
    assert said[:3] == ["nightly", "-C", str(odd)]
    assert said[-4:] == ["--until", "5:45", "--land", "pull-request"]


def test_a_changed_file_is_not_overwritten(shop: Village, capsys: pytest.CaptureFixture[str]) -> None:
    assert schedule(shop, "--github", "--write") == 0
    file = shop.root / ".github/workflows/kfpilot-nightly.yml"
    file.write_text("# mine\n")
    assert schedule(shop, "--github", "--write") == 2
    assert "--force" in capsys.readouterr().err and file.read_text() == "# mine\n"
    assert schedule(shop, "--github", "--write", "--force") == 0
    assert file.read_text() != "# mine\n"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "one of --github"),
        (["--github", "--cron"], "one at a time"),
        (["--cron", "--at", "24:00"], "--at 24:00"),
        (["--k8s"], "--clone"),
        (["--k8s", "--clone", "https://me:pw@github.com/o/n"], "user or a password"),
        (["--cron", "--land", "merge"], "--land"),
    ],
)
def test_what_cannot_be_scheduled_is_told(
    shop: Village, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    assert schedule(shop, *options) == 2
    assert said in capsys.readouterr().err


def test_json_gives_names_and_texts(shop: Village, capsys: pytest.CaptureFixture[str]) -> None:
    assert schedule(shop, "--systemd", "--json") == 0
    assert set(json.loads(capsys.readouterr().out)) == {"kfpilot-nightly.service", "kfpilot-nightly.timer"}


def test_the_workers_dockerfile_passes_hadolint() -> None:
    report = infra_report(ROOT, ["deploy/Dockerfile"])
    assert report.checked == {"dockerfile": 1}
    assert report.findings == [] and report.not_verified == []
