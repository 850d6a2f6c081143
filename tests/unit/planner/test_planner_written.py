"""Which of the files that a task names it writes, and which of them it writes for sure."""

from __future__ import annotations

from pathlib import Path

import pytest
from kfpilot.agent.documents.models import Feature, Task, TaskList
from kfpilot.agent.documents.refs import find_files
from kfpilot.agent.planner.classify import classify
from kfpilot.agent.planner.models import Role
from kfpilot.agent.planner.written import surely_written, written_files

ROOT = Path("/nowhere/orders")
FEATURE = Feature(
    name="001-late",
    root=ROOT,
    directory=ROOT / "specs/001-late",
    tasks=TaskList(path=ROOT / "specs/001-late/tasks.md"),
)


def make_task(title: str) -> Task:
    return Task(key="T001", id="T001", title=title, files=find_files(title))


@pytest.mark.parametrize(
    ("title", "written"),
    [
        (
            "Update docs/flow.md: sections on the step `late` with its columns, and the schedule with deploy/cron.yaml;"
            " add `deploy/` to the layout table of README.md (FR-012)",
            ["docs/flow.md", "README.md"],
        ),
        (
            "Write docs/late.md and list `scripts/` and `deploy/` in the table of README.md",
            ["docs/late.md", "README.md"],
        ),
        ("Add `pipelines/late.py` to the list of pipelines in README.md", ["README.md"]),
        ("Write docs/late.md with the settings in the example config/late.yaml", ["docs/late.md"]),
        ("Write docs/late.md with deploy/cron.yaml as the example", ["docs/late.md"]),
        ("`README.md`: a row for `late`, and below it a link to `docs/late.md`", ["README.md"]),
        ("Write docs/late.md and add a link to README.md", ["docs/late.md", "README.md"]),
        ("Add a link to docs/late.md to the overview in README.md", ["README.md"]),
        ("Update README.md and the Makefile", ["README.md", "Makefile"]),
        ("Update README.md. Makefile: a target `docs`", ["README.md", "Makefile"]),
        ("Insert a note at the top of docs/late.md", ["docs/late.md"]),
        ("Describe the flag in the usage section of README.md", ["README.md"]),
    ],
)
def test_a_docs_task_writes_pages_and_refers_to_what_they_are_about(title: str, written: list[str]) -> None:
    assert written_files(make_task(title)) == written


@pytest.mark.parametrize(
    ("title", "written"),
    [
        ("Test `late` in tests/test_late.py with tests/helpers.py", ["tests/test_late.py", "tests/helpers.py"]),
        ("Create the project structure with `pipelines/` and `tests/`", ["pipelines/", "tests/"]),
        ("Add `deploy/late.yaml` to `deploy/`", ["deploy/late.yaml", "deploy/"]),
        (
            "Add tests/test_late.py to cover the pipeline in pipelines/late.py",
            ["tests/test_late.py", "pipelines/late.py"],
        ),
        ("Add docs/late.md to the index in docs/index.md", ["docs/late.md", "docs/index.md"]),
        (
            "Create `deploy/late.yaml`; add `deploy/late.yaml` to the table of README.md",
            ["deploy/late.yaml", "README.md"],
        ),
        ("Add the column to the report as told in the table of docs/late.md", []),
        ("Implement `late` in src/late.py and describe it in README.md", ["src/late.py", "README.md"]),
        # The name of a folder that is the beginning of a file's name says nothing of the folder.
        ("Add the schedule deploy/cron.yaml for the manifests of `deploy/`", ["deploy/cron.yaml"]),
    ],
)
def test_what_is_written_elsewhere_stays_as_it_was(title: str, written: list[str]) -> None:
    assert written_files(make_task(title)) == written


def test_a_page_about_a_manifest_is_for_the_docs_role_alone() -> None:
    def roles(title: str) -> list[Role]:
        return classify(make_task(title), FEATURE)

    assert roles(
        "Update docs/flow.md: the schedule with deploy/cron.yaml; add `deploy/` to the table of README.md"
    ) == ["docs"]
    assert roles("Update docs/flow.md and add deploy/cron.yaml") == ["docs", "infra"]


@pytest.mark.parametrize(
    ("title", "sure"),
    [
        (
            "Update docs/flow.md: the schedule with deploy/cron.yaml; add `deploy/` to the layout table of README.md",
            ["docs/flow.md", "README.md"],
        ),
        (
            "Create component `late(n: int) -> NamedTuple(a: bool, b: int)` in flows/late.py (columns: a, b), export it"
            " in flows/__init__.py, insert it between `a` and `b` in flows/daily.py, and add tests/test_late.py",
            ["flows/late.py", "flows/__init__.py", "flows/daily.py", "tests/test_late.py"],
        ),
        ("Write docs/late.md and update the file tree and usage section of README.md", ["docs/late.md", "README.md"]),
        (
            "Write tests of `late` in tests/test_late.py and tests/test_daily.py",
            ["tests/test_late.py", "tests/test_daily.py"],
        ),
        (
            "Add kfp to pyproject.toml, README.md and .github/workflows/ci.yml",
            ["pyproject.toml", "README.md", ".github/workflows/ci.yml"],
        ),
        ("Add `A` to `src/app.py` (after B) and append to ROWS in `src/tools.py`", ["src/app.py", "src/tools.py"]),
        ("Create `a.sql` to load the rows and update README.md accordingly.", ["a.sql", "README.md"]),
        ("Write docs/late.md; the Makefile gets a target `docs`", ["docs/late.md"]),
        # Words that leave it open.
        ("Create src/a.py or src/b.py", []),
        ("Implement the limits in src/limits.py or src/app.py", []),
        ("Create src/a.py (merged into src/b.py)", ["src/a.py"]),
        ("Create src/a.py — implemented in src/b.py", ["src/a.py"]),
        ("Create src/a.py and update README.md if needed", ["src/a.py"]),
        ("Create src/a.py and, where the table changes, update README.md", ["src/a.py"]),
        ("Create src/a.py; if the table changes, update README.md", ["src/a.py"]),
        ("Create src/a.py and optionally update README.md", ["src/a.py"]),
        ("Create src/a.py, run the tests in tests/test_a.py", ["src/a.py"]),
        ("Write src/a.py with the names in src/names.py", ["src/a.py"]),
        ("Create src/a.py in the style of src/b.py; do not change src/c.py", ["src/a.py"]),
        ("Add tests/test_deploy.py: the account is that in deploy/account.yaml", ["tests/test_deploy.py"]),
        ("Rename src/a.py to src/b.py", []),
        ("Test `late` in tests/test_late.py with tests/conftest.py", []),
        ("Document src/late.py for operators", []),
    ],
)
def test_a_file_is_surely_written_where_a_verb_of_its_own_says_so(title: str, sure: list[str]) -> None:
    assert list(surely_written(make_task(title))) == sure


def test_what_is_said_of_a_file_comes_with_it() -> None:
    title = "Update docs/flow.md: all steps; add `deploy/` and `late()` to the layout table of README.md (FR-012)"
    found = surely_written(make_task(title))
    assert found["README.md"].said == "add `deploy/` and `late()` to the layout table of README.md"
    assert found["README.md"].names == ["deploy/", "late"]
    assert found["docs/flow.md"].names == []
