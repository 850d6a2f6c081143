"""The journal of a run."""

from __future__ import annotations

import threading
from pathlib import Path

from kfpilot.agent.events import Journal, Notice, RunFinished, read_journal


def test_nothing_comes_after_the_end(tmp_path: Path) -> None:
    late = threading.Thread(target=lambda: journal.emit(Notice(code="b", message="of a thread that waits")))

    def while_the_last_word_is_written(event: object) -> None:
        late.start()

    journal = Journal(tmp_path / "journal.jsonl", [while_the_last_word_is_written])
    journal.emit(RunFinished(outcome="interrupted", exit_code=130, branch="b", head=None, landed=False, seconds=1.0))
    late.join()
    journal.emit(Notice(code="c", message="of a thread that is late"))
    assert [event.type for event in read_journal(journal.path)] == ["run-finished"]

    Journal(journal.path).emit(Notice(code="d", message="of the run that goes on"))
    assert [event.seq for event in read_journal(journal.path)] == [1, 2]
