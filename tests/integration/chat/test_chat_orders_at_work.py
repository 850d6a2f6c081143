"""What an order does, and does not do, to work that is there: undo, resume, runs by a feature's name, exit codes."""

from __future__ import annotations

from pathlib import Path

import pytest
from kfpilot.agent.chat.session import latest_session
from kfpilot.agent.cli.chat import CommandLine, new_command
from kfpilot.agent.cli.common import console_for
from kfpilot.agent.models.scripted import calls
from kfpilot.agent.reports.find import list_runs

from .talking import DRAFT, FEATURE, LIES, ONE, REQUEST, TWO, WORDS, Chat, write

pytestmark = pytest.mark.integration

PRICES = write("docs/prices.md")
LONGER = calls(("Outline", {**WORDS, "title": "All pages on prices"}))


def prices_ticked(chat: Chat) -> bool:
    return "[x] T001" in chat.runs.git("show", "kfpilot/001-prices:specs/001-prices/tasks.md")


def test_undo_of_a_draft_takes_corrections_back_and_no_work_of_others(chat: Chat) -> None:
    chat.say("/run 001", turns=[PRICES])
    run = list_runs(chat.root)[0].id
    lines = [REQUEST, "undo", "call it All pages on prices", "undo", "show spec", "undo the last change"]
    said = chat.say(*lines, turns=[DRAFT, LONGER])
    assert said.count("this conversation has run nothing, so it takes nothing back") == 2
    assert f"The repository's latest run is {run} of 001-prices: kfpilot undo {run}" in said
    assert "Taken back: call it All pages on prices" in said
    assert "# Feature Specification: Pages on prices\n" in said
    assert prices_ticked(chat) and chat.code == 2 and chat.model.left == 0


def test_a_correction_of_what_is_written_can_be_taken_back(chat: Chat) -> None:
    said = chat.say(REQUEST, "save", "call it All pages on prices", "undo", turns=[DRAFT, LONGER])
    assert "It is as it was written: 002-price-pages. go runs it." in said
    assert latest_session(chat.root).phase == "saved"


def test_undo_is_about_the_runs_of_this_conversation(chat: Chat) -> None:
    chat.say("/run 001", turns=[PRICES])
    said = chat.say(REQUEST, "go", "undo", "undo", "undo T001", turns=[DRAFT, ONE, TWO])
    assert "2 tasks taken back on branch kfpilot/002-price-pages" in said
    assert "what this conversation has run left nothing to take back" in said
    assert "T001 (" in said and "was taken back before" in said
    assert chat.ticks() == "  " and prices_ticked(chat)


def test_on_a_terminal_undo_shows_what_it_would_do_and_asks(chat: Chat) -> None:
    chat.say("/run 001", turns=[PRICES])
    (run,) = [info.id for info in list_runs(chat.root)]
    asked: list[str] = []

    def line(answer: bool) -> int:
        def confirm(question: str) -> bool:
            asked.append(question)
            return answer

        actions = CommandLine(chat.root, console_for(True), {}, plain=True, no_color=True, confirm=confirm)
        return actions.undo("", "001-prices", [run])

    assert line(False) == 0 and prices_ticked(chat)
    said = chat.capsys.readouterr().out
    assert "would be taken back" in said and said.endswith("Nothing was taken back, as you said.\n")
    assert line(True) == 0 and not prices_ticked(chat)
    assert asked == ["Take it back?"] * 2


def test_what_new_has_run_is_of_the_conversation_that_goes_on(chat: Chat) -> None:
    chat.model.add(DRAFT, ONE, TWO)
    assert new_command(chat.root, [REQUEST], overrides={"jobs": 1}, run=True, plain=True) == 0
    assert "2 tasks taken back" in chat.say("undo", go_on=True)


@pytest.mark.parametrize("line", ["Do not use pandas in T001", "try to make US2 shorter", "only US1 needs an example"])
def test_a_correction_that_names_a_task_writes_and_runs_nothing(chat: Chat, line: str) -> None:
    said = chat.say(REQUEST, line, turns=[DRAFT, LONGER])
    assert "All pages on prices" in said and "written:" not in said
    assert not (chat.root / FEATURE).exists() and list_runs(chat.root) == []


def test_agreeing_and_leaving_ask_no_model(chat: Chat) -> None:
    said = chat.say("yes", REQUEST, "looks good", "stop", "save", "ok", "show spec", turns=[DRAFT])
    assert "go writes the draft and runs it, save writes it only." in said
    assert "Left as it is." in said and "It is written. go runs it." in said
    assert chat.code == 0 and len(chat.model.sent) == 1


def test_save_and_run_is_one_order(chat: Chat) -> None:
    assert "2 of 2 tasks verified" in chat.say(REQUEST, "save and run", turns=[DRAFT, ONE, TWO])


@pytest.mark.parametrize("line", ["run 001", "/run 001-prices"])
def test_another_feature_is_run_beside_a_draft_that_stays(chat: Chat, line: str) -> None:
    said = chat.say(REQUEST, line, "show spec", turns=[DRAFT, PRICES])
    assert "1 of 1 task verified" in said and "written:" not in said
    assert "# Feature Specification: Pages on prices\n" in said
    assert latest_session(chat.root).phase == "draft"


def test_a_feature_that_is_not_there_is_told(chat: Chat) -> None:
    said = chat.say(REQUEST, "run 300 rows at once", "run 007", turns=[DRAFT, LONGER])
    assert "No feature matches '007'" in said and "specs/001-prices" in said
    assert chat.code == 2 and not (chat.root / FEATURE).exists()


def test_the_exit_code_is_that_of_the_last_line(chat: Chat) -> None:
    chat.say(REQUEST, "go", turns=[DRAFT, ONE, LIES])
    assert chat.code == 1
    chat.say(REQUEST, "go", "status", turns=[DRAFT, ONE, LIES])
    assert chat.code == 0
    chat.say("foo bar", "quit")
    assert chat.code == 0
    chat.say("foo bar", "")
    assert chat.code == 2


def test_verify_ends_as_its_command(chat: Chat) -> None:
    (chat.root / "docs").mkdir()
    (chat.root / "docs/prices.md").write_text("# Prices\n\n`nobody_has_this()` in `shop/none.py`.\n", encoding="utf-8")
    assert "shop/none.py" in chat.say("verify T001")
    assert chat.code == 1


def test_a_failure_is_told_with_the_task_that_failed(chat: Chat) -> None:
    said = chat.say(REQUEST, "go", turns=[DRAFT, ONE, LIES])
    assert said.endswith("Ask: why did T002 fail. Or: do T002, with a word on how.\n")


def test_a_run_that_worked_no_task_has_none_that_failed(chat: Chat) -> None:
    (chat.root / "shop/price.py").write_text("no python(\n", encoding="utf-8")
    for lines in (["/run 001 only T077"], ["/resume 001"]):
        assert "why did" not in chat.say(*lines)
        assert chat.code == 2


def test_resume_goes_on_with_what_was_stopped_here_or_alone_was_stopped(chat: Chat) -> None:
    two = chat.root / "specs/003-other"
    two.mkdir()
    (two / "tasks.md").write_text("- [ ] T001 Describe the prices in docs/other.md\n", encoding="utf-8")
    chat.runs.git("add", "--all")
    chat.runs.git("commit", "--quiet", "-m", "other")
    said = chat.say("/run 001", "resume", turns=[KeyboardInterrupt(), PRICES])
    assert "The run has stopped; resume goes on with it." in said and "1 of 1 task verified" in said
    assert chat.code == 0 and prices_ticked(chat)

    chat.say("run 003", turns=[KeyboardInterrupt()])
    assert chat.code == 130
    said = chat.say("resume", turns=[write("docs/other.md")])
    assert "1 of 1 task verified" in said and chat.code == 0

    assert "there is no run to go on with" in chat.say("resume")


def test_which_of_two_is_resumed_is_asked(chat: Chat) -> None:
    other = chat.root / "specs/003-other"
    other.mkdir()
    (other / "tasks.md").write_text("- [ ] T001 Describe the prices in docs/other.md\n", encoding="utf-8")
    chat.runs.git("add", "--all")
    chat.runs.git("commit", "--quiet", "-m", "other")
    chat.say("run 001", "run 003", turns=[KeyboardInterrupt(), KeyboardInterrupt()])
    said = chat.say("resume", "resume 001", turns=[PRICES])
    assert "several runs can be gone on with: 001-prices, 003-other\n  Say which: /resume 003-other" in said
    assert prices_ticked(chat) and chat.code == 0


def test_an_unwritten_draft_outlives_a_look(chat: Chat) -> None:
    chat.say(REQUEST, turns=[DRAFT])
    chat.say("status", "/model", "quit")
    chat.say("hm", "help")
    assert "a draft is not written yet" in chat.say("save", go_on=True)
    kept = [path for path in Path(chat.root / ".kfpilot/chat").iterdir() if path.is_dir()]
    assert len(kept) == 1


def test_a_wish_with_a_question_mark_changes_nothing_and_says_how(chat: Chat) -> None:
    said = chat.say(REQUEST, "Could the title be longer?", turns=[DRAFT, "It could."])
    assert "It could.\n\nThe draft is as it was. To have it changed, say so without a question mark." in said
