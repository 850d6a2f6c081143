"""Which settings a task asks for in so many words, and whether a file has them."""

import pytest
from kfpilot.agent.verifier.asked_settings import asked_settings, has_setting

CRON = """apiVersion: batch/v1
kind: CronJob
spec:
  schedule: "0 2 * * *"  # UTC
  timeZone: 'Etc/UTC'
  suspend: false
  jobTemplate: {spec: {backoffLimit: 1}}
  args: [--all]
"""
FLOW = """on:
  pull_request:
  push: {branches: [main]}
permissions:
  contents: read
jobs: {test: {timeout-minutes: 5}}
"""


@pytest.mark.parametrize(
    ("title", "settings"),
    [
        (
            "Add `deploy/x.yaml`: CronJob `x`, schedule `0 2 * * *`, `timeZone: Etc/UTC`, image `python:3.11-slim`",
            ["0 2 * * *", "timeZone: Etc/UTC"],
        ),
        ("Create the workflow with `permissions: contents: read`", ["permissions: contents: read"]),
        ("Add it with `replicas: 2` instead of `replicas: 1`", ["replicas: 2"]),
        ("Add it with `kind: Job` or `kind: CronJob`, such as `name: x`, not `suspend: true`", []),
        ("Add rows like `{id: 1}` and the records `id, queue`; run `pytest -k a: b`", []),
        ("Change `replicas: 1` in `deploy/x.yaml`", []),
    ],
)
def test_what_is_given_literally_is_asked_for(title: str, settings: list[str]) -> None:
    assert asked_settings(title) == settings


@pytest.mark.parametrize(
    "setting",
    [
        "0 2 * * *",
        "timeZone: Etc/UTC",
        "suspend: false",
        "backoffLimit: 1",
        "spec: backoffLimit: 1",
        "permissions: contents: read",
        "branches: [main]",
        "branches: main",
        "on: push: branches: main",
        "timeout-minutes: 5",
        "args: --all",
    ],
)
def test_a_setting_is_found_however_it_is_written(setting: str) -> None:
    assert has_setting(setting, [CRON, FLOW])


@pytest.mark.parametrize(
    "setting",
    ["0 3 * * *", "10 2 * * *", "timeZone: UTC", "backoffLimit: 10", "suspend: true", "contents: write", "push: read"],
)
def test_another_value_is_not_it(setting: str) -> None:
    assert not has_setting(setting, [CRON, FLOW, "kind: [broken"])
