# title: Test of a Kubernetes manifest
# use when: the tests of a manifest, such as a CronJob: what stands in its YAML
# keywords: manifest, deploy, cronjob, kubernetes, yaml, PyYAML, schedule, namespace, service account, containers, limits, volume
# roles: tests
# path: tests/test_station_cronjob.py
"""Tests of the manifest deploy/station-cronjob.yaml."""

from pathlib import Path

import yaml

MANIFEST = Path(__file__).parents[1] / "deploy" / "station-cronjob.yaml"


def load():
    return yaml.safe_load(MANIFEST.read_text())


def test_runs_at_half_past_five():
    spec = load()["spec"]
    assert spec["schedule"] == "30 5 * * *"
    assert spec["concurrencyPolicy"] == "Forbid"


def test_every_container_has_limits():
    pod = load()["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    assert [sorted(container["resources"]["limits"]) for container in pod["containers"]] == [["cpu", "memory"]]
