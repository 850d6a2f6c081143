"""Arguments that a tool does not have, or that say something else than the caller means."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from kfpilot.agent.workflow.locks import one_run
from mcp import Client

from .conftest import in_memory, refused, talk

ALL = ["verify", "lint", "audit", "undo"]


def test_every_schema_is_closed(root: Path) -> None:
    async def scenario(client: Client) -> None:
        tools = (await client.list_tools()).tools
        assert len(tools) == 10
        assert [tool.name for tool in tools if tool.input_schema.get("additionalProperties") is not False] == []

    talk(in_memory(root, ALL), scenario)


@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        ("start_run", {"wordz": "x"}, "no argument wordz; it has feature, words, tasks, stories, resume"),
        ("start_run", {"task": ["T001"], "dry_run": True}, "no argument task, dry_run; it has feature"),
        ("run_status", {"id": "x"}, "no argument id; it has run, wait_seconds"),
        ("list_features", {"x": 1}, "no argument x; it has none"),
        ("start_run", {"tasks": "T001"}, "argument tasks: Input should be a valid list"),
        ("verify", {"tasks": ["--base=x"]}, "argument tasks.0: String should match pattern"),
        ("undo", {"dry_run": "perhaps"}, "argument dry_run: Input should be a valid boolean"),
        # A feature that is not here does not start another.
        ("start_run", {"words": "009 only US1"}, "No feature matches '009'"),
        ("plan_feature", {"words": "009-prices"}, "specs/001-prices"),
        ("start_run", {"words": "$ARGUMENTS"}, "the words are the placeholder $ARGUMENTS"),
        ("start_run", {"words": "only US9"}, "there is no story US9"),
    ],
)
def test_nothing_is_started_by_mistake(root: Path, tool: str, arguments: dict[str, Any], said: str) -> None:
    async def scenario(client: Client) -> None:
        text = await refused(client, tool, **arguments)
        assert said in text and "pydantic" not in text

    talk(in_memory(root, ALL, model="replay:none.jsonl"), scenario)
    assert not (root / ".kfpilot/background").exists() and not (root / ".kfpilot/runs").exists()


def test_what_undo_would_do_can_be_asked_while_a_run_works(root: Path) -> None:
    async def scenario(client: Client) -> None:
        assert "nothing to take back" in await refused(client, "undo")
        assert "another run is working" in await refused(client, "undo", dry_run=False)

    with one_run(root, "001-prices"):
        talk(in_memory(root, ALL), scenario)
