"""Tests drawn again one by one: what passed stays to the letter, no name is lost."""

from kfpilot.agent.workers.redraw import (
    clause_heads,
    clauses_of,
    failed_tests,
    missing_names,
    names_of_tests,
    numbers_left_out,
    one_function,
    plan_redraw,
    task_head,
    whole_tests,
)

DRAFT = """import pytest

from jobs.keep import keep


def run(text):
    return keep(text)


def test_keeps():
    assert run("a") == "a"


@pytest.mark.parametrize("text", ["b", "c"])
def test_drops(text):
    assert run(text) == text


def test_is_empty():
    run("")
"""


def test_names_come_from_the_findings():
    findings = [
        "tests/test_keep.py::test_drops[b] failed: tests/test_keep.py:15: in test_drops\nE   AssertionError",
        "tests/test_keep.py: test_is_empty asserts nothing that could fail; assert the exact result",
    ]
    assert failed_tests(findings, "tests/test_keep.py") == {"test_drops", "test_is_empty"}


def test_a_finding_about_anything_else_asks_for_a_fresh_draft():
    findings = ["tests/test_keep.py::test_drops failed: x", "passed before and does not now: tests/test_a.py::test_b"]
    assert failed_tests(findings, "tests/test_keep.py") == set()
    assert failed_tests(["tests/test_other.py::test_a failed: x"], "tests/test_keep.py") == set()


def test_what_passed_stays_and_what_failed_keeps_its_head():
    plan = plan_redraw(DRAFT, {"test_drops", "test_is_empty"})
    assert plan.kept == DRAFT[: DRAFT.index("@pytest")].rstrip() + "\n"
    assert plan.heads == {
        "test_drops": '@pytest.mark.parametrize("text", ["b", "c"])\ndef test_drops(text):',
        "test_is_empty": "def test_is_empty():",
    }


def test_no_redraw_where_nothing_passed_or_a_name_is_unknown():
    assert names_of_tests(plan_redraw(DRAFT, {"test_keeps", "test_drops", "test_is_empty"}).kept) == set()
    assert plan_redraw(DRAFT, {"test_elsewhere"}) is None
    assert plan_redraw("def (", {"test_keeps"}) is None


def test_one_function_is_cut_from_what_follows():
    text = 'def test_a():\n    x = 1\n    assert x == 1\n\n\ndef test_b():\n    assert "'
    assert one_function(text, "test_a") == "def test_a():\n    x = 1\n    assert x == 1\n"
    assert one_function("def test_a():\n    assert (", "test_a") is None
    assert one_function("def other():\n    pass\n", "test_a") is None


def test_one_test_is_drawn_for_all_that_a_task_says():
    title = 'Test in tests/test_night.py that "night" compiles\nand `clean` comes first (FR-005; depends on T006)'
    heads = task_head(title, "night-flow")
    assert heads == {
        "test_night_flow_as_asked": "def test_night_flow_as_asked(tmp_path):\n"
        '    """Test in tests/test_night.py that "night" compiles and `clean` comes first"""'
    }
    compile("".join(heads.values()), "test_night.py", "exec")


def test_the_tests_of_a_text_are_found_also_where_it_is_cut_off():
    assert names_of_tests(DRAFT + "\n\ndef test_last(") == {"test_keeps", "test_drops", "test_is_empty", "test_last"}


ASKED = (
    "Add `tests/test_tide.py` for `tide.python_func` (columns: a, b): the four states, negative offset, from one dry, "
    "one wet row it keeps the wet one, offset at the limit is `fair` (1.25, not 1.3), zero raises `ValueError` (FR-002)"
)


def test_what_a_task_asks_for_is_parted_at_its_commas_outside_of_brackets():
    assert clauses_of(ASKED) == [
        "the four states, negative offset",
        "from one dry, one wet row it keeps the wet one",
        "offset at the limit is `fair` (1.25, not 1.3)",
        "zero raises `ValueError`",
    ]
    assert clauses_of("Test that the pipeline compiles, and `a: b, c` stays as it is") == []


def test_semicolons_part_what_commas_do_not():
    title = (
        "Cover `fair` in tests/test_fair.py. With the errors 0.1, 0.4 and 0.9, the last is gone; an empty file stays"
    )
    assert clauses_of(title) == ["With the errors 0.1, 0.4 and 0.9, the last is gone", "an empty file stays"]


def test_each_part_of_a_task_gets_a_test():
    heads = clause_heads(ASKED, "tmp_path")
    assert list(heads) == [
        "test_four_states_negative_offset",
        "test_from_one_dry_one_wet_row",
        "test_offset_at_limit_is_fair_1",
        "test_zero_raises_valueerror",
    ]
    compile("\n".join(heads.values()), "test_tide.py", "exec")
    assert heads["test_zero_raises_valueerror"] == (
        'def test_zero_raises_valueerror(tmp_path):\n    """zero raises `ValueError`"""'
    )
    assert clause_heads("Test `a`: it keeps the wet rows") == {}


def test_two_parts_that_begin_alike_are_two_tests():
    heads = clause_heads("Test `a`: the wet rows stay as they are now, the wet rows stay as they are here")
    assert list(heads) == ["test_wet_rows_stay_as_they_are", "test_wet_rows_stay_as_they_are_2"]


def test_a_draft_that_leaves_out_a_name_gets_the_test_that_speaks_of_it():
    failure = "the task names `{}`, and no changed file does: write it where the task says"
    plan = missing_names(DRAFT, [failure.format("fair")], ASKED)
    assert plan.kept == DRAFT
    assert plan.heads == {
        "test_offset_at_limit_is_fair_1": "def test_offset_at_limit_is_fair_1():\n"
        '    """offset at the limit is `fair` (1.25, not 1.3)"""'
    }
    assert missing_names(DRAFT, [failure.format("tide")], ASKED) is None
    assert missing_names(DRAFT, [failure.format("fair"), "anything else"], ASKED) is None
    assert missing_names("", [failure.format("fair")], ASKED) is None


def test_a_value_that_the_test_of_its_part_leaves_out_gets_a_test_of_its_own():
    asked = "Cover `keep` in tests/test_keep.py. The last goes by default and the first stays for max_error=0.02"
    failure = "the task names `{}`, and no changed file has that value: test it as the task says"
    draft = DRAFT.replace("test_keeps", "test_last_goes_by_default_first_stays")
    plan = missing_names(draft, [failure.format("max_error=0.02")], asked)
    assert list(plan.heads.values()) == [
        "def test_with_max_error_0_02_last():\n"
        '    """With max_error=0.02: The last goes by default and the first stays for max_error=0.02"""'
    ]
    there = draft.replace("test_is_empty", "test_with_max_error_0_02_last")
    assert missing_names(there, [failure.format("max_error=0.02")], asked) is None


def test_a_file_that_was_cut_off_keeps_its_whole_tests():
    cut = DRAFT + '\n\n@pytest.mark.skipif(False, reason="x")\ndef test_last():\n    assert run("'
    assert whole_tests(cut, "") == DRAFT
    assert whole_tests(cut, DRAFT) is None
    assert whole_tests('def test_only():\n    assert "', "") is None


def test_numbers_of_the_scenario_that_a_failed_test_leaves_out_are_told() -> None:
    source = (
        'def test_a():\n    """Given Mira at 8.10 and 8.25 on 2026-08-12, row 3 of T004, then 8.175."""\n'
        '    assert run("Mira,8.1\\n3") == "Mira,8.175"\n\n\n'
        'def test_b():\n    """Given 7.5."""\n    assert run(7.50)\n\n\n'
        'def test_c():\n    """Given 1.5."""\n    assert 2\n'
    )
    assert numbers_left_out(source, {"test_a", "test_b"}) == ["test_a: its rows have no 8.25"]
    assert numbers_left_out("def (", {"test_a"}) == numbers_left_out(source, set()) == []
