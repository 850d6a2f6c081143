"""A whole conversation on a real repository: only the model is a fake. Runs, undo and reports are the real ones."""

from __future__ import annotations

import json

import pytest
from kfpilot.agent.chat.session import latest_session
from kfpilot.agent.cli.chat import new_command
from kfpilot.agent.errors import ModelError, UserError
from kfpilot.agent.models.scripted import calls

from .talking import DRAFT, FEATURE, LIES, ONE, REQUEST, TWO, WORDS, Chat

pytestmark = pytest.mark.integration


def test_nothing_is_written_before_the_user_says_so(chat: Chat) -> None:
    said = chat.say(REQUEST, "show tasks", "/plan", turns=[DRAFT])
    assert "FR-001 A page MUST describe the prices." in said
    assert "- [ ] T001 [P] [US1] Write the page docs/first.md: what `single` does (FR-001)" in said
    assert "002-price-pages: 2 tasks in" in said
    assert chat.runs.git("status", "--porcelain") == ""
    assert not (chat.root / FEATURE).exists()


def test_from_a_request_to_runs_and_back(chat: Chat) -> None:
    said = chat.say(
        REQUEST, "go", "why did T002 fail?", "/diff T001", "/budget", turns=[DRAFT, ONE, LIES]
    )  # fmt: skip
    assert f"written: {FEATURE}/spec.md" in said and "T001 docs   verified" in said
    assert "1 of 2 tasks verified" in said
    why = said[said.index("T002 is failed after 1 attempt") :]
    assert "gate docs" in why and "shop/none.py" in why.split("/diff")[0]
    assert "+# Prices" in said
    assert "This conversation has used 1 model call" in said and "3 model calls" not in said
    assert chat.ticks() == "x "
    assert chat.code == 0

    said = chat.say("do US2 now", "undo T001", "status", turns=[TWO], go_on=True)
    assert "Going on with the conversation" in said and "002-price-pages is written" in said
    assert "T002 docs   verified" in said and "T001 (" in said and "taken back" in said
    assert chat.ticks() == " x"
    assert chat.model.left == 0


def test_ctrl_c_stops_the_run_and_not_the_conversation(chat: Chat) -> None:
    said = chat.say(REQUEST, "go", "resume", turns=[DRAFT, ONE, KeyboardInterrupt(), TWO])
    assert "The run has stopped; resume goes on with it." in said
    assert "2 of 2 tasks verified" in said
    assert chat.ticks() == "xx"


def test_ctrl_c_while_the_model_thinks_loses_nothing(chat: Chat) -> None:
    said = chat.say(REQUEST, "make the title longer", "show spec", turns=[DRAFT, KeyboardInterrupt()])
    assert "Stopped. Nothing was lost" in said
    assert said.rstrip().endswith("- **FR-002**: A page MUST say how they are run.")


def test_a_correction_changes_the_draft_and_what_was_written(chat: Chat) -> None:
    longer = calls(("Outline", {**WORDS, "title": "All pages on prices"}))
    chat.say(REQUEST, "save", "call it All pages on prices", "save", turns=[DRAFT, longer])
    assert (chat.root / FEATURE / "spec.md").read_text().startswith("# Feature Specification: All pages on prices\n")
    assert sorted(path.name for path in (chat.root / "specs").iterdir()) == ["001-prices", "002-price-pages"]


def test_what_was_run_is_not_drafted_anew(chat: Chat) -> None:
    said = chat.say(REQUEST, "go", "call it something else", turns=[DRAFT, ONE, TWO])
    assert "002-price-pages has been run, so its documents are not drafted anew" in said
    assert (chat.code, chat.model.left) == (2, 0)


def test_a_question_is_answered_from_the_draft_and_the_run(chat: Chat) -> None:
    said = chat.say(REQUEST, "how are the pages tested?", "save", turns=[DRAFT, "They are read."])
    assert "They are read." in said
    asked = str(chat.model.sent[1][-1].content)
    assert asked.startswith("# Task answer") and "Write the page docs/first.md" in asked
    assert asked.endswith("The user asks: how are the pages tested?")


def test_mistakes_are_told_and_end_nothing(chat: Chat) -> None:
    said = chat.say("go", "why did T001 fail", "/nonsense", "undo T009", "hm", "/budget tokens=lots", "/plan")
    for told in (
        "there is no draft",
        "no run is recorded",
        "there is no command /nonsense",
        "this conversation has run nothing, so it takes nothing back\n  What others made: kfpilot undo T009",
        "that is no request yet",
        "setting 'max_tokens'",
        "001-prices: 1 task in 1 wave",
    ):
        assert told in said
    assert "Traceback" not in said


def test_budgets_hold_for_the_conversation_too(chat: Chat) -> None:
    said = chat.say("/budget calls=1", REQUEST, "call it Drops", turns=[DRAFT])
    assert "Limits of a run from now on: calls 1." in said
    assert "the run's budget of model calls is used up: 1 of 1 used" in said
    assert (chat.code, chat.model.left) == (3, 0)


def test_secrets_are_neither_sent_nor_kept(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "correct-horse-42-battery"
    monkeypatch.setenv("SHOP_API_KEY", secret)
    said = chat.say(f"{REQUEST} with the key {secret}", "save", turns=[DRAFT])
    sent = json.dumps([str(message.content) for messages in chat.model.sent for message in messages])
    kept = "".join(path.read_text() for path in chat.root.rglob("*") if path.is_file() and ".git/" not in str(path))
    assert "written:" in said and secret not in sent + kept + said


def test_a_conversation_goes_on_where_it_was(chat: Chat) -> None:
    chat.say(REQUEST, turns=[DRAFT])
    assert latest_session(chat.root).phase == "draft"
    said = chat.say("save", go_on=True)
    assert "a draft is not written yet" in said and f"written: {FEATURE}/tasks.md" in said


def test_without_a_conversation_there_is_nothing_to_go_on_with(chat: Chat) -> None:
    with pytest.raises(UserError, match="no conversation to go on with"):
        chat.say(go_on=True)


def test_new_writes_and_says_where(chat: Chat) -> None:
    chat.model.add(DRAFT)
    assert new_command(chat.root, [REQUEST], overrides={}) == 0
    out = chat.capsys.readouterr().out
    assert f"written: {FEATURE}/spec.md" in out and "Next: kfpilot run 002-price-pages" in out
    assert chat.runs.git("status", "--porcelain").split() == ["??", f"{FEATURE}/"]


def test_the_same_wish_a_second_time_is_told(chat: Chat) -> None:
    chat.model.add(DRAFT, DRAFT, DRAFT)
    assert new_command(chat.root, [REQUEST], overrides={}) == 0
    assert "of this name" not in chat.capsys.readouterr().out
    assert new_command(chat.root, [REQUEST], overrides={}) == 0
    out = chat.capsys.readouterr().out
    assert f"A feature of this name is there already: {FEATURE}. This is another one." in out
    assert "written: specs/003-price-pages/spec.md" in out
    assert new_command(chat.root, [REQUEST], overrides={}, dry_run=True, json=True) == 0
    told = json.loads(chat.capsys.readouterr().out)
    assert told["same_name"] == ["specs/002-price-pages", "specs/003-price-pages"]


def test_new_as_a_dry_run_leaves_nothing(chat: Chat) -> None:
    chat.model.add(DRAFT)
    assert new_command(chat.root, [REQUEST], overrides={}, dry_run=True, json=True) == 0
    told = json.loads(chat.capsys.readouterr().out)
    assert (told["feature"], told["written"], len(told["documents"])) == ("002-price-pages", False, 3)
    assert [task["id"] for wave in told["plan"]["waves"] for task in wave] == ["T001", "T002"]
    assert chat.runs.git("status", "--porcelain") == "" and not (chat.root / ".kfpilot").exists()


def test_new_goes_on_with_a_run(chat: Chat) -> None:
    chat.model.add(DRAFT, ONE, TWO)
    assert new_command(chat.root, [REQUEST], overrides={"jobs": 1}, run=True, plain=True) == 0
    assert chat.ticks() == "xx"


def test_a_draft_that_cannot_be_used_writes_nothing(chat: Chat) -> None:
    chat.model.add(*["I cannot do that."] * 4)
    with pytest.raises(ModelError, match="none could be used"):
        new_command(chat.root, [REQUEST], overrides={})
    assert chat.runs.git("status", "--porcelain") == ""


def test_questions_are_asked_one_by_one_and_may_be_left(chat: Chat) -> None:
    from kfpilot.agent.chat.desk import Desk
    from kfpilot.agent.chat.session import new_session
    from kfpilot.agent.chat.talk import Talk
    from kfpilot.agent.settings import Settings

    shown: list[str] = []
    session = new_session()
    talk = Talk(
        chat.root,
        session,
        None,
        shown.append,
        lambda more: Settings(),
        desk=lambda place, wanted: Desk(chat.root, place, wanted),
    )  # type: ignore[arg-type]
    chat.model.add(calls(("Questions", {"questions": ["Which readers?", "In which folder?"]})), DRAFT)
    assert talk.handle(REQUEST) and session.phase == "asking" and shown[-1] == "Which readers?"
    talk.handle("analysts of the shop")
    assert shown[-1] == "In which folder?"
    talk.handle("")
    assert session.phase == "draft" and session.draft
    asked = str(chat.model.sent[1][-1].content)
    assert "You asked: Which readers?\nThe user answered: analysts of the shop" in asked
    assert "You asked: In which folder?\nThe user answered: Decide it" in asked


LINES = """Title: Price list
Component: list_prices
Reads: orders
Writes: prices
Settings: none
Does: reads the CSV `orders` and writes to `prices` one row for each article"""
MORE = """Story: Prices are listed
User: A reader sees the prices
Why: Nobody knows them
Given: one order
When: the step runs
Then: the table has one row
Rule: The step MUST write one row for each article
Test: from one order of tea comes the row tea,2"""


def test_a_small_model_drafts_in_steps_and_asks_nothing(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KFPILOT_WORKER", "draft")
    said = chat.say(
        "list the prices of all articles", "sort it by article", "save", turns=[LINES, MORE, LINES, MORE]
    )  # fmt: skip
    assert "is small: it drafts one or two components" in said
    assert "naming the components" in said and "written: specs/002-price-list/tasks.md" in said
    assert "list the prices of all articles. sort it by article" in str(chat.model.sent[2][1].content)


def test_a_number_that_was_taken_meanwhile_is_not_used_twice(chat: Chat) -> None:
    chat.say(REQUEST, turns=[DRAFT])
    (chat.root / "specs/002-other").mkdir()
    (chat.root / "specs/002-other/tasks.md").write_text("- [ ] T001 Write docs/other.md\n", encoding="utf-8")
    assert "written: specs/003-price-pages/spec.md" in chat.say("save", go_on=True)


def test_the_model_can_be_changed_and_named(chat: Chat) -> None:
    said = chat.say("/model replay:none.jsonl", "/model", "help")
    assert said.count("Model: replay none.jsonl") == 2
    assert "/undo" in said and "why did T004 fail" in said


def test_another_feature_begins_anew(chat: Chat) -> None:
    other = calls(("Outline", {**WORDS, "name": "other-pages"}))
    said = chat.say(REQUEST, "save", "new: describe the prices for auditors", "save", turns=[DRAFT, other])
    assert "written: specs/003-other-pages/spec.md" in said
    assert str(chat.model.sent[1][-1].content).endswith("auditors\n\nWrite the feature down now: JSON only.")


def test_an_endpoint_that_is_waited_for_is_told(chat: Chat) -> None:
    away = ModelError("the endpoint is overloaded", transient=True, retry_after=0.1)
    said = chat.say(REQUEST, turns=[away, DRAFT])
    assert "the endpoint is overloaded; asked again in 0 s" in said and "FR-001" in said
