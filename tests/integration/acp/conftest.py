"""An editor: the client of the protocol's library, in the test's process; and a model that answers from a record."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from acp import RequestError, connect_to_agent, text_block
from acp.agent.connection import AgentSideConnection
from acp.schema import AllowedOutcome, DeniedOutcome, PermissionOption, RequestPermissionResponse, ToolCallUpdate
from kfpilot.agent.acp.server import Agent, Options


class Editor:
    """Shows nothing, but remembers what it was told and asked.

    Attributes:
        updates: The session updates, as the wire has them.
        asked: The permission requests: title, text and the kinds of answers.
        answers: The kinds of answers to give, one after another; then `allow_once`. `cancelled` gives none.
    """

    def __init__(self) -> None:
        self.updates: list[dict[str, Any]] = []
        self.asked: list[tuple[str, str, list[str]]] = []
        self.answers: list[str] = []
        self.agent: Any = None
        self.session = ""
        self.cwd = ""
        self.told = asyncio.Event()

    # What the agent calls

    async def session_update(self, session_id: str, update: Any, **more: Any) -> None:
        assert session_id == self.session or not self.session or update.session_update == "available_commands_update"
        self.updates.append(update.model_dump(mode="json", by_alias=True, exclude_none=True))
        self.told.set()

    async def request_permission(
        self, session_id: str, tool_call: ToolCallUpdate, options: list[PermissionOption], **more: Any
    ) -> RequestPermissionResponse:
        assert tool_call.content
        text = tool_call.content[0].content.text
        self.asked.append((tool_call.title or "", text, [option.kind for option in options]))
        answer = self.answers.pop(0) if self.answers else "allow_once"
        if answer == "cancelled":
            return RequestPermissionResponse(outcome=DeniedOutcome(outcome="cancelled"))
        if answer == "never":
            await asyncio.Event().wait()
        (option,) = [option.option_id for option in options if option.kind == answer]
        return RequestPermissionResponse(outcome=AllowedOutcome(outcome="selected", option_id=option))

    async def ext_method(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        raise RequestError.method_not_found(method)

    async def ext_notification(self, method: str, params: dict[str, Any]) -> None:
        return None

    def on_connect(self, conn: Any) -> None:
        return None

    # What a user does

    async def open(self, cwd: Path) -> None:
        """A new session."""
        self.cwd = str(cwd)
        self.session = (await self.agent.new_session(cwd=str(cwd), mcp_servers=[])).session_id

    async def load(self, cwd: Path, session: str) -> Any:
        """An earlier session."""
        self.session = session
        return await self.agent.load_session(cwd=str(cwd), session_id=session, mcp_servers=[])

    async def say(self, text: str) -> str:
        """A prompt; gives why the turn ended."""
        self.updates.clear()
        answer = await self.agent.prompt(session_id=self.session, prompt=[text_block(text)])
        return str(answer.stop_reason)

    async def until(self, seen: Callable[[], bool]) -> None:
        """Wait until something has been told."""
        try:
            async with asyncio.timeout(60):
                while not seen():
                    await self.told.wait()
                    self.told.clear()
        except TimeoutError:
            pytest.fail(f"not told within a minute: {self.updates}")

    # What was told

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [update for update in self.updates if update["sessionUpdate"] == kind]

    @property
    def text(self) -> str:
        return "".join(update["content"]["text"] for update in self.of("agent_message_chunk"))

    def plans(self) -> list[dict[str, str]]:
        """The state of each task in each plan."""
        return [
            {entry["content"].split()[0]: entry["status"] for entry in update["entries"]} for update in self.of("plan")
        ]

    def calls(self) -> list[dict[str, Any]]:
        """The tool calls as an editor shows them: each with the last that was said of it."""
        shown: dict[str, dict[str, Any]] = {}
        for update in self.updates:
            if update["sessionUpdate"] in ("tool_call", "tool_call_update"):
                call = shown.setdefault(update["toolCallId"], {"states": []})
                call |= update
                call["states"] = [*call["states"], *([update["status"]] if "status" in update else [])]
        return list(shown.values())

    def call(self, title: str) -> dict[str, Any]:
        """The one tool call whose title begins so."""
        (found,) = [call for call in self.calls() if call["title"].startswith(title)]
        return found


@asynccontextmanager
async def editor_with(folder: Path, **overrides: Any) -> AsyncIterator[Editor]:
    """An editor connected to an agent, both in this process."""
    ours, theirs = socket.socketpair()
    reader, writer = await asyncio.open_connection(sock=ours)
    agent_reader, agent_writer = await asyncio.open_connection(sock=theirs)
    agent: Any = Agent(Options(folder=folder, overrides=overrides))
    serving = AgentSideConnection(agent, agent_writer, agent_reader)
    editor: Any = Editor()
    editor.agent = connect_to_agent(editor, writer, reader)
    try:
        yield editor
    finally:
        await editor.agent.close()
        await serving.close()
        for end in (writer, agent_writer):
            end.close()
            await end.wait_closed()


Scenario = Callable[[Editor], Awaitable[Any]]


@pytest.fixture
def edit() -> Callable[..., Any]:
    """Runs a scenario with an editor that has a session in the folder."""

    def run(folder: Path, scenario: Scenario, **overrides: Any) -> Any:
        async def whole() -> Any:
            async with asyncio.timeout(170), editor_with(folder, **overrides) as editor:
                await editor.open(folder)
                return await scenario(editor)

        return asyncio.run(whole())

    return run


@pytest.fixture
def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Makes a record whose answers write files, one answer after another; runs of child processes use it."""
    for name, value in {
        "WORKER": "tool", "LOCAL_RUNS": "0", "REVIEW": "never", "REFINE": "never", "ATTEMPTS": "1", "JOBS": "1",
    }.items():  # fmt: skip
        monkeypatch.setenv(f"KFPILOT_{name}", value)

    def make(*answers: dict[str, str]) -> Path:
        rows = []
        for number, files in enumerate(answers, 1):
            calls = [("write_file", {"path": path, "content": text}) for path, text in files.items()]
            wired = [
                {"id": f"c{n}", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
                for n, (name, arguments) in enumerate([*calls, ("finish", {"summary": "done"})])
            ]
            request = {"messages": [{"role": "user", "content": "x"}], "tools": [{}]}
            rows.append({"number": number, "request": request, "message": {"role": "assistant", "tool_calls": wired}})
        file = tmp_path / "record.jsonl"
        file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        monkeypatch.setenv("KFPILOT_MODEL", f"replay:{file}")
        return file

    return make
