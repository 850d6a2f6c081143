"""The MCP server as an assistant sees it: the SDK's own client, over both transports and in memory."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from kfpilot.agent.errors import UserError
from kfpilot.agent.mcp.http import token_from
from kfpilot.agent.mcp.server import Options, build_server
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

TASKS = """- [ ] T001 [US1] Create `double(price)` in shop/double.py (FR-001)
- [ ] T002 [US1] Test `double` in tests/test_double.py (FR-001; depends on T001)
- [X] T003 [US1] Keep `single(price)` in shop/price.py
"""
BAD = '''from kfp import dsl

import json


@dsl.component(base_image="python:3.11")
def names(text: str) -> str:
    """Uses a module that is not there where the component runs."""
    return json.dumps(text)
'''
PROGRAM = ["-P", "-m", "kfpilot.agent.cli", "mcp"]
ALWAYS = {"list_features", "plan_feature", "report", "start_run", "run_status", "cancel_run"}


@pytest.fixture
def root(make_repository: Callable[..., Path]) -> Path:
    return make_repository(TASKS)


def talk(server: Any, scenario: Callable[[Client], Awaitable[Any]]) -> Any:
    """Run a conversation of a client with the server."""

    async def whole() -> Any:
        async with Client(server) as client:
            return await scenario(client)

    return anyio.run(whole)


async def ask(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    """What the tool answers, as data."""
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    assert isinstance(result.structured_content, dict)
    return result.structured_content


async def refused(client: Client, tool: str, **arguments: Any) -> str:
    """The message of a tool that does not do it."""
    result = await client.call_tool(tool, arguments)
    assert result.is_error
    return str(getattr(result.content[0], "text", ""))


async def until_end(client: Client, run: str) -> dict[str, Any]:
    """Ask until the run has ended."""
    with anyio.fail_after(120):
        while True:
            now = await ask(client, "run_status", run=run, wait_seconds=5)
            if now["state"] not in ("starting", "running"):
                return now


def in_memory(root: Path, commands: list[str] | None = None, **overrides: Any) -> Any:
    options = Options(root=root, overrides=overrides, commands={name: [] for name in commands or ["verify"]})
    return build_server(options)


@contextmanager
def over_http(root: Path, *options: str) -> Iterator[tuple[str, str]]:
    """The server's address and token."""
    command = [sys.executable, *PROGRAM, "--http", "--port", "0", *options]
    with subprocess.Popen(command, cwd=root, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr
            first, second = process.stderr.readline(), process.stderr.readline()
            yield first.split()[-1], second.split()[-1]
        finally:
            process.terminate()
            process.wait(timeout=20)
        assert process.stdout and process.stdout.read() == ""


def test_over_stdio(root: Path) -> None:
    parameters = StdioServerParameters(command=sys.executable, args=PROGRAM, cwd=root, env=dict(os.environ))

    async def scenario(client: Client) -> None:
        assert {"verify", "lint", "audit", "undo", *ALWAYS} == {tool.name for tool in (await client.list_tools()).tools}
        seen: list[str] = []

        async def progress(done: float, total: float | None, message: str | None) -> None:
            seen.append(message or "")

        features = (await ask(client, "list_features"))["features"]
        assert [(row["feature"], row["open"], row["done"]) for row in features] == [("001-prices", 2, 1)]
        # verify prints to its own output; had it come into ours, the client could not have read the answer.
        result = await client.call_tool("verify", {"tasks": ["T003"]}, progress_callback=progress)
        (verdict,) = result.structured_content["tasks"]
        assert verdict["task"] == "T003" and {"scope", "tests"} <= {gate["gate"] for gate in verdict["gates"]}
        assert any("T003" in line for line in seen)

    talk(parameters, scenario)


@pytest.mark.parametrize("end", ["input", "signal"])
def test_standard_output_carries_the_protocol_only(root: Path, end: str) -> None:
    initialize = {
        "jsonrpc": "2.0", "id": 1, "method": "initialize",
        "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}},
    }  # fmt: skip
    call = {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "plan_feature", "arguments": {}}}
    lines = [initialize, {"jsonrpc": "2.0", "method": "notifications/initialized"}, call]
    with subprocess.Popen([sys.executable, *PROGRAM], cwd=root, stdin=-1, stdout=-1, stderr=-1, text=True) as process:
        assert process.stdin and process.stdout
        process.stdin.write("not json\n" + "".join(json.dumps(line) + "\n" for line in lines))
        process.stdin.flush()
        answers: dict[int, Any] = {}
        while 2 not in answers:
            line = json.loads(process.stdout.readline())
            assert line["jsonrpc"] == "2.0"
            answers[line.get("id")] = line
        # Some clients end a server by closing its input, some by a signal.
        if end == "signal":
            process.terminate()
            process.wait(timeout=30)
        rest, _ = process.communicate(timeout=30)
    assert rest == "" and process.returncode == {"input": 0, "signal": 130}[end]
    assert answers[2]["result"]["structuredContent"]["feature"] == "001-prices"


def test_over_http_with_its_token_only(root: Path, tmp_path: Path) -> None:
    with over_http(root) as (url, token):
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/mcp", url) and len(token) > 30

        async def scenario() -> None:
            headers = {"Authorization": f"Bearer {token}"}
            async with httpx2.AsyncClient(headers=headers, trust_env=False) as http:
                async with Client(streamable_http_client(url, http_client=http)) as client:
                    plan = await ask(client, "plan_feature", words="001 only T001")
                    assert [[task["id"] for task in wave] for wave in plan["waves"]] == [["T001"]]
                ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
                port = url.split(":")[2].split("/")[0]
                for change, status in [
                    ({"Authorization": ""}, 401),
                    ({"Authorization": "Bearer wrong"}, 401),
                    ({"Authorization": f"Bearer {token}x"}, 401),
                    # A page whose name was rebound to loopback says so itself.
                    ({"Host": f"evil.example:{port}"}, 421),
                    ({"Origin": "http://evil.example"}, 403),
                    ({"Origin": "null"}, 403),
                ]:
                    answer = await http.post(url, json=ping, headers={"Accept": "application/json", **change})
                    assert answer.status_code == status, change
                    got = await http.get(url, headers={"Accept": "text/event-stream", **change})
                    assert got.status_code == status, change

        anyio.run(scenario)


def test_the_token_of_a_file(root: Path, tmp_path: Path) -> None:
    file = tmp_path / "token"
    with over_http(root, "--token-file", str(file)) as (url, where):
        # The secret itself is not printed.
        assert where == str(file)
        answer = httpx2.post(
            url, json={}, headers={"Authorization": f"Bearer {file.read_text().strip()}"}, trust_env=False
        )
        assert answer.status_code not in (401, 403, 421)
    assert file.stat().st_mode & 0o777 == 0o600
    assert token_from(file) == file.read_text().strip()
    file.chmod(0o644)
    with pytest.raises(UserError, match="others may read"):
        token_from(file)
    file.chmod(0o600)
    file.write_text("short\n")
    with pytest.raises(UserError, match="shorter"):
        token_from(file)


def test_a_tool_is_there_only_with_its_command(root: Path) -> None:
    async def names(client: Client) -> set[str]:
        return {tool.name for tool in (await client.list_tools()).tools}

    assert talk(in_memory(root, ["run"]), names) == ALWAYS
    every = talk(in_memory(root, ["verify", "lint", "audit", "undo", "demo"]), names)
    assert every == ALWAYS | {"verify", "lint", "audit", "undo"}


def test_commands_answer_with_what_they_print_as_json(root: Path) -> None:
    (root / "shop/bad.py").write_text(BAD, encoding="utf-8")

    async def scenario(client: Client) -> None:
        found = await ask(client, "lint", paths=["shop/bad.py"])
        assert (found["ok"], found["exit_code"]) == (False, 1)
        assert "shop/bad.py" in json.dumps(found["result"])
        assert (await ask(client, "lint", paths=["shop/load.py"]))["ok"]
        audited = await ask(client, "audit", feature="001")
        assert "T003" in json.dumps(audited["result"]) and audited["exit_code"] in (0, 1)
        # Nothing has run, so nothing can be taken back.
        assert "nothing to take back" in await refused(client, "undo")

    talk(in_memory(root, ["lint", "undo", "audit"]), scenario)


def test_prompts_hold_the_words_and_nothing_is_done_to_them(root: Path) -> None:
    words = 'only US1; $(id) `id` {{ 7 * 7 }} "x"'

    async def scenario(client: Client) -> None:
        prompts = (await client.list_prompts()).prompts
        assert [prompt.name for prompt in prompts] == ["implement", "plan", "verify", "audit", "report"]
        assert all([argument.name for argument in prompt.arguments or []] == ["words"] for prompt in prompts)
        text = (await client.get_prompt("implement", {"words": words})).messages[0].content
        assert f"<words>\n{words}\n</words>" in getattr(text, "text", "")
        assert (await client.get_prompt("report")).messages

    talk(in_memory(root), scenario)


def test_documents_are_resources_and_only_those(root: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.md").write_text("secret", encoding="utf-8")
    (root / "specs/001-prices/linked.md").symlink_to(tmp_path / "secret.md")

    async def scenario(client: Client) -> None:
        listed = [str(entry.uri) for entry in (await client.list_resources()).resources]
        assert listed == [f"kfpilot://features/001-prices/{name}.md" for name in ("plan", "spec", "tasks")]
        text = (await client.read_resource(listed[2])).contents[0]
        assert TASKS.strip() in getattr(text, "text", "")
        for address in (
            "features/001-prices/linked.md",
            "features/001-prices/..%2F..%2F..%2Fpyproject.toml",
            "features/..%2F..%2Fshop/price.py",
            "features/001-prices/none.md",
            "runs/none/report.md",
        ):
            with pytest.raises(Exception, match=r"no document|no run|not found|rejected|Unknown|Error"):
                await client.read_resource(f"kfpilot://{address}")

    talk(in_memory(root), scenario)


@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        ("plan_feature", {"feature": "../other"}, "no feature of this repository"),
        ("plan_feature", {"feature": "/etc"}, "no feature of this repository"),
        ("start_run", {"feature": "~/x"}, "no feature of this repository"),
        ("verify", {"feature": "--help"}, "no feature of this repository"),
        ("verify", {"tasks": ["--base=x"]}, "pattern"),
        ("verify", {"tasks": ["T404"]}, "no task T404"),
        ("lint", {"paths": ["../"]}, "no path of this repository"),
        ("lint", {"paths": ["/etc/passwd"]}, "no path of this repository"),
        ("lint", {"paths": ["out/x"]}, "no path of this repository"),
        ("undo", {"target": "--help"}, "pattern"),
        ("run_status", {}, "no run"),
        ("run_status", {"wait_seconds": 60}, "less than or equal to 5"),
        ("report", {"run": "../../x"}, "no run"),
        ("cancel_run", {}, "no run is working"),
        ("start_run", {"feature": "001", "resume": True}, "no unfinished run"),
    ],
)
def test_what_is_refused(root: Path, tmp_path: Path, tool: str, arguments: dict[str, Any], said: str) -> None:
    (tmp_path / "x").write_text("x", encoding="utf-8")
    (root / "out").symlink_to(tmp_path)

    async def scenario(client: Client) -> None:
        assert said in await refused(client, tool, **arguments)

    talk(in_memory(root, ["verify", "lint", "undo"]), scenario)


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
