"""Tests drawn again one by one: what passed stays to the letter, no name is lost."""

from kfpilot.agent.workers.redraw import failed_tests, names_of_tests, one_function, plan_redraw, task_head

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
    assert plan_redraw(DRAFT, {"test_keeps", "test_drops", "test_is_empty"}) is None
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
