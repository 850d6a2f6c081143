from kfpilot.agent.workers.answers import copied_from, file_from


def test_the_longest_block_is_the_file():
    answer = "Here:\n```bash\nls\n```\n\n```python\nimport csv\n\nx = 1\n```\nDone."
    assert file_from(answer, "a.py") == "import csv\n\nx = 1\n"


def test_an_unclosed_block_counts_as_far_as_it_goes():
    assert file_from("```yaml\non: push\njobs: {}", "ci.yml") == "on: push\njobs: {}\n"


def test_prose_without_a_block_is_no_file():
    assert file_from("I would add a function.", "a.py") is None


def test_markdown_is_the_answer_itself_with_its_own_blocks():
    answer = "# Title\n\n```bash\nmake\n```\n"
    assert file_from(answer, "docs/a.md") == answer


def test_markdown_loses_a_fence_around_all_of_it():
    assert file_from("```markdown\n# Title\n\nText.\n```", "docs/a.md") == "# Title\n\nText.\n"


def test_an_empty_answer_is_no_page():
    assert file_from("  \n", "README.md") is None


def test_a_sentence_of_the_example_is_found_and_its_form_is_not():
    example = (
        "# Warm days\n\nThe number of warm readings, as an integer.\n\n"
        "| Name | Type | Default | Meaning |\n\n    mkdir -p build now then there\n"
    )
    assert copied_from(example, example) == ["The number of warm readings, as an integer."]
    assert copied_from(example, "# Orders\n\nThe number of orders, as an integer value.\n") == []
