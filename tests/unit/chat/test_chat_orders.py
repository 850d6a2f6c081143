"""A draft that is open: only what is an order as a whole runs it, all else corrects it; and what is a question."""

from __future__ import annotations

import pytest
from kfpilot.agent.chat.grammar import understand

CORRECTIONS = [
    "Do not use pandas in T001",
    "do not touch T001 yet",
    "don't do T001 with pandas",
    "never run T002 twice",
    "just rename the output of T003 to summary",
    "Only T003 should write JSON, the rest csv",
    "only US1 needs a page",
    "do what is right for empty rows",
    "carry the day column through",
    "only the first group of rows counts",
    "try to make US2 shorter",
    "try T003 with csv only",
    "work on the wording of US2",
    "finish the tests with a border case",
    "do the same for the tests as well",
    "start T002 after T003",
    "start with T002's output",
    "Run everything on one CPU",
    "Only the paid orders, the rest is dropped",
    "go with 0.5 in T002",
    "try 1.5",
    "only 0.5",
    "run the tests of T004 with two days",
    "ok, but no pandas",
    "good names, but shorter",
    "no pandas",
    "stop at the first empty file",
    "cancel orders older than a year",
    "run 3 steps side by side",
    "do 001 in one file",
]
RUNS = [
    "run T003",
    "do T004 and T005",
    "do T004, T005 and T007 first.",
    "only US1",
    "start with T002",
    "just do T003, please",
    "ok, do story 2 now",
    "only phases 1 and 2",
    "run T001 of US1",
    "do everything",
    "run all open tasks",
    "do the rest",
    "go on with what is open",
    "carry on with what's left",
    "finish the open tasks",
    "only the first group",
    "do the last two groups now",
    "only the MVP",
    "do the next 2 tasks",
    "do 1.2",
    "do T003-T005",
]
WITH_WORDS = [
    "retry T004 with csv only",
    "do T003 again, this time without pandas",
    "work on US2 in small steps",
    "only T003, with a border case",
    "run everything except T003",
    "continue with T004, but shorter",
]
NEVER_RUN = [line for line in CORRECTIONS if line not in ("try T003 with csv only", "start T002 after T003")]


@pytest.mark.parametrize("line", CORRECTIONS)
def test_a_correction_is_no_order(line: str) -> None:
    assert understand(line, "draft").kind == "words"


@pytest.mark.parametrize("line", NEVER_RUN)
def test_nor_is_it_one_later(line: str) -> None:
    assert understand(line, "saved").kind == "words"


@pytest.mark.parametrize("line", RUNS)
def test_an_order_is_one_as_a_whole(line: str) -> None:
    for phase in ("draft", "saved", "empty"):
        intent = understand(line, phase)  # type: ignore[arg-type]
        assert (intent.kind, intent.of) == ("run", line)


@pytest.mark.parametrize("line", WITH_WORDS)
def test_words_go_along_once_there_is_nothing_to_correct(line: str) -> None:
    assert understand(line, "saved").kind == "run"
    assert understand(line, "draft").kind == "words"


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("save and run", "go"),
        ("Save it, then run it.", "go"),
        ("looks good, run it", "go"),
        ("let's go", "go"),
        ("run it now", "go"),
        ("yes, save", "save"),
        ("yes", "agree"),
        ("Ok!", "agree"),
        ("looks good", "agree"),
        ("great, thanks", "agree"),
        ("yes please", "agree"),
        ("take it back", "undo"),
        ("undo the last change, please", "undo"),
        ("that's fine.", "agree"),
        ("stop", "leave"),
        ("cancel", "leave"),
        ("no", "leave"),
        ("no, stop", "leave"),
        ("don't run it yet", "leave"),
        ("never mind", "leave"),
    ],
)
def test_short_answers_to_a_draft_redraw_nothing(line: str, kind: str) -> None:
    assert understand(line, "draft").kind == kind


def known(words: str) -> tuple[str | None, str]:
    first, _, rest = words.partition(" ")
    return ("002-refund-flags", rest) if first in ("002", "002-refund-flags", "refund-flags") else (None, words)


@pytest.mark.parametrize(
    ("line", "kind", "of"),
    [
        ("run 002", "run", "002"),
        ("run 002-refund-flags.", "run", "002-refund-flags"),
        ("run feature refund-flags", "run", "refund-flags"),
        ("run 002 only US1", "run", "002 only US1"),
        ("run 007", "run", "007"),
        ("run 002 on one CPU", "words", "run 002 on one CPU"),
        ("resume 002", "resume", "002"),
        ("go on with the header", "words", "go on with the header"),
    ],
)
def test_a_feature_is_run_by_its_name(line: str, kind: str, of: str) -> None:
    intent = understand(line, "draft", known)
    assert (intent.kind, intent.of) == (kind, of)


@pytest.mark.parametrize(
    "line",
    [
        "Can it handle empty files?",
        "Could the threshold be 0.5?",
        "Will it run on our cluster?",
        "can you make the share 0.4?",
        "should T003 read both?",
        "what does FR-001 mean",
        "which tasks are slow",
        "which tasks should run first",
        "which customers must be flagged",
        "what should the page say",
        "how many tasks are there",
        "when is T003 done",
        "where are the tests",
        "why so many tasks",
        "what if a file is empty",
        "explain T005",
        "tell me about US2",
    ],
)
def test_a_question_changes_nothing(line: str) -> None:
    assert understand(line, "draft").kind == "question"


@pytest.mark.parametrize(
    "line",
    [
        "When refunds of a customer exceed 30% of what was paid, write the customer to a csv",
        "Which customers are flagged must be configurable",
        "Where status is refunded, skip the row",
        "How about 0.5 as the default",
        "What the page says should be short",
        "How the rows are sorted has to stay",
        "Who was flagged before must not be flagged again",
        "What is paid must be shown",
        "Explain the threshold in the README",
        "What about calling it min_drop",
        "Whenever a file is missing, fail",
    ],
)
def test_a_wish_may_begin_like_a_question(line: str) -> None:
    for phase in ("empty", "draft"):
        assert understand(line, phase).kind == "words"  # type: ignore[arg-type]
