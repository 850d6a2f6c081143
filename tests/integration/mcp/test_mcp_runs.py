"""Runs and verifications that a client of the MCP server starts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters

from .conftest import PROGRAM, TASKS, ask, in_memory, refused, talk


async def until_end(client: Client, run: str) -> dict[str, Any]:
    """Ask until the run has ended."""
    with anyio.fail_after(120):
        while True:
            now = await ask(client, "run_status", run=run, wait_seconds=5)
            if now["state"] not in ("starting", "running"):
                return now


def test_a_run_that_cannot_open_its_model_says_why(root: Path) -> None:
    async def scenario(client: Client) -> None:
        began = await client.call_tool("start_run", {"words": "T001"})
        if began.is_error:
            assert "none.jsonl" in str(began.content)
            return
        ended = await until_end(client, began.structured_content["run"])
        assert ended["state"] == "error" and "none.jsonl" in ended["message"]
        (feature,) = (await ask(client, "list_features"))["features"]
        assert feature["run"]["outcome"] == "error"

    talk(in_memory(root, model="replay:none.jsonl"), scenario)


def test_nothing_to_do_is_no_error(root: Path) -> None:
    async def scenario(client: Client) -> None:
        began = await ask(client, "start_run", tasks=["T003"])
        ended = await until_end(client, began["run"])
        assert ended["state"] == "nothing-to-do" and "nothing left to do" in ended["message"]
        assert "nothing left to do" in (await ask(client, "run_status"))["message"]

    talk(in_memory(root, model="replay:none.jsonl"), scenario)


class TestAgainstAnEndpoint:
    """Runs whose model does not answer until it may."""

    @pytest.fixture(autouse=True)
    def environment(self, hanging: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("OPENAI_BASE_URL", hanging.url)
        monkeypatch.setenv("OPENAI_MODEL", "m")
        monkeypatch.setenv("KFPILOT_WORKER", "draft")
        monkeypatch.setenv("KFPILOT_LOCAL_RUNS", "0")
        monkeypatch.setenv("KFPILOT_REVIEW", "never")

    def test_a_run_outlives_its_client_and_can_be_stopped(self, root: Path, hanging: Any) -> None:
        parameters = StdioServerParameters(command=sys.executable, args=PROGRAM, cwd=root, env=dict(os.environ))

        async def begin(client: Client) -> str:
            started = time.monotonic()
            words = "T001 only; $(touch pwned) `touch pwned` \"' "
            began = await ask(client, "start_run", words=words)
            assert time.monotonic() - started < 60
            assert "another run is working" in await refused(client, "start_run", words="T002")
            return str(began["run"])

        run = talk(parameters, begin)
        # The server has ended with its client; the run goes on to ask its model.
        assert hanging.asked.wait(90)
        job = json.loads((root / f".kfpilot/background/{run}.json").read_text(encoding="utf-8"))
        os.kill(job["pid"], 0)

        async def end(client: Client) -> None:
            now = await ask(client, "run_status")
            assert (now["run"], now["state"]) == (run, "running")
            assert [(task["id"], task["state"]) for task in now["tasks"]] == [("T001", "working")]
            assert "stopping" in (await ask(client, "cancel_run", run=run))["next"]
            ended = await until_end(client, run)
            assert ended["state"] == "interrupted" and "resume true" in ended["next"]
            report = await ask(client, "report", run=run)
            assert (report["not_verified"], report["ready"]) == (["T001"], False)
            text = (await client.read_resource(f"kfpilot://runs/{run}/report.md")).contents[0]
            assert getattr(text, "text", "") == report["markdown"]

        talk(in_memory(root), end)
        assert not (root / "pwned").exists()
        kept = json.loads((root / f".kfpilot/runs/{run}/run.json").read_text(encoding="utf-8"))
        assert kept["request"]["words"] == "T001 only; $(touch pwned) `touch pwned` \"'"
        assert subprocess.run(["git", "status", "--short"], cwd=root, capture_output=True, text=True).stdout == ""

    def test_from_the_command_line(self, root: Path, hanging: Any, tmp_path: Path) -> None:
        def kfpilot(*arguments: str, data: str | None = None) -> subprocess.CompletedProcess[str]:
            command = [sys.executable, "-P", "-m", "kfpilot.agent.cli", *arguments]
            return subprocess.run(command, cwd=root, capture_output=True, text=True, input=data, timeout=90)

        begun = kfpilot("run", "--detach", "--words-file", "-", "--json", data="001 only T001")
        assert begun.returncode == 0, begun.stderr
        run = json.loads(begun.stdout)["run"]
        assert hanging.asked.wait(90)
        assert f"run {run}" in (shown := kfpilot("status").stdout) and "working in the background" in shown
        stopped = kfpilot("cancel", run[:12])
        assert stopped.returncode == 0 and "--resume" in stopped.stdout
        for _ in range(200):
            job = json.loads((root / f".kfpilot/background/{run}.json").read_text(encoding="utf-8"))
            if job["exit_code"] is not None:
                break
            time.sleep(0.1)
        assert job["exit_code"] == 130
        assert "interrupted" in (shown := kfpilot("status").stdout) and "--resume" in shown
        again = kfpilot("cancel")
        assert again.returncode == 2 and "no run is working in the background" in again.stderr


def test_a_verification_that_nobody_waits_for_leaves_nothing(make_repository: Callable[..., Path]) -> None:
    slow = {"tests/test_price.py": "import time\n\n\ndef test_slow():\n    time.sleep(100)\n    assert True\n"}
    root = make_repository(TASKS, slow)

    def worktrees() -> int:
        done = subprocess.run(["git", "worktree", "list"], cwd=root, capture_output=True, text=True)
        return len(done.stdout.splitlines())

    async def scenario(client: Client) -> None:
        begun = anyio.Event()

        async def progress(done: float, total: float | None, message: str | None) -> None:
            if worktrees() == 2:
                begun.set()

        async with anyio.create_task_group() as group:
            group.start_soon(lambda: client.call_tool("verify", {"tasks": ["T003"]}, progress_callback=progress))
            with anyio.fail_after(60):
                await begun.wait()
            group.cancel_scope.cancel()
        with anyio.fail_after(40):
            while worktrees() > 1:
                await anyio.sleep(0.1)

    talk(in_memory(root), scenario)
