"""Runs the graph of a run, with a checkpoint after each step."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from ..events import Notice
from .session import Run
from .stopping import graceful


def invoke(run: Run, *, resume: bool) -> dict[str, str]:
    """Run the graph from its start, or from its last checkpoint; returns the outcome of each task."""
    from langgraph.checkpoint.sqlite import SqliteSaver

    from .workflow import build

    def tell() -> None:
        message = "stopping after the current step; a second Ctrl-C stops at once"
        run.emit(Notice(level="warning", code="stopping", message=message))

    file = run.place.record / "checkpoint.sqlite"
    if not readable(file):
        # It only saves time: what is done is in git, what was given up in the journal.
        run.emit(
            Notice(level="warning", code="checkpoint-lost", message=f"{file.name} cannot be read, and is made anew")
        )
        for part in file.parent.glob(f"{file.name}*"):
            part.unlink()
    connection = sqlite3.connect(file, check_same_thread=False)
    try:
        graph = build(run, SqliteSaver(connection))
        config: Any = {"configurable": {"thread_id": run.place.run}, "recursion_limit": 100_000}
        started = bool(graph.get_state(config).next) if resume else False
        with graceful(run.stop, tell):
            state = graph.invoke(None if started else {}, config, durability="sync")
        return dict(state.get("outcomes", {}))
    finally:
        connection.close()


def readable(file: Path) -> bool:
    """Whether a database is whole, or not there at all."""
    if not file.exists():
        return True
    connection = sqlite3.connect(file)
    try:
        return [row[0] for row in connection.execute("PRAGMA quick_check")] == ["ok"]
    except sqlite3.DatabaseError:
        return False
    finally:
        connection.close()
