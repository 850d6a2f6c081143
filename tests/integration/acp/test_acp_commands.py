"""The agent without runs: its handshake, commands that read, errors as text, and the process on its pipes."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import acp
import pytest
from acp import RequestError, resource_link_block, text_block
from kfpilot.agent.acp.handshake import introduction
from kfpilot.agent.acp.menu import NAMES
from kfpilot.agent.workflow.clean import carry_out, look
from kfpilot.tools.git import open_repo

pytestmark = pytest.mark.integration

TASKS = """- [ ] T001 [US1] Create `double(price)` in shop/double.py (FR-001)
- [ ] T002 [US1] Test `double` in tests/test_double.py (FR-001; depends on T001)
- [X] T003 Say in README.md where the prices are
"""
PROGRAM = ["-P", "-m", "kfpilot.agent.cli", "acp"]


@pytest.fixture
def root(make_repository: Callable[..., Path]) -> Path:
    return make_repository(TASKS)


def test_a_client_learns_what_there_is(root: Path, edit: Any) -> None:
    async def scenario(editor: Any) -> None:
        hello = await editor.agent.initialize(protocol_version=acp.PROTOCOL_VERSION)
        assert hello.model_dump(mode="json", by_alias=True, exclude_unset=True) == introduction()
        assert hello.protocol_version == acp.PROTOCOL_VERSION and hello.agent_capabilities.load_session
        assert hello.agent_capabilities.session_capabilities.list is not None
        (listed,) = editor.of("available_commands_update")
        assert tuple(command["name"] for command in listed["availableCommands"]) == NAMES
        assert all(command["description"] for command in listed["availableCommands"])
        session = await editor.agent.new_session(cwd=str(root), mcp_servers=[])
        assert session.modes.current_mode_id == "ask"
        assert [mode.id for mode in session.modes.available_modes] == ["ask", "auto"]

    edit(root, scenario)


def test_commands_that_read(root: Path, edit: Any) -> None:
    async def scenario(editor: Any) -> None:
        await editor.say("/plan 001 only US1")
        assert editor.plans() == [{"T001": "pending", "T002": "pending"}]
        assert {entry["priority"] for update in editor.of("plan") for entry in update["entries"]} == {"high"}
        assert "2 tasks in 2 waves" in editor.text and "needs T001" in editor.text and "`shop/double.py`" in editor.text
        await editor.say("/status")
        assert "001-prices  2 tasks open, 1 done" in editor.text
        await editor.say("/audit 001")
        assert "1 of 3 tasks are ticked" in editor.text
        await editor.say("/verify 001 T003")
        call = editor.call("Verify T003")
        assert call["states"][-1] in ("completed", "failed") and "T003 Say" in call["content"][0]["content"]["text"]
        assert "**T003**" in editor.text and "scope" in editor.text and "docs" in editor.text
        assert editor.asked == []

    edit(root, scenario)
    assert subprocess.run(["git", "status", "--short"], cwd=root, capture_output=True, text=True).stdout == ""


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("/nonsense 001", "no command `/nonsense`"),
        ("/implement T404", "T404"),
        ("/implement only T003", "nothing left to do"),
        ("/implement --resume", "no unfinished run"),
        ("/plan T404", "T404"),
        ("/plan 009", "No feature matches '009'"),
        ("/implement 009 only US1", "No feature matches '009'"),
        ("009 only US1", "No feature matches '009'"),
        ("/implement 001 $ARGUMENTS", "placeholder"),
        ("/verify T404", "no task T404"),
        ("/verify --base x", "no task --base"),
        ("/audit 007", "007"),
        ("/report", "no run"),
        ("/report ../../x", "no run"),
        ("/undo", "nothing to take back"),
        ("/undo T001 T002", "neither a task nor a run"),
        ("/undo --help", "neither a task nor a run"),
    ],
)
def test_what_cannot_be_done_is_said_as_text(root: Path, edit: Any, typed: str, said: str) -> None:
    async def scenario(editor: Any) -> None:
        assert await editor.say(typed) == "end_turn"
        assert said in editor.text and "Traceback" not in editor.text

    edit(root, scenario)


def test_a_folder_without_a_repository(tmp_path: Path, edit: Any) -> None:
    async def scenario(editor: Any) -> None:
        assert await editor.say("/implement 001") == "end_turn"
        assert "git" in editor.text
        assert (await editor.agent.list_sessions(cwd=str(tmp_path))).sessions == []
        for folder, key in ((tmp_path, "0" * 32), (tmp_path, "../../x")):
            with pytest.raises(RequestError, match="not found"):
                await editor.load(folder, key)
        with pytest.raises(RequestError, match="Invalid params"):
            await editor.agent.new_session(cwd="relative", mcp_servers=[])
        with pytest.raises(RequestError, match="not found"):
            await editor.agent.prompt(session_id="0" * 32, prompt=[text_block("/plan")])

    edit(tmp_path, scenario)
    assert list(tmp_path.iterdir()) == []


def test_old_sessions_are_cleaned_away(root: Path, edit: Any, tmp_path: Path) -> None:
    async def scenario(editor: Any) -> str:
        await editor.say("/status")
        return str(editor.session)

    old, young = edit(root, scenario), edit(root, scenario)
    for file in (root / ".kfpilot/acp").glob(f"{old}.json*"):
        os.utime(file, (1.7e9, 1.7e9))
    repo = open_repo(root)
    found = look(repo, tmp_path / "cache")
    assert [item.name for item in found.keep if item.kind == "session"] == [young]
    assert [item.name for item in found.remove if item.kind == "session"] == [old]
    found.remove = [item for item in found.remove if item.kind == "session"]
    assert carry_out(repo, found).failed == []
    assert {file.stem for file in (root / ".kfpilot/acp").iterdir()} == {young}


def test_a_mode_that_there_is_not(root: Path, edit: Any) -> None:
    async def scenario(editor: Any) -> None:
        with pytest.raises(RequestError, match="Invalid params"):
            await editor.agent.set_session_mode(session_id=editor.session, mode_id="yolo")

    edit(root, scenario)


def test_a_mentioned_file_goes_along_by_its_path(root: Path, edit: Any) -> None:
    async def scenario(editor: Any) -> None:
        link = resource_link_block(name="spec.md", uri=(root / "specs/001-prices/spec.md").as_uri())
        blocks = [text_block("/implement 001 as in "), link, text_block(" only T001")]
        editor.answers = ["reject_once"]
        await editor.agent.prompt(session_id=editor.session, prompt=blocks)
        assert "as in specs/001-prices/spec.md" in editor.asked[0][1]

    edit(root, scenario)


@pytest.mark.parametrize("when", ["asked", "working"])
def test_cancel_leaves_nothing(make_repository: Callable[..., Path], edit: Any, when: str) -> None:
    slow = {"tests/test_price.py": "import time\n\n\ndef test_slow():\n    time.sleep(100)\n    assert True\n"}
    root = make_repository(TASKS, slow)

    (root / "new.txt").write_text("uncommitted files come last into the worktree\n", encoding="utf-8")

    def worktrees() -> list[Path]:
        listed = ["git", "worktree", "list", "--porcelain"]
        done = subprocess.run(listed, cwd=root, capture_output=True, text=True)
        return [Path(line[9:]) for line in done.stdout.splitlines() if line.startswith("worktree ")][1:]

    async def scenario(editor: Any) -> None:
        editor.answers = ["never"]
        turn = asyncio.ensure_future(editor.say("/implement" if when == "asked" else "/verify T002"))
        while not (editor.asked if when == "asked" else any((path / "new.txt").exists() for path in worktrees())):
            await asyncio.sleep(0.05)
        await editor.agent.cancel(session_id=editor.session)
        assert await turn == "cancelled"
        assert "Stopped" in editor.text and worktrees() == []
        # The next turn is a new one.
        assert await editor.say("/status") == "end_turn" and "001-prices" in editor.text

    edit(root, scenario)
    assert not (root / ".kfpilot/runs").exists()


class Pipes:
    """`kfpilot acp` as an editor starts it."""

    def __init__(self, root: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, *PROGRAM], cwd=root, stdin=-1, stdout=-1, stderr=-1, text=True, env=dict(os.environ)
        )

    def write(self, *lines: str) -> None:
        assert self.process.stdin
        self.process.stdin.write("".join(line + "\n" for line in lines))
        self.process.stdin.flush()

    def ask(self, key: int, method: str, **params: Any) -> dict[str, Any]:
        """The answer; every line until then must be a message of the protocol."""
        self.write(json.dumps({"jsonrpc": "2.0", "id": key, "method": method, "params": params}))
        return self.answer(key)

    def answer(self, key: int) -> dict[str, Any]:
        assert self.process.stdout
        while True:
            message: dict[str, Any] = json.loads(self.process.stdout.readline())
            assert message["jsonrpc"] == "2.0"
            if message.get("id") == key:
                return message


@pytest.mark.parametrize("end", ["input", "signal"])
def test_standard_output_carries_the_protocol_only(root: Path, end: str) -> None:
    pipes = Pipes(root)
    with pipes.process as process:
        early = {"jsonrpc": "2.0", "id": 7, "method": "session/new", "params": {"cwd": str(root), "mcpServers": []}}
        # Two messages in one write: none may be lost between the handshake and the library.
        hello = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {"protocolVersion": 1}}
        pipes.write("not json", "[]", json.dumps(early))
        assert "initialize" in pipes.answer(7)["error"]["message"]
        pipes.write(json.dumps(hello), json.dumps({**early, "id": 1}))
        assert pipes.answer(0)["result"] == introduction()
        session = pipes.answer(1)["result"]["sessionId"]
        prompt = [{"type": "text", "text": "/status"}]
        assert pipes.ask(2, "session/prompt", sessionId=session, prompt=prompt)["result"] == {"stopReason": "end_turn"}
        assert pipes.ask(3, "session/nonsense")["error"]["code"] == -32601
        assert pipes.ask(4, "initialize", protocolVersion=1)["result"] == introduction()
        if end == "signal":
            process.terminate()
        rest, errors = process.communicate(timeout=30)
    assert rest == "" and "Traceback" not in errors and process.returncode == {"input": 0, "signal": 130}[end]


def test_an_editor_that_says_nothing(root: Path) -> None:
    command = [sys.executable, *PROGRAM]
    done = subprocess.run(command, cwd=root, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
