"""What the MCP server offers: tools, prompts, resources, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from .conftest import ALWAYS, TASKS, ask, in_memory, refused, talk

BAD = '''from kfp import dsl

import json


@dsl.component(base_image="python:3.11")
def names(text: str) -> str:
    """Uses a module that is not there where the component runs."""
    return json.dumps(text)
'''


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
