"""A session as it is served: what is said goes out without secrets and is kept, questions are asked."""

from __future__ import annotations

import asyncio
import sys
import time
import uuid
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from typing import Any, Literal, TypeVar

import anyio
import anyio.to_thread
from acp import helpers
from acp.interfaces import Client
from acp.schema import AllowedOutcome, PermissionOption, SessionInfoUpdate, ToolCallStatus, ToolCallUpdate, ToolKind

from ...tools.redact import redact, redact_data
from ..reports.words import bare, one_line
from . import store
from .store import Session

T = TypeVar("T")
Update = Any
"""One of the protocol's session updates."""

OPTIONS: list[tuple[str, str, Literal["allow_once", "allow_always", "reject_once", "reject_always"]]] = [
    ("allow", "Allow", "allow_once"),
    ("allow-session", "Allow in this session", "allow_always"),
    ("reject", "Reject", "reject_once"),
    ("reject-session", "Reject in this session", "reject_always"),
]


class Cancelled(Exception):
    """The user stopped the turn."""


class Talk:
    """A session and the client it is with.

    Attributes:
        busy: A turn is under way.
    """

    def __init__(self, client: Client, session: Session) -> None:
        self.client, self.session = client, session
        self.busy = False
        self._cancel = asyncio.Event()

    # What is said

    async def send(self, update: Update) -> None:
        """Tell the client and keep it, without secrets."""
        clean = await anyio.to_thread.run_sync(without_secrets, update)
        await self.keep(clean)
        await self.client.session_update(self.session.id, clean)

    async def say(self, text: str) -> None:
        """A paragraph of Markdown."""
        await self.send(helpers.update_agent_message_text(text.rstrip() + "\n\n"))

    async def hear(self, text: str) -> None:
        """Keep what the user said (the client shows it by itself); the first words are the session's title."""
        heard = without_secrets(helpers.update_user_message_text(text))
        self.session.updated = time.time()
        if not self.session.title:
            self.session.title = bare(one_line(heard.content.text, 80)) or "empty"
            await self.client.session_update(
                self.session.id, SessionInfoUpdate(session_update="session_info_update", title=self.session.title)
            )
        await self.save()
        await self.keep(heard)

    async def keep(self, update: Update) -> None:
        """Keep what was said. A full disk must not end a conversation, or the sight of a run."""
        try:
            await anyio.to_thread.run_sync(store.keep, self.session, dump(update))
        except OSError as error:
            print(f"kfpilot acp: the conversation is not kept: {error}", file=sys.stderr, flush=True)

    async def save(self) -> None:
        """Keep the session's head."""
        try:
            await anyio.to_thread.run_sync(store.save, self.session)
        except OSError as error:
            print(f"kfpilot acp: the session is not kept: {error}", file=sys.stderr, flush=True)

    async def begin(self, title: str, kind: ToolKind, *, text: str = "", status: ToolCallStatus = "in_progress") -> str:
        """Show that something is done now; returns the id of this tool call."""
        key = new_call()
        content = [helpers.tool_content(helpers.text_block(text))] if text else None
        await self.send(helpers.start_tool_call(key, title, kind=kind, status=status, content=content))
        return key

    async def change(self, call: str, status: ToolCallStatus, text: str = "", more: Sequence[Any] = ()) -> None:
        """Say what has become of a tool call."""
        content = [*([helpers.tool_content(helpers.text_block(text))] if text else []), *more]
        await self.send(helpers.update_tool_call(call, status=status, content=content or None))

    # Being stopped

    @property
    def cancelled(self) -> bool:
        """Whether the user has stopped the turn."""
        return self._cancel.is_set()

    def cancel(self) -> None:
        """Stop the turn that is under way."""
        if self.busy:
            self._cancel.set()

    def begin_turn(self) -> None:
        """From here on `cancel` counts."""
        self.busy = True
        self._cancel.clear()

    async def pause(self, seconds: float) -> None:
        """Wait, but not when the turn is stopped."""
        if self.cancelled:
            await asyncio.sleep(seconds)
            return
        with suppress(TimeoutError):
            await asyncio.wait_for(self._cancel.wait(), seconds)

    async def unless_cancelled(self, doing: Awaitable[T]) -> T:
        """The result of what is done; ends it when the user stops the turn.

        Raises:
            Cancelled: The user did.
        """
        task = asyncio.ensure_future(doing)
        stop = asyncio.ensure_future(self._cancel.wait())
        try:
            await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            raise Cancelled
        finally:
            stop.cancel()
            if not task.done():
                task.cancel()
                # A child process is told to end and waited for.
                await asyncio.wait({task})

    # Asking

    async def allowed(
        self, call: str, title: str, kind: ToolKind, what: str, text: str, *, always_ask: bool = False
    ) -> bool:
        """Ask whether something may be done, unless the mode or an earlier answer says so.

        Args:
            call: The tool call that it is about.
            title: What is about to be done.
            kind: What kind of doing it is.
            what: What an answer for the whole session is about: the command's name.
            text: What the user should know; some clients show only what comes with the question.
            always_ask: Ask in every mode.

        Raises:
            Cancelled: The user stopped the turn instead.
        """
        if not always_ask:
            if what in self.session.answers:
                return self.session.answers[what]
            if self.session.mode == "auto":
                return True
        options = [
            PermissionOption(option_id=key, name=name, kind=kind)
            for key, name, kind in OPTIONS
            if not (always_ask and kind.endswith("always"))
        ]
        asked = self.client.request_permission(
            session_id=self.session.id,
            tool_call=ToolCallUpdate(
                tool_call_id=call,
                title=redact(title),
                kind=kind,
                status="pending",
                content=[helpers.tool_content(helpers.text_block(redact(text)))],
            ),
            options=options,
        )
        outcome = (await self.unless_cancelled(asked)).outcome
        if not isinstance(outcome, AllowedOutcome):
            raise Cancelled
        answer = outcome.option_id.startswith("allow")
        if outcome.option_id.endswith("-session"):
            self.session.answers[what] = answer
            await self.save()
        return answer


def new_call() -> str:
    """The id of a tool call, unique over all sessions."""
    return f"call-{uuid.uuid4().hex[:12]}"


def dump(update: Update) -> dict[str, Any]:
    """An update as it goes over the wire."""
    data: dict[str, Any] = update.model_dump(mode="json", by_alias=True, exclude_none=True)
    return data


def without_secrets(update: Update) -> Update:
    """The update as it may be shown and kept: itself, if there is no secret in it."""
    data = dump(update)
    clean = redact_data(data)
    return update if clean == data else type(update).model_validate(clean)
