"""Files that start a night every evening: a GitHub workflow, a crontab line, a systemd timer, a Kubernetes CronJob.

They hold no secret: each names the place that keys come from.
"""

from __future__ import annotations

import shlex
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from ...tools.infra_checks import infra_report
from ..errors import UserError
from .models import LandMode

Kind = Literal["github", "cron", "systemd", "k8s"]
GITHUB_FILE = ".github/workflows/kfpilot-nightly.yml"
GITHUB_LIMIT = 350
"""Minutes; a job on GitHub's own runners ends after 360."""


class Schedule(BaseModel):
    """What a schedule has to know."""

    model_config = ConfigDict(extra="forbid")

    root: Path
    at: str = "22:00"
    until: str = "06:00"
    land: LandMode = "pull-request"
    image: str = ""
    url: str = ""
    branch: str = "main"

    @property
    def hour(self) -> int:
        """The hour it begins."""
        return int(self.at.split(":")[0])

    @property
    def minute(self) -> int:
        """The minute it begins."""
        return int(self.at.split(":")[1])

    @property
    def minutes(self) -> int:
        """How long the night is."""
        start, end = (60 * int(text.split(":")[0]) + int(text.split(":")[1]) for text in (self.at, self.until))
        return (end - start) % (24 * 60) or 24 * 60


def files_of(kind: Kind, schedule: Schedule) -> dict[str, str]:
    """The files of a kind: name and text. All have been looked at by the checks for infrastructure files.

    Raises:
        UserError: Something is missing, or a text does not pass the checks.
    """
    if kind == "github":
        files = {GITHUB_FILE: github(schedule)}
    elif kind == "systemd":
        files = systemd(schedule)
    elif kind == "k8s":
        files = {"kfpilot-nightly.yaml": kubernetes(schedule)}
    else:
        files = {"crontab": crontab(schedule)}
    problems = checked(files)
    if problems:
        raise UserError(f"the {kind} files do not pass the checks: {problems[0]}", mend="Look at the values you gave.")
    return files


def checked(files: dict[str, str]) -> list[str]:
    """What the checks find, as the gate `infra` would say it."""
    with tempfile.TemporaryDirectory(prefix="kfpilot-schedule-") as folder:
        root = Path(folder)
        for name, text in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text, encoding="utf-8")
        report = infra_report(root, [name for name in files if name.endswith((".yml", ".yaml"))])
    return [f"{item.path}:{item.line}: {item.message}" for item in report.findings if item.severity == "error"]


def github(schedule: Schedule) -> str:
    """A workflow. GitHub's clock is UTC."""
    minutes = min(schedule.minutes, GITHUB_LIMIT - 20)
    return f"""# Works the backlog every night and opens pull requests. Needs: the secret OPENAI_API_KEY, the variables
# OPENAI_BASE_URL and OPENAI_MODEL, and "Allow GitHub Actions to create pull requests" in the repository's settings.
name: kfpilot nightly

on:
  schedule:
    - cron: "{schedule.minute} {schedule.hour} * * *"  # UTC
  workflow_dispatch:

permissions:
  contents: write
  pull-requests: write
  issues: write  # labels

concurrency:
  group: kfpilot-nightly
  cancel-in-progress: false

jobs:
  nightly:
    runs-on: ubuntu-latest
    timeout-minutes: {GITHUB_LIMIT}
    steps:
      - uses: actions/checkout@v4
        with:
          fetch-depth: 0
          persist-credentials: false
      - uses: actions/setup-python@v5
        with:
          python-version: "3.11"
      - name: Install
        run: python -m pip install kfpilot=={version("kfpilot")}
      - name: Work the backlog
        env:
          OPENAI_API_KEY: ${{{{ secrets.OPENAI_API_KEY }}}}
          OPENAI_BASE_URL: ${{{{ vars.OPENAI_BASE_URL }}}}
          OPENAI_MODEL: ${{{{ vars.OPENAI_MODEL }}}}
          GITHUB_TOKEN: ${{{{ github.token }}}}
          GIT_AUTHOR_NAME: kfpilot
          GIT_AUTHOR_EMAIL: kfpilot@users.noreply.github.com
          GIT_COMMITTER_NAME: kfpilot
          GIT_COMMITTER_EMAIL: kfpilot@users.noreply.github.com
        run: kfpilot nightly --plain --max-minutes {minutes} --land {schedule.land} --out nightly-report
      - name: Show the summary
        if: always()
        run: test ! -f nightly-report/nightly.md || cat nightly-report/nightly.md >> "$GITHUB_STEP_SUMMARY"
      - uses: actions/upload-artifact@v4
        if: always()
        with:
          name: nightly-report
          path: nightly-report
          if-no-files-found: ignore
"""


def program() -> str:
    """The kfpilot that is running, with its folder: cron and systemd have another PATH."""
    beside = Path(sys.executable).with_name("kfpilot")
    return str(beside) if beside.exists() else "kfpilot"


def command(schedule: Schedule) -> list[str]:
    """What cron and systemd start."""
    words = [program(), "nightly", "-C", str(schedule.root), "--plain", "--no-color"]
    return [*words, "--until", schedule.until, "--land", schedule.land]


def crontab(schedule: Schedule) -> str:
    """A line for `crontab -e`; a percent sign would begin a new line there."""
    folder = schedule.root / ".kfpilot"
    log = shlex.quote(str(folder / "nightly.log"))
    line = f"mkdir -p {shlex.quote(str(folder))}; {shlex.join(command(schedule))} >> {log} 2>&1".replace("%", "\\%")
    env = '{ set -a; [ ! -f "$HOME/.config/kfpilot/env" ] || . "$HOME/.config/kfpilot/env"; }'
    return (
        "# kfpilot: keys and endpoint in ~/.config/kfpilot/env (chmod 600), as NAME=value\n"
        f"{schedule.minute} {schedule.hour} * * * {env}; {line}\n"
    )


def systemd(schedule: Schedule) -> dict[str, str]:
    """A user's service and its timer; the unit's own language escapes % and quotes."""
    line = " ".join(unit_word(word) for word in command(schedule))
    service = f"""[Unit]
Description=kfpilot works the backlog of {schedule.root.name.replace("%", "%%")}

[Service]
Type=oneshot
ExecStart={line}
WorkingDirectory={str(schedule.root).replace("%", "%%")}
EnvironmentFile=-%h/.config/kfpilot/env
Nice=10
TimeoutStartSec={schedule.minutes + 30}min
# 1 and 3 are outcomes (not all verified, a budget), not faults of the service.
SuccessExitStatus=1 3
"""
    timer = f"""[Unit]
Description=kfpilot every night at {schedule.at}

[Timer]
OnCalendar=*-*-* {schedule.hour:02}:{schedule.minute:02}:00
Persistent=false

[Install]
WantedBy=timers.target
"""
    return {"kfpilot-nightly.service": service, "kfpilot-nightly.timer": timer}


def unit_word(word: str) -> str:
    """A word of ExecStart."""
    text = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{text}"' if text != word or any(char.isspace() or char in "';" for char in text) else text


def kubernetes(schedule: Schedule) -> str:
    """A CronJob and the volume that keeps clone and run records, so that an unfinished feature goes on."""
    import yaml

    if not schedule.url:
        raise UserError("the CronJob has to know what to clone", mend="Give --clone https://HOST/OWNER/NAME.git.")
    labels = {"app.kubernetes.io/name": "kfpilot-nightly"}
    secret = {"secretRef": {"name": "kfpilot-keys"}}
    container = {
        "name": "kfpilot",
        "image": schedule.image or f"kfpilot-worker:{version('kfpilot')}",
        "args": ["nightly", "--clone", schedule.url, "--revision", schedule.branch, "-C", "/data/repo", "--plain",
                 "--max-minutes", str(schedule.minutes), "--land", schedule.land],
        "envFrom": [secret],
        "env": [{"name": "KFPILOT_CACHE_DIR", "value": "/data/cache"}, {"name": "HOME", "value": "/data"}],
        "resources": {"requests": {"cpu": "1", "memory": "2Gi"}, "limits": {"cpu": "2", "memory": "4Gi"}},
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        "volumeMounts": [{"name": "work", "mountPath": "/data"}],
    }  # fmt: skip
    pod = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "securityContext": {"runAsNonRoot": True, "runAsUser": 10001, "fsGroup": 10001},
        "containers": [container],
        "volumes": [{"name": "work", "persistentVolumeClaim": {"claimName": "kfpilot-nightly"}}],
    }
    job = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": "kfpilot-nightly", "labels": dict(labels)},
        "spec": {
            "schedule": f"{schedule.minute} {schedule.hour} * * *",
            "concurrencyPolicy": "Forbid",
            "successfulJobsHistoryLimit": 3,
            "failedJobsHistoryLimit": 3,
            "jobTemplate": {
                "spec": {
                    "backoffLimit": 0,
                    "activeDeadlineSeconds": 60 * (schedule.minutes + 30),
                    "template": {"metadata": {"labels": dict(labels)}, "spec": pod},
                }
            },
        },
    }
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "kfpilot-nightly", "labels": labels},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "10Gi"}}},
    }
    head = (
        "# Keys first: kubectl create secret generic kfpilot-keys --from-literal=OPENAI_API_KEY=... \\\n"
        "#   --from-literal=OPENAI_BASE_URL=... --from-literal=OPENAI_MODEL=... --from-literal=GITHUB_TOKEN=...\n"
    )
    return head + yaml.safe_dump_all([claim, job], sort_keys=False, width=110)
