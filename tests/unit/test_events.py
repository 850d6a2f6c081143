"""The journal of a run."""

from __future__ import annotations

from pathlib import Path

from kfpilot.agent.events import Journal, Notice, read_journal


def test_what_comes_after_the_end_is_not_written(tmp_path: Path) -> None:
    heard: list[str] = []
    journal = Journal(tmp_path / "journal.jsonl", [lambda event: heard.append(event.message)])
    journal.emit(Notice(code="a", message="the last word"))
    journal.close()
    journal.emit(Notice(code="b", message="of a thread that is late"))
    assert [event.message for event in read_journal(journal.path)] == heard == ["the last word"]
    Journal(journal.path).emit(Notice(code="c", message="of the run that goes on"))
    assert [event.seq for event in read_journal(journal.path)] == [1, 2]
