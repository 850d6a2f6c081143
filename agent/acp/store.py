"""Sessions on disk, in the repository's `.kfpilot/acp/`: a head and all that was said, to be opened again."""

from __future__ import annotations

import contextlib
import json
import os
import re
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

Mode = Literal["ask", "auto"]
ID = re.compile(r"[0-9a-f]{32}")
MOST = 200
"""Sessions that a list shows, the latest first."""


class Session(BaseModel):
    """A conversation in an editor."""

    model_config = ConfigDict(extra="forbid")

    id: str = Field(default_factory=lambda: uuid.uuid4().hex)
    cwd: Path
    root: Path | None = Field(default=None, description="The repository; None when the folder is in none")
    mode: Mode = "ask"
    title: str = ""
    updated: float = Field(default_factory=time.time)
    answers: dict[str, bool] = Field(default={}, description="What was allowed or refused for the whole session")
    run: str = Field(default="", description="The run that it started last")

    @property
    def head(self) -> Path | None:
        """The file of this record."""
        return folder_of(self.root) / f"{self.id}.json" if self.root else None

    @property
    def log(self) -> Path | None:
        """The file of what was said: one update of the protocol a line."""
        return self.head.with_suffix(".jsonl") if self.head else None


def folder_of(root: Path) -> Path:
    """Where the sessions of a repository are kept."""
    return root / ".kfpilot" / "acp"


def save(session: Session) -> None:
    """Keep the head. Nothing is kept of a session outside of any repository, or before something was said."""
    from ..reports.write import write_whole
    from ..workflow.place import records

    if session.head is None or session.root is None or not session.title:
        return
    records(session.root)
    session.head.parent.mkdir(parents=True, exist_ok=True)
    write_whole(session.head, session.model_dump_json(indent=2) + "\n")
    session.head.chmod(0o600)


def keep(session: Session, update: dict[str, Any]) -> None:
    """Append what was said."""
    if session.log is None or not session.title:
        return
    session.log.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(session.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "a", encoding="utf-8") as out:
        out.write(json.dumps(update, ensure_ascii=False) + "\n")


def said(session: Session) -> Iterator[dict[str, Any]]:
    """All that was said, in order; a line that a kill cut short is left out."""
    if session.log is None or not session.log.exists():
        return
    with session.log.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            with contextlib.suppress(ValueError):
                yield json.loads(line)


def find(root: Path, key: str) -> Session | None:
    """The session of that id; None if there is none."""
    if not ID.fullmatch(key):
        return None
    return read(folder_of(root) / f"{key}.json")


def read(file: Path) -> Session | None:
    """A session's head; None if it cannot be read."""
    try:
        return Session.model_validate_json(file.read_text(encoding="utf-8"))
    except (OSError, ValidationError):
        return None


def list_sessions(root: Path) -> list[Session]:
    """The sessions of a repository in which something was said, the latest first."""
    found = [read(file) for file in folder_of(root).glob("*.json") if ID.fullmatch(file.stem)]
    used = [session for session in found if session and session.title]
    return sorted(used, key=lambda session: session.updated, reverse=True)[:MOST]
