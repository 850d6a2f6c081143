"""Tests that only read YAML and JSON files: they must notice some change of them, and need not notice every one."""

from __future__ import annotations

import pytest
from kfpilot.agent.verifier.models import GateResult

from .conftest import MakeScene

pytestmark = pytest.mark.integration

TASKS = "- [ ] T001 Test that deploy/web.yaml has 3 replicas in tests/test_web.py\n"
TEST = "tests/test_web.py"
WEB = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web  # the shop
  labels: {app: web, team: shop}
spec:
  replicas: 3
  paused: false
  template:
    spec:
      containers:
        - name: web
          image: registry/web:1.4
        - name: side
          image: registry/side:2.0
"""
FILES = {
    "deploy/web.yaml": WEB,
    "deploy/limits.json": '{"cpu": 2, "queues": ["fast", "slow"]}\n',
    "deploy/Dockerfile": "FROM python:3.11\n",
    "tests/data/small.yaml": "a: 1\n",
}
READ = """\
import json
import subprocess
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
WEB = ROOT / "deploy/web.yaml"


def test_it():
"""


def judged(scene: MakeScene, body: str, *, read: str = READ) -> GateResult:
    text = read + "".join(f"    {line}\n" for line in body.splitlines())
    verdict = scene(TASKS, FILES).judge({TEST: text}, "mutation")
    (done,) = (gate for gate in verdict.gates if gate.gate == "mutation")
    return done


@pytest.mark.parametrize(
    "body",
    [
        'assert yaml.safe_load(WEB.read_text())["spec"]["replicas"] == 3',
        'assert "registry/web" in WEB.read_text()',
        'assert len(yaml.safe_load(WEB.read_text())["spec"]["template"]["spec"]["containers"]) == 2',
        'assert json.loads((ROOT / "deploy/limits.json").read_text())["queues"] == ["fast", "slow"]',
        'for file in ROOT.glob("deploy/*.yaml"):\n    assert yaml.safe_load(file.read_text())["kind"] == "Deployment"',
    ],
)
def test_one_change_that_is_noticed_is_enough(scene: MakeScene, body: str) -> None:
    done = judged(scene, body)
    assert done.passed, done.failures
    assert done.counts["killed"] >= 1
    assert f"{done.counts['killed']} of {done.counts['mutants']} changes of the data files were noticed" in done.summary
    assert done.not_verified == []


def test_what_is_noticed_and_what_not_is_said(scene: MakeScene) -> None:
    done = judged(scene, 'assert yaml.safe_load(WEB.read_text())["spec"]["replicas"] == 3')
    notes = "\n".join(done.notes)
    assert done.counts["mutants"] > done.counts["killed"] > 1
    assert "is noticed by no test" in notes
    # What the test speaks of was tried before the rest.
    assert "replicas" not in notes


@pytest.mark.parametrize(
    "body",
    [
        "assert yaml.safe_load(WEB.read_text())",
        "assert len(WEB.read_text()) > 10",
        'data = json.loads((ROOT / "deploy/limits.json").read_text())\nassert data is not None',
    ],
)
def test_tests_that_notice_nothing_are_blind(scene: MakeScene, body: str) -> None:
    done = judged(scene, body)
    assert not done.passed
    (said,) = done.failures
    name = "deploy/limits.json" if "limits" in body else "deploy/web.yaml"
    assert said.startswith(f"{TEST}: the tests check nothing of {name}: they pass after changing every value,")


@pytest.mark.parametrize(
    "body",
    [
        # Holds on every changed file, and is right.
        'assert ":latest" not in WEB.read_text()',
        'assert not [line for line in WEB.read_text().splitlines() if ":latest" in line]',
        # Is about something else.
        'assert WEB.read_text()\nassert (ROOT / "deploy/Dockerfile").read_text().startswith("FROM python")',
        'assert WEB.read_text()\nassert subprocess.run(["true"]).returncode == 0',
    ],
)
def test_what_may_be_right_is_told_and_does_not_fail(scene: MakeScene, body: str) -> None:
    done = judged(scene, body)
    assert done.passed
    assert "the tests check nothing of deploy/web.yaml" in done.notes[0]


def test_a_file_beside_the_one_that_is_checked_need_not_be(scene: MakeScene) -> None:
    body = 'limits = (ROOT / "deploy/limits.json").read_text()\nassert "replicas: 3" in WEB.read_text()\nassert limits'
    done = judged(scene, body)
    assert done.passed and done.counts["killed"] >= 1


@pytest.mark.parametrize(
    "body", ["assert 1 + 1 == 2", 'assert yaml.safe_load((ROOT / "tests/data/small.yaml").read_text())']
)
def test_tests_that_read_no_file_of_the_project_are_said_to_be_unseen(scene: MakeScene, body: str) -> None:
    done = judged(scene, body)
    assert done.passed
    assert done.not_verified == [
        f"{TEST}: whether the tests can fail, as they import no function of the project and read no data file of it"
    ]


@pytest.mark.parametrize("body", ['assert DATA["replicas"] == 3', "assert DATA"])
def test_files_read_when_the_module_is_loaded_count(scene: MakeScene, body: str) -> None:
    read = READ.replace("\n\ndef test_it", '\nDATA = yaml.safe_load(WEB.read_text())["spec"]\n\n\ndef test_it')
    done = judged(scene, body, read=read)
    # A key that the module cannot do without looks like a broken file, so nothing is said against `assert DATA`.
    assert done.passed and (done.counts["killed"] >= 1) == ("replicas" in body)
