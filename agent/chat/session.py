"""What a conversation has come to, kept in `.kfpilot/chat/<id>/session.json` after each step."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from ...tools.redact import redact_data
from ..drafting.draft import Draft
from ..errors import UserError
from ..reports.write import write_whole
from ..workflow.place import RECORDS, new_run_id, records

FILE = "session.json"
JOURNAL = "journal.jsonl"
LONGEST_LOG = 400
"""Turns that are kept; what was drafted is kept apart."""

MOST_BEFORE = 10
"""Drafts before the latest corrections that are kept, so that these can be taken back."""

Phase = Literal["empty", "asking", "draft", "saved"]


class Turn(BaseModel):
    """Who said what."""

    model_config = ConfigDict(extra="forbid")

    who: Literal["user", "kfpilot"]
    text: str


class Session(BaseModel):
    """A conversation.

    Attributes:
        before: The draft before each of the latest corrections.
        feature: The feature that is talked about: written or run last.
        runs: The runs that were made in it and not taken back, the latest last.
    """

    model_config = ConfigDict(extra="forbid")

    id: str
    request: str = ""
    questions: list[str] = []
    answers: list[tuple[str, str]] = []
    corrections: list[str] = []
    draft: Draft | None = None
    before: list[Draft] = []
    runs: list[str] = []
    saved: dict[str, str] = {}
    feature: str = ""
    overrides: dict[str, str] = {}
    log: list[Turn] = []

    @property
    def phase(self) -> Phase:
        """Where the conversation stands."""
        if self.questions:
            return "asking"
        if self.draft is None:
            return "empty"
        return "saved" if self.saved and self.saved == self.draft.digests() else "draft"

    @property
    def substantial(self) -> bool:
        """Whether there is something to go on with."""
        return bool(self.draft or self.questions or self.feature or self.runs)

    def heard(self, who: Literal["user", "kfpilot"], text: str) -> None:
        """Keep a turn."""
        self.log = [*self.log, Turn(who=who, text=text)][-LONGEST_LOG:]

    def forget(self) -> None:
        """Begin with another feature; what was said and set stays."""
        self.request, self.questions, self.answers, self.corrections = "", [], [], []
        self.draft, self.before, self.saved, self.feature, self.runs = None, [], {}, "", []

    def ran(self, run: str, feature: str) -> None:
        """Keep that a run was made here, or gone on with."""
        self.runs = [*(other for other in self.runs if other != run), run]
        self.feature = feature or self.feature

    def corrected(self, draft: Draft, words: str) -> None:
        """Take a draft in the place of the one that is there."""
        if self.draft is not None:
            self.before = [*self.before, self.draft][-MOST_BEFORE:]
        self.draft, self.corrections = draft, [*self.corrections, words]

    def uncorrect(self) -> str:
        """Take the latest correction back; its words."""
        self.draft = self.before.pop()
        return self.corrections.pop()


def chat_folder(root: Path) -> Path:
    """The folder of all conversations of a repository."""
    return root / RECORDS / "chat"


def new_session() -> Session:
    """A conversation in which nothing was said."""
    return Session(id=new_run_id())


def folder_of(root: Path, session: Session) -> Path:
    """The folder of a conversation; made if it is not there. git does not see it."""
    records(root)
    folder = chat_folder(root) / session.id
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def keep(root: Path, session: Session) -> None:
    """Write the conversation down, whole or not at all, without secrets. One without a request or a run is not kept."""
    if not (session.substantial or session.request):
        return
    data = redact_data(session.model_dump(mode="json"))
    write_whole(folder_of(root, session) / FILE, json.dumps(data, indent=2, ensure_ascii=False) + "\n")


def latest_session(root: Path) -> Session:
    """The conversation that went on last and has something to go on with, else the latest that has a request.

    Raises:
        UserError: There is none, or it cannot be read.
    """
    files = sorted(chat_folder(root).glob(f"*/{FILE}"), key=lambda path: (path.stat().st_mtime_ns, path.parent.name))
    asked: Session | None = None
    for file in reversed(files):
        try:
            session = Session.model_validate_json(file.read_text(encoding="utf-8"))
        except (OSError, ValidationError, UnicodeDecodeError):
            raise UserError(
                "the conversation cannot be read", where=file, mend="Begin a new one with: kfpilot chat"
            ) from None
        if session.substantial:
            return session
        if session.request and asked is None:
            asked = session
    if asked is None:
        raise UserError("there is no conversation to go on with", where=root, mend="Begin one with: kfpilot chat")
    return asked


def age_of(session: Session) -> str:
    """When it began, as a reader says it: its id is the time."""
    try:
        return time.strftime("%Y-%m-%d %H:%M", time.strptime(session.id[:15], "%Y%m%d-%H%M%S"))
    except ValueError:
        return session.id
