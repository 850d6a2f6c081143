"""What users type after the command picks tasks only when it says so."""

from __future__ import annotations

from pathlib import Path

import pytest
from kfpilot.agent.documents.models import Feature, Phase, Spec, Story, Task, TaskList
from kfpilot.agent.errors import UserError
from kfpilot.agent.planner.build import build_plan
from kfpilot.agent.planner.selection import Selection, choose, free_words, names_order, parse_words

ROOT = Path("/nowhere/orders")
PHASES = [
    Phase(title="Phase 1: Setup", number=1, kind="setup", line=1),
    Phase(title="Phase 2: Foundational", number=2, kind="foundational", line=10),
    Phase(
        title="Phase 3: User Story 1 – Late orders (Priority: P1) 🎯 MVP",
        number=3,
        kind="story",
        stories=["US1"],
        line=20,
    ),
    Phase(title="Phase 4: User Story 2 – Alerts (Priority: P2)", number=4, kind="story", stories=["US2"], line=40),
    Phase(title="Phase 5: Polish", number=5, kind="polish", line=60),
]
PHASE_OF = {1: 0, 2: 1, 3: 2, 4: 2, 5: 2, 6: 3, 7: 3, 8: 4}


def make_feature() -> Feature:
    tasks = [
        Task(
            key=f"T{number:03}",
            id=f"T{number:03}",
            title=f"Work {number}",
            line=PHASES[place].line + number,
            phase=PHASES[place].title,
            phase_number=PHASES[place].number,
            stories=PHASES[place].stories,
        )
        for number, place in PHASE_OF.items()
    ]
    spec = Spec(
        path=ROOT / "specs/001-late/spec.md",
        stories=[
            Story(key="US1", title="Late orders", priority="P1"),
            Story(key="US2", title="Alerts", priority="P2"),
        ],
    )
    return Feature(
        name="001-late",
        root=ROOT,
        directory=ROOT / "specs/001-late",
        spec=spec,
        tasks=TaskList(path=ROOT / "specs/001-late/tasks.md", tasks=tasks, phases=PHASES),
    )


def planned(words: str) -> str:
    """The numbers of the tasks that a plan with these words carries out, joined: 345."""
    feature = make_feature()
    keys = {task.id for task in build_plan(feature, parse_words(words, feature)).tasks}
    return "".join(str(int(key[1:])) for key in sorted(keys))


ALL = "12345678"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("", ALL),
        ("continue", ALL),
        ("all tasks", ALL),
        ("Start the implementation in phases", ALL),
        ("T003", "3"),
        ("t3", "3"),
        ("task T003", "3"),
        ("T003 T004", "34"),
        ("T003, T004 and T007", "347"),
        ("T003-T006", "3456"),
        ("T003 - T006", "3456"),
        ("T003–T006", "3456"),
        ("T003..T006", "3456"),
        ("T003...T006", "3456"),
        ("T003 to T006", "3456"),
        ("T003 through T006", "3456"),
        ("T003-6", "3456"),
        ("T006-T003", "3456"),
        ("from T003 to T006", "3456"),
        ("tasks 3-6", "3456"),
        ("task 3", "3"),
        ("T006 onwards", "678"),
        ("from T006 on", "678"),
        ("up to T002", "12"),
        ("US1", "345"),
        ("only US1", "345"),
        ("user story 1", "345"),
        ("US1 and US2", "34567"),
        ("user stories 1 and 2", "34567"),
        ("US1-US2", "34567"),
        ("US1 only", "345"),
        ("P1 only", "345"),
        ("priority P1", "345"),
        ("only the P2 stories", "67"),
        ("MVP", "12345"),
        ("mvp only", "12345"),
        ("the MVP please", "12345"),
        ("phase 4", "67"),
        ("phase1", "1"),
        ("phases 1 and 2", "12"),
        ("Phase 1-3", "12345"),
        ("finish the setup phase", "1"),
        ("the next task", "1"),
        ("Only implement the next incomplete task", "1"),
        ("next 2 tasks", "12"),
        ("only execute the Setup and Foundational phases, then stop and report progress", "12"),
        ("only execute tasks T001-T004, then stop and report progress", "1234"),
        ("Phase 3: User Story 1 – Late orders (Tasks T003-T004)", "34"),
        ("T001-T003 of US1", "123"),
        ("run T003 and T004 then stop", "34"),
        ("please do T005", "5"),
        ("just T003 please", "3"),
        ("only T003 and T005, nothing else", "35"),
        ("T004 and US2", "467"),
    ],
)
def test_pure_selections_pick_those_tasks_and_leave_no_words(words: str, expected: str) -> None:
    assert planned(words) == expected
    selection = parse_words(words, make_feature())
    assert selection.words == ""
    assert selection.said == words


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("skip T004", "1235678"),
        ("without T004", "1235678"),
        ("skip T004 and T005", "123678"),
        ("skip T004-T006", "12378"),
        ("not US2", "123458"),
        ("no US2", "123458"),
        ("all but US2", "123458"),
        ("all but not US2", "123458"),
        ("everything except T008", "1234567"),
        ("everything except for phase 5", "1234567"),
        ("don't do T007", "1234568"),
        ("leave out T001", "2345678"),
        ("implement US1 but skip T003", "45"),
        ("US1 without T003", "45"),
        ("US1, skip T003", "45"),
        ("T003-T006 except T004", "356"),
    ],
)
def test_words_leave_tasks_out(words: str, expected: str) -> None:
    assert planned(words) == expected
    assert parse_words(words, make_feature()).words == ""


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("implement T003 with a threshold of 3 days", "3"),
        ("only US1 without tests", "345"),
        ("Only implement core feature phases (Phase 1-2)", "12"),
        ("US1 only, use pandas", "345"),
        ("just do T003 and keep it small", "3"),
        ("please implement user story 2 and make it fast", "67"),
        ("run T003-T005 using kfp 2.17", "345"),
        ("I want only US1 for today's demo", "345"),
    ],
)
def test_told_selections_keep_the_sentence_for_the_workers(words: str, expected: str) -> None:
    assert planned(words) == expected
    assert parse_words(words, make_feature()).words == words


@pytest.mark.parametrize(
    "words",
    [
        "make T003's threshold configurable",
        "make T003’s threshold configurable",
        "just make T003's threshold configurable",
        "do T003's tests with pytest",
        "the alert of US2 should go to Slack",
        "use pandas 2, and keep T003 small",
        "only touch pipelines/daily.py in T003",
        "do not change T003's signature",
        "don't break T003",
        "ignore T004 failures",
        "T003: use a threshold of two days",
        "in T003 use a threshold of two days",
        "T003 should read Parquet",
        "do T003 first",
        "start with US2",
        "implement everything, US1 first",
        "implement T003 before T004",
        "use the T5 model from transformers",
        "late orders of P1 customers are urgent",
        "write to s3://bucket/T003/out",
        "keep the setup simple",
        "use `T003` as a prefix",
    ],
)
def test_a_mention_in_passing_leaves_everything_in_the_plan(words: str) -> None:
    assert planned(words) == ALL
    assert parse_words(words, make_feature()).words == words


def test_what_is_not_a_selection_stays_sentence_by_sentence() -> None:
    selection = parse_words("work on T003 and T004. Use type hints.", make_feature())
    assert selection.tasks == ["T003", "T004"]
    assert selection.words == "Use type hints."
    assert selection.said == "work on T003 and T004. Use type hints."


def test_stories_stay_stories_and_ranges_are_expanded() -> None:
    feature = make_feature()
    assert parse_words("only US1", feature).stories == ["US1"]
    assert parse_words("only US1", feature).tasks == []
    assert parse_words("T003-T005", feature).tasks == ["T003", "T004", "T005"]
    assert parse_words("skip US2", feature).exclude == ["T006", "T007"]


@pytest.mark.parametrize(
    ("words", "what", "mend"),
    [
        ("T009", "no task T009", "T008"),
        ("only T0044", "no task T0044", "T004"),
        ("T020-T030", "no task in T020-T030", "T0"),
        ("only US7", "no story US7", "US1"),
        ("P4 only", "no story has priority P4", "P1, P2"),
        ("phase 9", "no phase 9", "1, 2, 3, 4, 5"),
        ("T003, skip T003", "leave the same out", "Say which"),
    ],
)
def test_what_does_not_exist_is_refused_with_what_does(words: str, what: str, mend: str) -> None:
    with pytest.raises(UserError) as caught:
        parse_words(words, make_feature())
    assert what in caught.value.what
    assert mend in caught.value.mend


@pytest.mark.parametrize(
    "words",
    [
        "$ARGUMENTS",
        " `$ARGUMENTS`\n",
        "$@",
        "$1 $2",
        "{{args}}",
        "{{ args }}",
        "${input:args}",
        "<words>\n$X\n</words>",
    ],
)
def test_a_hole_that_was_not_filled_does_not_start_everything(words: str) -> None:
    with pytest.raises(UserError, match="the words are the placeholder"):
        parse_words(words, make_feature())


@pytest.mark.parametrize("words", ["", "say $ARGUMENTS in docs/use.md", "keep {{args}} as it is"])
def test_words_that_name_a_hole_are_words(words: str) -> None:
    assert parse_words(words, make_feature()).words == words


def test_an_unknown_id_in_passing_is_no_error() -> None:
    assert parse_words("make it like T099's output", make_feature()).tasks == []


def test_ids_with_letters_points_and_gaps_lie_in_ranges() -> None:
    feature = make_feature()
    feature.tasks.tasks = [
        Task(key=key, id=key, line=n) for n, key in enumerate(["T004", "T004a", "T022.5", "T023", "T030"])
    ]
    assert parse_words("T004-T022", feature).tasks == ["T004", "T004a", "T022.5"]
    assert parse_words("T004a", feature).tasks == ["T004a"]
    assert parse_words("T005-T029", feature).tasks == ["T022.5", "T023"]


def test_numbered_tasks_of_kiro_and_openspec_can_be_picked() -> None:
    feature = make_feature()
    feature.dialect = "kiro"
    feature.tasks.tasks = [Task(key=key, id=key, line=n) for n, key in enumerate(["1", "1.1", "1.2", "2.1"])]
    assert parse_words("1.2", feature).tasks == ["1.2"]
    assert parse_words("1.1-1.2", feature).tasks == ["1.1", "1.2"]
    assert parse_words("task 2.1", feature).tasks == ["2.1"]
    assert parse_words("use pandas 1.2", feature).tasks == []


def test_the_command_lines_own_ids_are_read_the_same_way() -> None:
    feature = make_feature()
    assert choose(feature, Selection(tasks=["t3", "T005-T006"])) == {"T003", "T005", "T006"}
    assert choose(feature, Selection(stories=["us2"])) == {"T006", "T007"}
    assert choose(feature, Selection(exclude=["T001"])) is None
    with pytest.raises(UserError, match="no task T0100"):
        choose(feature, Selection(tasks=["T0100"]))
    with pytest.raises(UserError, match="no story US9"):
        choose(feature, Selection(stories=["US9"]))


def test_a_second_task_of_the_same_id_is_picked_with_the_first_and_alone_by_its_key() -> None:
    feature = make_feature()
    feature.tasks.tasks.append(Task(key="T003#2", id="T003", line=90))
    assert choose(feature, Selection(tasks=["T003#2"])) == {"T003#2"}
    assert parse_words("T003", feature).tasks == ["T003", "T003#2"]


@pytest.mark.parametrize("words", ["", "T003", "only US1", "skip T004", "continue", "T003-T006, then stop"])
def test_nothing_is_free_in_a_selection(words: str) -> None:
    assert free_words(words) == ""


@pytest.mark.parametrize("words", ["use pandas", "only US1 with pandas", "make T003's threshold configurable"])
def test_free_words_say_more(words: str) -> None:
    assert free_words(words)


@pytest.mark.parametrize(
    ("words", "expected"),
    [("US2 first", True), ("do T004 before T003", True), ("start with US2", True), ("first read the spec", False)],
)
def test_order_wishes_are_told_from_other_words(words: str, expected: bool) -> None:
    assert names_order(words) is expected


def numbered_feature() -> Feature:
    """An OpenSpec change: tasks below numbered headings."""
    feature = make_feature()
    feature.dialect = "openspec"
    feature.tasks.phases = [
        Phase(title=title, number=number, line=10 * number)
        for number, title in enumerate(["1. Band check", "2. Summary", "3. Operation"], 1)
    ]
    feature.tasks.tasks = [
        Task(key=key, id=key, line=10 * int(key[0]) + int(key[2]), phase=phase.title, phase_number=phase.number)
        for phase in feature.tasks.phases
        for key in (f"{phase.number:g}.1", f"{phase.number:g}.2")
    ]
    return feature


@pytest.mark.parametrize(
    ("words", "keys"),
    [
        ("only the first group, no new dependencies", "1.1 1.2"),
        ("only group 2", "2.1 2.2"),
        ("section 3", "3.1 3.2"),
        ("groups 1 and 3", "1.1 1.2 3.1 3.2"),
        ("the last group only", "3.1 3.2"),
        ("first two groups", "1.1 1.2 2.1 2.2"),
        ("only the summary group, keep pandas out", "2.1 2.2"),
        ("only 1.1-2.1, no pandas", "1.1 1.2 2.1"),
        ("do 1.1 and 2.2 with care", "1.1 2.2"),
        # These speak of the work, and pick nothing.
        ("start with the first group", ""),
        ("follow section 3 of the design", ""),
        ("implement section 3 of design.md with care", ""),
        ("only group 2 tiles by name", ""),
        ("only the first group of rows may be written", ""),
        ("use python 1.1 only", ""),
        ("raise the limit to 1.2", ""),
    ],
)
def test_groups_of_tasks_are_picked_by_number_place_and_name(words: str, keys: str) -> None:
    assert " ".join(parse_words(words, numbered_feature()).tasks) == keys


def test_a_group_can_be_left_out_and_must_be_there() -> None:
    assert parse_words("skip the last group", numbered_feature()).exclude == ["3.1", "3.2"]
    assert parse_words("everything but group 3", numbered_feature()).exclude == ["3.1", "3.2"]
    assert parse_words("skip 3.2", numbered_feature()).exclude == ["3.2"]
    for words in ("only group 9", "only the fifth group"):
        with pytest.raises(UserError, match=r"no phase 9|not so many groups"):
            parse_words(words, numbered_feature())
    kiro = make_feature()
    kiro.dialect = "kiro"
    kiro.tasks.phases = []
    kiro.tasks.tasks = [
        Task(key=key, id=key, line=n, children=below)
        for n, (key, below) in enumerate([("1", ["1.1"]), ("1.1", []), ("2", ["2.1"]), ("2.1", [])])
    ]
    assert choose(kiro, parse_words("only the first group", kiro)) == {"1", "1.1"}
    assert choose(kiro, parse_words("only group 2", kiro)) == {"2", "2.1"}
