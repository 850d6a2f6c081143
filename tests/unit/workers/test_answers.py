from kfpilot.agent.workers.answers import copied_from, file_from, without_echo


def test_the_longest_block_is_the_file():
    answer = "Here:\n```bash\nls\n```\n\n```python\nimport csv\n\nx = 1\n```\nDone."
    assert file_from(answer, "a.py") == "import csv\n\nx = 1\n"


def test_an_unclosed_block_counts_as_far_as_it_goes():
    assert file_from("```yaml\non: push\njobs: {}", "ci.yml") == "on: push\njobs: {}\n"


def test_a_fence_at_the_end_of_the_last_line_closes_the_block():
    answer = '```python\nprint(f"`{x}`")\nprint(x)```\n\nThis prints x.\n'
    assert file_from(answer, "a.py") == 'print(f"`{x}`")\nprint(x)\n'


def test_prose_without_a_block_is_no_file():
    assert file_from("I would add a function.", "a.py") is None


def test_markdown_is_the_answer_itself_with_its_own_blocks():
    answer = "# Title\n\n```bash\nmake\n```\n"
    assert file_from(answer, "docs/a.md") == answer


def test_markdown_loses_a_fence_around_all_of_it():
    assert file_from("```markdown\n# Title\n\nText.\n```", "docs/a.md") == "# Title\n\nText.\n"


def test_an_empty_answer_is_no_page():
    assert file_from("  \n", "README.md") is None


EXAMPLE = """# Warm days

1. `keep_warm` keeps the readings that are at least as warm as `minimum`.

| Name | Type | Default | Meaning |

    mkdir -p build now then there
"""


def test_phrases_and_names_of_the_example_are_found_and_its_form_is_not():
    page = """# Orders

2. `select` keeps the rows that are at least as warm as `minimum`.

| Name | Type | Default | Meaning |

    mkdir -p build now then there
"""
    copied = copied_from(EXAMPLE, page, {"select"})
    assert copied == [
        "that are at least as",
        "are at least as warm",
        "at least as warm as",
        "least as warm as minimum",
        "`minimum`",
    ]


def test_what_the_repository_knows_is_its_own():
    assert copied_from(EXAMPLE, "# Orders\n\nIt keeps orders over `minimum`.\n", {"minimum"}) == []


def test_comments_that_repeat_the_request_are_no_part_of_the_file():
    told = ["Keep every line that is there; add what the task asks.", "Use only paths that exist."]
    text = (
        "x = 1\n    # Keep every line that is there; add what the task asks.\n# use only paths that exist\n# why: y\n"
    )
    assert without_echo(text, told) == "x = 1\n# why: y\n"
    assert without_echo(text, told[1:]) == text.replace("# use only paths that exist\n", "")
