"""The agent as editors see it: sessions, prompts, modes. It works in no process of its own; see `implement`."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio.to_thread
from acp import RequestError, helpers
from acp.interfaces import Client
from acp.schema import (
    InitializeResponse,
    ListSessionsResponse,
    LoadSessionResponse,
    NewSessionResponse,
    PromptResponse,
    SessionInfo,
    SessionMode,
    SessionModeState,
    SetSessionModeResponse,
)
from pydantic import BaseModel, ConfigDict, Field

from ...tools.redact import SHARED, redact
from ..errors import KfpilotError, ToolFailure
from . import store
from .handshake import introduction
from .menu import available, words_of
from .store import Session
from .talk import Cancelled, Talk

if TYPE_CHECKING:
    from ..workflow.background_runs import Background

MODES = [
    SessionMode(id="ask", name="Ask", description="Asks before a run starts and before something is taken back"),
    SessionMode(id="auto", name="Auto", description="Starts runs and takes back without asking"),
]


class Options(BaseModel):
    """How the agent was started."""

    model_config = ConfigDict(extra="forbid")

    folder: Path = Field(description="Where it was started: its sessions are listed if the client names no folder")
    overrides: dict[str, Any] = Field(default={}, description="Settings of its runs, from the command line")


class Agent:
    """The methods of the protocol; the library calls them by these names.

    Args:
        options: How it was started.
    """

    def __init__(self, options: Options) -> None:
        self.options = options
        self.talks: dict[str, Talk] = {}
        self.client: Client

    def on_connect(self, conn: Client) -> None:
        """The client is there."""
        self.client = conn

    async def initialize(self, protocol_version: int, **more: Any) -> InitializeResponse:
        """Who this is; `kfpilot acp` has said so already, before this code was loaded."""
        return InitializeResponse.model_validate(introduction())

    async def new_session(self, cwd: str, **more: Any) -> NewSessionResponse:
        """A conversation about the repository of a folder."""
        folder = absolute(cwd)
        session = Session(cwd=folder, root=await anyio.to_thread.run_sync(root_of, folder))
        await self.open(session)
        return NewSessionResponse(session_id=session.id, modes=modes_of(session))

    async def load_session(self, cwd: str, session_id: str, **more: Any) -> LoadSessionResponse:
        """Open an earlier conversation: all that was said is said again."""
        root = await anyio.to_thread.run_sync(root_of, absolute(cwd))
        session = await anyio.to_thread.run_sync(store.find, root, session_id) if root else None
        if session is None:
            raise RequestError.resource_not_found(session_id)
        session = session.model_copy(update={"root": root, "cwd": absolute(cwd)})
        for update in await anyio.to_thread.run_sync(list, store.said(session)):
            # As it was sent then; the library would drop what a later version has no word for.
            await self.replay(session.id, update)
        talk = await self.open(session)
        working = await anyio.to_thread.run_sync(works_now, session.root) if session.root else None
        if working and working.run == session.run:
            await talk.say(f"Run {working.run} of {working.feature} still works. `/implement` shows how it goes.")
        return LoadSessionResponse(modes=modes_of(session))

    async def list_sessions(self, cwd: str | None = None, **more: Any) -> ListSessionsResponse:
        """The conversations about a repository, the latest first."""
        root = await anyio.to_thread.run_sync(root_of, absolute(cwd) if cwd else self.options.folder)
        found = await anyio.to_thread.run_sync(store.list_sessions, root) if root else []
        return ListSessionsResponse(
            sessions=[
                SessionInfo(
                    session_id=session.id,
                    cwd=str(session.cwd),
                    title=session.title,
                    updated_at=datetime.fromtimestamp(session.updated, UTC).isoformat(timespec="seconds"),
                )
                for session in found
            ]
        )

    async def set_session_mode(self, mode_id: str, session_id: str, **more: Any) -> SetSessionModeResponse:
        """Ask, or do not; answers for the whole session end with it."""
        talk = self.talk(session_id)
        if mode_id not in {mode.id for mode in MODES}:
            raise RequestError.invalid_params({"mode": mode_id})
        talk.session = talk.session.model_copy(update={"mode": mode_id, "answers": {}})
        await talk.save()
        return SetSessionModeResponse()

    async def prompt(self, prompt: list[Any], session_id: str, **more: Any) -> PromptResponse:
        """What the user has typed. Whatever goes wrong is told as text."""
        talk = self.talk(session_id)
        if talk.busy:
            await talk.say("Still at work on what you said before. Stop that first, or wait for its end.")
            return PromptResponse(stop_reason="end_turn")
        talk.begin_turn()
        try:
            text = words_of(prompt, talk.session.cwd)
            await self.turn(talk, text)
        except Cancelled:
            await talk.say("Stopped. Nothing was changed.")
            return PromptResponse(stop_reason="cancelled")
        finally:
            talk.busy = False
        return PromptResponse(stop_reason="cancelled" if talk.cancelled else "end_turn")

    async def cancel(self, session_id: str, **more: Any) -> None:
        """Stop what is under way: a run ends after its current step, and can be gone on with."""
        if session_id in self.talks:
            self.talks[session_id].cancel()

    async def ext_method(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """There are no methods beyond the protocol."""
        raise RequestError.method_not_found(f"_{method}")

    async def ext_notification(self, method: str, params: dict[str, Any]) -> None:
        """Nor is anything else listened to."""

    def talk(self, session_id: str) -> Talk:
        """The session, if it is open here."""
        if session_id not in self.talks:
            raise RequestError.resource_not_found(session_id)
        return self.talks[session_id]

    async def open(self, session: Session) -> Talk:
        """Serve a session from now on; the client learns its commands."""
        talk = self.talks[session.id] = Talk(self.client, session)
        commands = await anyio.to_thread.run_sync(available)
        await self.client.session_update(session.id, helpers.update_available_commands(commands))
        return talk

    async def replay(self, session_id: str, update: dict[str, Any]) -> None:
        """Say again what was said in an earlier session."""
        from acp.schema import SessionNotification

        again = SessionNotification.model_validate({"sessionId": session_id, "update": update})
        await self.client.session_update(session_id, again.update)

    async def turn(self, talk: Talk, text: str) -> None:
        """One turn: the user's words, then what is done with them."""
        session = talk.session
        try:
            # The folder may have become a repository since, or be none any more.
            session.root = await anyio.to_thread.run_sync(require_root, session.cwd)
            commands = await anyio.to_thread.run_sync(import_module, ".commands", __package__)
            await anyio.to_thread.run_sync(SHARED.learn_folder, session.root)
            await talk.hear(text)
            await commands.answer(talk, session.root, text, self.options.overrides)
        except (KfpilotError, ToolFailure) as error:
            await talk.say("  \n".join(line.strip() for line in str(error).splitlines()))
        except (Cancelled, ConnectionError):
            raise
        except Exception as error:
            import traceback

            # A defect: its report needs the stack trace, the conversation a sentence.
            sys.stderr.write(redact(traceback.format_exc()))
            await talk.say(f"**Something is broken in kfpilot**: {type(error).__name__}: {error}")


def absolute(cwd: str) -> Path:
    """The folder that the client names.

    Raises:
        RequestError: It is no absolute path, which the protocol asks for.
    """
    folder = Path(cwd)
    if not folder.is_absolute():
        raise RequestError.invalid_params({"cwd": cwd})
    return folder


def modes_of(session: Session) -> SessionModeState:
    """The modes, and which one it is."""
    return SessionModeState(current_mode_id=session.mode, available_modes=MODES)


def require_root(folder: Path) -> Path:
    """The root of the folder's repository.

    Raises:
        ToolFailure: It is in none, or git refuses it; says how to mend that.
    """
    from ...tools import git

    return git.root_of(git.open_repo(folder))


def root_of(folder: Path) -> Path | None:
    """The same; None if the folder is in no repository."""
    try:
        return require_root(folder)
    except ToolFailure:
        return None


def works_now(root: Path) -> Background | None:
    """The run that works in the background now."""
    from ..workflow.background_runs import working_run

    return working_run(root)


async def serve(options: Options) -> None:
    """Speak the protocol on standard input and output until the client goes away; `initialize` is behind us."""
    from acp.core import DEFAULT_STDIO_BUFFER_LIMIT_BYTES, run_agent
    from acp.stdio import stdio_streams

    # Nothing else reaches the client, whoever prints: what is written to standard output goes to standard error.
    protocol = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    sys.stdout, usual = protocol, sys.stdout
    reader, writer = await stdio_streams(limit=DEFAULT_STDIO_BUFFER_LIMIT_BYTES)
    sys.stdout = usual
    # The library's protocol lists optional methods as well; it finds out by itself which are there.
    agent: Any = Agent(options)
    await run_agent(agent, writer, reader)
