"""Which scenarios a tests task is about."""

import pytest
from kfpilot.agent.documents.models import Scenario, Story
from kfpilot.agent.workers.told import heads_told, numbers_in


def story(number: int, scenarios: int) -> Story:
    made = [Scenario(line=1, number=at, text=f"Given {number}.{at}") for at in range(1, scenarios + 1)]
    return Story(line=1, key=f"US{number}", title="", scenarios=made)


STORIES = [story(1, 3), story(2, 2), story(12, 1)]


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("1", [1]),
        ("1 to 4", [1, 2, 3, 4]),
        ("2-3", [2, 3]),
        ("1, 2, and 5", [1, 2, 5]),
        ("1 and 3 – 5", [1, 3, 4, 5]),
        ("US1 and US12", [1, 12]),
        ("4 to 1", []),
        ("1 to 1000000", []),
    ],
)
def test_an_enumeration_is_read(text, numbers):
    assert numbers_in(text) == numbers


def test_the_scenarios_of_the_own_story_are_meant_where_none_are_named():
    assert list(heads_told("Test `keep` in tests/test_keep.py", STORIES, STORIES[1], ["keep"])) == [
        "test_us2_scenario_1",
        "test_us2_scenario_2",
    ]
    assert heads_told("Test `keep`", STORIES, None, ["keep"]) == {}


def test_named_scenarios_are_those_that_are_meant():
    text = "Tests of both. For `weigh`: scenarios 1 and 3 of story 1. For `rank`: all scenarios of user story 2"
    assert list(heads_told(text, STORIES, STORIES[1], ["weigh", "rank"])) == [
        "test_weigh_us1_scenario_1",
        "test_weigh_us1_scenario_3",
        "test_rank_us2_scenario_1",
        "test_rank_us2_scenario_2",
    ]


def test_keys_and_several_stories_are_understood_and_unknown_ones_left_out():
    assert list(heads_told("the scenarios from US2, US12 and US40", STORIES, None, ["keep"])) == [
        "test_us2_scenario_1",
        "test_us2_scenario_2",
        "test_us12_scenario_1",
    ]
    assert list(heads_told("scenarios 9 of story 1", STORIES, STORIES[2], [])) == ["test_us12_scenario_1"]
