"""What a line means: orders are recognised without a model, all else is words."""

from __future__ import annotations

import pytest
from kfpilot.agent.chat.grammar import COMMANDS, selection, understand

ORDERS = {
    "go": ("go", ""),
    "OK, go!": ("go", ""),
    "run it": ("go", ""),
    "save": ("save", ""),
    "write the documents": ("save", ""),
    "resume": ("resume", ""),
    "go on": ("resume", ""),
    "do US2 now": ("run", "do US2 now"),
    "do T003-T005": ("run", "do T003-T005"),
    "go only US1": ("run", "go only US1"),
    "only story 2": ("run", "only story 2"),
    "why did T004 fail": ("why", "T004"),
    "Why is T003 not verified?": ("why", "T003"),
    "why T4?": ("why", "T4"),
    "what went wrong with 1.2?": ("why", "1.2"),
    "why did it fail?": ("why", ""),
    "undo T003": ("undo", "T003"),
    "undo task T003.": ("undo", "T003"),
    "undo the last run": ("undo", ""),
    "take back 20261128-2240": ("undo", "20261128-2240"),
    "show spec": ("show", "spec"),
    "show me the tasks": ("show", "tasks"),
    "show the diff": ("diff", ""),
    "where are we?": ("status", ""),
    "verify T001 and T002": ("verify", "T001 T002"),
    "new: count the orders of a week": ("new", "count the orders of a week"),
    "help": ("help", ""),
    "exit": ("quit", ""),
    "/run 001 only US1": ("run", "001 only US1"),
    "/Budget tokens=5k": ("budget", "tokens=5k"),
    "/nonsense": ("unknown", "/nonsense"),
}
QUESTIONS = [
    "why does T005 need both components?",
    "what does FR-001 mean",
    "is there a test for it?",
    "How is it run?",
]
WORDS = [
    "call it min_drop",
    "please add a page in docs/",
    "undo the change of the name",
    "write the header in upper case",
    "run it every Monday",
    "start with a summary table",
    "do not use pandas",
    "a weekly report that flags customers",
    "go through the orders twice",
    "save the result as a Dataset",
]


@pytest.mark.parametrize("line", ORDERS)
def test_orders(line: str) -> None:
    intent = understand(line, "draft")
    assert (intent.kind, intent.of) == ORDERS[line]


@pytest.mark.parametrize("line", QUESTIONS)
def test_questions(line: str) -> None:
    assert understand(line, "draft").kind == "question"


@pytest.mark.parametrize("line", WORDS)
def test_words(line: str) -> None:
    intent = understand(line, "draft")
    assert (intent.kind, intent.of) == ("words", line)


@pytest.mark.parametrize("line", ["go", "only US1", "why did T004 fail", "", "save"])
def test_while_a_question_is_open_a_line_is_its_answer(line: str) -> None:
    assert understand(line, "asking").kind == "words"


def test_commands_are_understood_whatever_is_open() -> None:
    for command in COMMANDS:
        assert understand(command, "asking").kind == command[1:]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("do US2 now", "do US2"),
        ("go only US1, please.", "only US1"),
        ("then do T003", "do T003"),
        ("retry T004 with csv", "retry T004 with csv"),
        ("go on with US2", "US2"),
        ("go on with what is open", ""),
        ("finish the open tasks, please", ""),
        ("do everything but T004", "do everything but T004"),
    ],
)
def test_a_run_gets_the_words_without_the_haste(line: str, words: str) -> None:
    assert selection(line) == words
