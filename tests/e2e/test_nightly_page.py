"""Every command of docs/nightly.md is run in a repository with two features; its backlog is read."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from kfpilot.agent.night.backlog import read_backlog

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/nightly.md").read_text(encoding="utf-8")
COMMANDS = [
    line
    for why, text in re.findall(r"(<!-- not run: .+? -->\n)?^```bash\n(.*?)^```$", PAGE, re.M | re.S)
    if not why
    for line in text.splitlines()
]


def test_the_pages_backlog_is_one(tmp_path: Path) -> None:
    (text,) = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.M | re.S)
    (tmp_path / "backlog.yaml").write_text(text)
    backlog, _ = read_backlog(tmp_path / "backlog.yaml")
    assert [feature.path for feature in backlog.features] == [
        "specs/001-late-orders", "specs/002-refunds", "specs/001-export",
    ]  # fmt: skip


def test_the_pages_commands_work(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("backlog_benchmark", ROOT / "benchmarks/backlog.py")
    assert spec and spec.loader
    benchmark = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benchmark)
    root = benchmark.make_backlog(tmp_path, 2)
    env = {
        **os.environ, **benchmark.AUTHOR, "KFPILOT_PYTHON": sys.executable, "KFPILOT_REFINE": "never",
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
    }  # fmt: skip
    assert len(COMMANDS) == 8
    for command in COMMANDS:
        done = subprocess.run(["bash", "-c", command], cwd=root, env=env, capture_output=True, text=True)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    night = json.loads((root / "nightly-report/nightly.json").read_text())
    assert [item["state"] for item in night["items"]] == ["done", "done"]
    nights = sorted((root / ".kfpilot/nights").iterdir())
    first = json.loads((nights[0] / "nightly.json").read_text())
    assert [item["state"] for item in first["items"]] == ["verified", "verified"]
    for file in ("units/kfpilot-nightly.timer", "deploy/kfpilot-nightly.yaml", "night.yaml"):
        assert (root / file).is_file()
