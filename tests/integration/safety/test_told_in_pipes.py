"""What `kfpilot run` and `plan` print where no terminal is: whole lines, and the counts of the whole run."""

from __future__ import annotations

import pytest
from kfpilot.agent.cli.app import main
from kfpilot.agent.cli.run import run_command
from kfpilot.agent.errors import Interrupted
from kfpilot.agent.events import Notice
from kfpilot.agent.reports.fold import RunFold
from kfpilot.agent.reports.summarise import events_of, report_of

from .conftest import FIRST, ONE, SECOND, MakeRuns

TWO = ONE + "- [ ] T002 Describe the prices in docs/second.md\n"


def test_a_resumed_run_counts_its_earlier_sessions(scripted_runs: MakeRuns, capsys: pytest.CaptureFixture[str]) -> None:
    runs = scripted_runs(TWO)
    with pytest.raises(Interrupted):
        runs.run(FIRST, KeyboardInterrupt(), words="only the pages")
    assert runs.notices()["words"] == "the words pick no task; they go to planner and workers as they are"
    runs.model.add(runs.write(*SECOND))
    given = runs.settings().model_dump(include={"cache_dir", "python", "attempts", "refine"})
    assert run_command(runs.root, "001", [], tasks=[], stories=[], overrides=given, resume=True, plain=True) == 0
    out = capsys.readouterr().out
    assert "run ended (verified); 2 of 2 tasks verified" in out and "1 of 2" not in out
    assert "the words pick" not in out, "that was said when the run began"
    (summary,) = [line for line in out.splitlines() if line.startswith("Ready for review")]
    assert len(summary) > 80 and summary.endswith("are still to be tried.")


def test_what_stopped_an_earlier_session_is_no_issue_of_the_run(scripted_runs: MakeRuns) -> None:
    runs = scripted_runs(TWO)
    with pytest.raises(Interrupted):
        runs.run(FIRST, KeyboardInterrupt())
    assert runs.run(SECOND, resume=True) == 0
    (journal,) = runs.root.glob(".kfpilot/runs/*/journal.jsonl")
    events = list(events_of(journal))
    stopped = Notice(level="warning", code="stopping", message="stopping after the current step")
    first_end = next(place for place, event in enumerate(events) if event.type == "run-finished")
    fold = RunFold()
    for event in events[:first_end]:
        fold.apply(event)
    fold.apply(stopped)
    assert any("stopping" in issue.text for issue in report_of(fold).issues)
    for event in events[first_end:]:
        fold.apply(event)
    assert not any("stopping" in issue.text for issue in report_of(fold).issues)


def test_a_plan_says_what_the_words_pick(scripted_runs: MakeRuns, capsys: pytest.CaptureFixture[str]) -> None:
    runs = scripted_runs(TWO)
    for words, said in (("only T002", "the words pick T002"), ("only the tests", "the words pick no task; they go")):
        for command in (["plan", "--no-llm"], ["run", "--dry-run"]):
            with pytest.raises(SystemExit, match="0"):
                main([command[0], "001", words, command[1], "--repo", str(runs.root)])
            assert said in capsys.readouterr().out
