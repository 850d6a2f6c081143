"""docs/acp.md: its session is played with the real headless client from npm, and it names what the code has.

`make acpx` installs the client. Without node and npm it cannot be, and the tests that need it say so.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from kfpilot.agent.acp.commands import COMMANDS
from kfpilot.agent.acp.menu import NAMES
from kfpilot.agent.acp.server import MODES

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/acp.md").read_text(encoding="utf-8")
RECORD = ROOT / "tests/e2e/records/daily_summary.jsonl"
CLIENT = ROOT / "build/acpx/node_modules/.bin/acpx"
needs_client = pytest.mark.skipif(
    not CLIENT.exists() or shutil.which("node") is None,
    reason=f"the client is not here: `make acpx` installs it, with node {'' if shutil.which('node') else '(missing) '}"
    f"and npm {'' if shutil.which('npm') else '(missing)'}",
)


def test_every_command_and_mode_is_explained() -> None:
    assert tuple(COMMANDS) == NAMES
    explained = re.findall(r"^\| `/(\w+)", PAGE, re.M)
    assert sorted(set(explained)) == sorted(NAMES)
    assert re.findall(r"^\| `(\w+)`", PAGE, re.M) == [mode.id for mode in MODES]


def test_the_configurations_start_this_program() -> None:
    (shown,) = re.findall(r"^\$ kfpilot acp --json\n(.*?)^```$", PAGE, re.M | re.S)
    command = [sys.executable, "-P", "-m", "kfpilot.agent.cli", "acp", "--json"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout == shown
    (zed,) = re.findall(r"^```json\n(.*?)^```$", PAGE, re.M | re.S)
    ours, theirs = json.loads(shown)["agent_servers"], json.loads(zed)["agent_servers"]
    assert theirs == {"kfpilot": {"type": "custom", **ours["kfpilot"]}}


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """The example in a repository of its own."""
    root = tmp_path / "daily-summary"
    shutil.copytree(ROOT / "examples/daily-summary", root, ignore=shutil.ignore_patterns("__pycache__", ".kfpilot"))
    author = ["-c", "user.name=A User", "-c", "user.email=user@example.invalid"]
    for command in (["init", "-q", "-b", "main"], ["add", "-A"], [*author, "commit", "-q", "-m", "start"]):
        subprocess.run(["git", *command], cwd=root, check=True)
    return root


def environment(root: Path, **more: str) -> dict[str, str]:
    """With kfpilot and the client on the PATH; the client keeps its own things in a home of its own."""
    return {
        **os.environ,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), str(CLIENT.parent), os.environ["PATH"]]),
        "HOME": str(root.parent),
        **more,
    }


@needs_client
def test_the_pages_session(example: Path) -> None:
    (block,) = re.findall(r"^```bash\n(acpx .*?)^```$", PAGE, re.M | re.S)
    said = []
    for command in block.splitlines():
        done = subprocess.run(
            ["bash", "-c", command], cwd=example, capture_output=True, text=True, timeout=150,
            env=environment(example, KFPILOT_MODEL=f"replay:{RECORD}", KFPILOT_REFINE="never"),
        )  # fmt: skip
        assert done.returncode == 0 and "[done] end_turn" in done.stdout, f"{command}\n{done.stdout}{done.stderr}"
        said.append(done.stdout)
    status, plan, run, report, undo = said
    assert "8 tasks open" in status and "2 tasks in 2 waves" in plan
    assert "[completed] T001 infra" in run and "tests.yml (+" in run and "1 of 1 task verified" in run
    assert "T001" in report and "T001 taken back" in undo and "tests.yml (-" in undo
    subjects = subprocess.run(
        ["git", "log", "--format=%s", "main..kfpilot/001-customer-summary"], cwd=example, capture_output=True, text=True
    ).stdout.splitlines()
    assert len(subjects) == 2 and subjects[0].startswith("revert: ")
    assert subprocess.run(["git", "status", "--short"], cwd=example, capture_output=True, text=True).stdout == ""


@needs_client
def test_without_a_yes_nothing_begins(example: Path) -> None:
    command = [str(CLIENT), "--format", "json", "--agent", "kfpilot acp", "exec", "/implement 001"]
    done = subprocess.run(
        command, cwd=example, capture_output=True, text=True, timeout=60, stdin=-3, env=environment(example)
    )
    messages: list[dict[str, Any]] = [json.loads(line) for line in done.stdout.splitlines()]
    (asked,) = [message for message in messages if message.get("method") == "session/request_permission"]
    assert asked["params"]["toolCall"]["title"] == "Implement 001-customer-summary: 8 tasks"
    assert messages[-1]["result"] == {"stopReason": "end_turn"}
    assert not (example / ".kfpilot/runs").exists()


@needs_client
def test_ctrl_c_in_the_client_stops_what_works(example: Path) -> None:
    slow = "import time\n\n\ndef test_slow():\n    time.sleep(100)\n    assert True\n"
    (example / "tests/test_slow.py").write_text(slow, encoding="utf-8")
    command = [str(CLIENT), "--agent", "kfpilot acp", "exec", "/verify 001 T002"]

    def worktrees() -> list[Path]:
        listed = ["git", "worktree", "list", "--porcelain"]
        done = subprocess.run(listed, cwd=example, capture_output=True, text=True)
        return [Path(line[9:]) for line in done.stdout.splitlines() if line.startswith("worktree ")][1:]

    with subprocess.Popen(command, cwd=example, stdout=-1, stderr=-1, text=True, env=environment(example)) as process:
        try:
            for _ in range(600):
                # Uncommitted files come last.
                if any((path / "tests/test_slow.py").exists() for path in worktrees()):
                    break
                time.sleep(0.1)
            process.send_signal(signal.SIGINT)
            out, errors = process.communicate(timeout=60)
        finally:
            process.kill()
    assert "[done] cancelled" in out and worktrees() == [], out + errors
