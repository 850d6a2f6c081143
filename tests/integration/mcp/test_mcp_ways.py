"""The ways to the MCP server: standard input and output, HTTP with its token."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from kfpilot.agent.errors import UserError
from kfpilot.agent.mcp.http import token_from
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from .conftest import ALWAYS, PROGRAM, ask, talk


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
