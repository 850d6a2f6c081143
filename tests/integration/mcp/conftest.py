"""A repository, and clients of the MCP server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from kfpilot.agent.mcp.server import Options, build_server
from mcp import Client

TASKS = """- [ ] T001 [US1] Create `double(price)` in shop/double.py (FR-001)
- [ ] T002 [US1] Test `double` in tests/test_double.py (FR-001; depends on T001)
- [X] T003 [US1] Keep `single(price)` in shop/price.py
"""
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


def in_memory(root: Path, commands: list[str] | None = None, **overrides: Any) -> Any:
    options = Options(root=root, overrides=overrides, commands={name: [] for name in commands or ["verify"]})
    return build_server(options)
