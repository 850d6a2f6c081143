"""Drafting with a small model: its lines are read, what is missing is asked for line by line, the rest is made here."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from kfpilot.agent.drafting import small
from kfpilot.agent.drafting.draft import plan_of
from kfpilot.agent.drafting.lines import Missing, must, read_parts, read_story, settings_in, short_title
from kfpilot.agent.drafting.outline import slug
from kfpilot.agent.drafting.survey import Survey
from kfpilot.agent.errors import ModelError
from kfpilot.agent.models.handle import Handle
from kfpilot.agent.models.scripted import ScriptedModel
from kfpilot.agent.models.wire import rough_tokens

GOLDEN = Path(__file__).parents[2] / "golden"
UPDATE = bool(os.environ.get("KFPILOT_UPDATE_GOLDEN"))
REQUEST = "a weekly report that flags customers whose orders dropped by half"
PARTS = """Title: Weekly drops that flag customers whose orders dropped
Component: flag_drops
Reads: the CSV orders
Writes: flagged
Settings: share=0.5, day=2026-11-02
Does: reads the CSV `orders` and writes to `flagged` the customers whose orders dropped by `share`"""
STORY = """Story: Drops are flagged
User: An analyst sees who orders less
Why: It is what was asked for
Given: ada with 4 orders and then 1
When: the step runs
Then: ada is flagged
Rule: The step must flag a drop of half
Rule: Sorted by customer
Test: from ada 4 and 1 comes the row ada,4,1 as in pipelines/daily_summary.py"""


def handle_of(*turns: Any, kind: Any = "embedded") -> tuple[Handle, ScriptedModel]:
    model = ScriptedModel(turns)
    return Handle(model=model, name="scripted", tools=False, kind=kind), model


def test_two_answers_make_documents_without_faults(found: Survey) -> None:
    handle, model = handle_of(PARTS, STORY)
    told: list[str] = []
    draft = small.draft(handle, found, REQUEST, tell=told.append)
    assert draft.folder == "002-weekly-drops"
    plan = plan_of(draft, found)
    assert plan.warnings == []
    assert [(task.role, task.files[0]) for task in plan.tasks] == [
        ("code", "pipelines/components/flag_drops.py"),
        ("tests", "tests/test_flag_drops.py"),
        ("code", "pipelines/weekly_drops.py"),
        ("tests", "tests/test_weekly_drops.py"),
    ]
    tasks = draft.documents["tasks.md"]
    assert '`flag_drops(orders, flagged, share=0.5, day="2026-11-02")`' in tasks
    assert "imports the Dataset at `orders_uri`" in tasks
    assert "as in daily_summary (FR-001" in tasks
    assert told == ["naming the components", "writing what flag_drops must do"]
    text = "\n\n".join(f"##### {message.type}\n{message.content}" for messages in model.sent for message in messages)
    if UPDATE:
        (GOLDEN / "new_feature_small.txt").write_text(text + "\n", encoding="utf-8")
    assert text + "\n" == (GOLDEN / "new_feature_small.txt").read_text(encoding="utf-8")


def test_the_prompts_stay_short_and_begin_alike(found: Survey) -> None:
    many = found.model_copy(update={"components": [
        found.components[0].model_copy(update={"name": f"c{number}", "about": "word " * 200}) for number in range(60)
    ]})  # fmt: skip
    handle, model = handle_of(PARTS, STORY)
    small.draft(handle, many, REQUEST)
    assert all(rough_tokens([str(m.content) for m in messages]) < 2500 for messages in model.sent)
    first, second = (str(messages[1].content) for messages in model.sent)
    begin = first[: first.index("List the new components")]
    assert second.startswith(begin)


def test_the_named_pipeline_is_changed_and_gets_the_output_of_its_last_step(found: Survey) -> None:
    handle, _ = handle_of(PARTS, STORY)
    draft = small.draft(handle, found, "flag in daily_summary the customers whose orders dropped by half")
    tasks = draft.documents["tasks.md"]
    assert "Change the pipeline `daily_summary` in pipelines/daily_summary.py" in tasks
    assert "`flag_drops` gets as `orders` the output `orders` of `load_orders`" in tasks


def test_a_line_that_is_missing_is_begun_for_the_model(found: Survey) -> None:
    without = PARTS.rpartition("\nDoes:")[0]
    handle, model = handle_of(without, " writes to `flagged` the customers whose orders dropped", STORY)
    draft = small.draft(handle, found, REQUEST)
    assert "writes to `flagged` the customers whose orders dropped" in draft.documents["tasks.md"]
    assert str(model.sent[1][-1].content).endswith("\nDoes:")
    assert model.bound[1]["seed"] != model.bound[0]["seed"]


def test_what_is_copied_from_the_example_is_asked_for_again(found: Survey) -> None:
    copied = STORY.rpartition("\nTest:")[0] + "\nTest: from two orders of Bonn come the rows Bonn,2"
    handle, _ = handle_of(PARTS, copied, " from ada 4 and 1 comes the row ada,4,1")
    tasks = small.draft(handle, found, REQUEST).documents["tasks.md"]
    assert "Bonn" not in tasks and "from ada 4 and 1 comes the row ada,4,1" in tasks


def test_a_model_that_cannot_be_begun_for_is_asked_again_with_a_hint(found: Survey) -> None:
    handle, model = handle_of("Title: x", PARTS, STORY, kind="endpoint")
    small.draft(handle, found, REQUEST)
    assert "Mind: the lines Component: are missing." in str(model.sent[1][-1].content)


def test_it_ends_with_what_was_wrong(found: Survey) -> None:
    name_taken = PARTS.replace("flag_drops", "load_orders")
    handle, model = handle_of(*[name_taken] * 4, "never asked for")
    with pytest.raises(ModelError, match="load_orders is there already"):
        small.draft(handle, found, REQUEST)
    assert model.left == 1


def test_a_correction_draws_anew_with_the_users_words(found: Survey) -> None:
    handle, model = handle_of(PARTS, STORY, PARTS.replace("0.5", "0.4"), STORY)
    first = small.draft(handle, found, REQUEST)
    second = small.draft(handle, found, REQUEST, before=first, words="share is 0.4")
    assert second.folder == first.folder and "share=0.4" in second.documents["tasks.md"]
    assert f"{REQUEST}. share is 0.4" in str(model.sent[2][1].content)


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        (STORY.replace("Rule:", "Note:"), ["Rule"]),
        (STORY.replace("Then:", "So:"), ["Then"]),
        (STORY.replace("Why: It is what was asked for", "Why:"), ["Why"]),
    ],
)
def test_missing_lines_are_named(text: str, labels: list[str]) -> None:
    with pytest.raises(Missing) as caught:
        read_story(text)
    assert caught.value.labels == labels


def test_marks_of_lists_and_bold_do_not_matter(found: Survey) -> None:
    text = PARTS.replace("Title:", "**Title**:").replace("Reads:", "- Reads:").replace("Does:", "* **Does:**")
    title, (part,) = read_parts(text, found)
    assert (title, part.reads, part.writes) == ("Weekly drops", ["orders"], ["flagged"])


def test_words_become_what_a_document_needs() -> None:
    assert must("The step should sort by customer.") == "The step MUST sort by customer."
    assert must("Sorted by customer") == "The step MUST hold to this: Sorted by customer."
    assert settings_in('status="paid", days=7, none') == ['status="paid"', "days=7", 'none=""']
    assert settings_in("none") == []
    assert slug("Count customers with more than three") == "count-customers"
    assert slug("Überblick: Bestellungen!") == "uberblick-bestellungen" and slug("…") == "feature"
    assert short_title("Weekly report which flags customers") == "Weekly report"


def test_a_clause_on_a_parameter_that_is_not_there_is_left_out(found: Survey) -> None:
    does = "reads the CSV `orders`, keeps the rows whose `status` equals the parameter `status`, and writes `flagged`"
    head = PARTS.rpartition("Does:")[0]
    _, (part,) = read_parts(f"{head}Does: {does}", found)
    assert part.does == "reads the CSV `orders`, and writes `flagged`"
    _, (part,) = read_parts(f"{head.replace('share=0.5', 'status=paid')}Does: {does}", found)
    assert part.does == does
