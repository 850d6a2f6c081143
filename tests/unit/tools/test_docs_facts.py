"""Statements of a page that are surely wrong, and those that are none of our business."""

import pytest
from kfpilot.tools.docs_facts import fact_problems

CODE = '''def daily(uri: str, limit: int = 5, name: str = "all"):
    """Runs daily."""
'''


@pytest.fixture
def page(tmp_path):
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs/daily.py").write_text(CODE)

    def check(text):
        (tmp_path / "daily.md").write_text(text)
        return fact_problems(tmp_path, "daily.md")

    return check


def table(name, default):
    return f"`daily` has:\n\n| Name | Default | Meaning |\n|---|---|---|\n| `{name}` | {default} | A parameter |\n"


def test_a_name_that_nothing_has_is_told_with_its_line(page):
    assert page("# Daily\n\nIt uses `load_rows` first.\n") == [
        "line 3: `load_rows` is a name that nothing in the repository has; name only what exists"
    ]


def test_a_parameter_of_another_project_is_told(page):
    assert "`minimum`" in page(table("minimum", "`20.0`"))[0]


@pytest.mark.parametrize(
    ("name", "default"),
    [
        ("limit", "`5`"),
        ("uri", "-"),
        ("uri", "required"),
        ("name", '`"all"`'),
        ("name", "all"),
        ("uri", "none, it must be given"),
        ("uri", "Required."),
        ("limit", "`5`, enough for most days"),
    ],
)
def test_true_defaults_are_fine(page, name, default):
    assert page(table(name, default)) == []


@pytest.mark.parametrize(("name", "default"), [("limit", "`6`"), ("uri", '`"a.csv"`'), ("name", "-")])
def test_wrong_defaults_are_told_with_the_right_one(page, name, default):
    problems = page(table(name, default))
    assert len(problems) == 1
    assert f"the default of `{name}` is not" in problems[0]
    assert "in the code, daily:" in problems[0]


def test_commands_plain_words_and_code_blocks_are_no_business_of_ours(page):
    assert page("Run `kubectl` or `pip`.\n\n```python\nno_such_thing()\n```\n\nSee `daily()`.\n") == []


def test_a_name_in_bold_or_plain_text_counts_too(page):
    problems = page("# Daily\n\n- **total_amount**: what it came to, beside num_orders.\n")
    assert [problem.split("`")[1] for problem in problems] == ["num_orders", "total_amount"]


def test_links_paths_and_indented_commands_do_not_count(page):
    text = "See [it](https://example.org/some_page), docs/some_page.md, some_file.yaml.\n\n    run some_tool\n"
    assert page(text) == []


@pytest.mark.parametrize("named", ["`jobs/daily.py`", "the step `daily`"])
def test_the_function_is_known_by_its_file_too(page, named):
    assert "default of `uri`" in page(table("uri", '`"a.csv"`').replace("`daily`", named))[0]
