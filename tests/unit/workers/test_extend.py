"""Adding steps to a pipeline: nothing that is there can get lost."""

import pytest
from kfpilot.agent.documents.models import Feature, Task, TaskList
from kfpilot.agent.planner.models import PlannedTask
from kfpilot.agent.settings import Settings
from kfpilot.agent.workers.extend import addition, extension, joined, more_tests, table_row
from kfpilot.agent.workers.job import Job

COMPONENT = "from kfp import dsl\n\n\n@dsl.component\ndef {name}(n: int) -> int:\n    return n\n"
PIPELINE = '''"""Pipeline."""

from kfp import dsl

from jobs.load import load


@dsl.pipeline
def daily(n: int):
    """Runs daily."""
    loaded = load(n=n)
    loaded.set_memory_limit("1Gi")
'''


@pytest.fixture
def job(tmp_path):
    (tmp_path / "jobs").mkdir()
    for name in ("load", "keep", "count"):
        (tmp_path / f"jobs/{name}.py").write_text(COMPONENT.format(name=name))
    (tmp_path / "daily.py").write_text(PIPELINE)

    def make(title):
        task = Task(key="T1", id="T1", line=1, title=title, files=["daily.py"])
        feature = Feature(
            name="f", root=tmp_path, directory=tmp_path, tasks=TaskList(path=tmp_path / "t.md", tasks=[task])
        )
        planned = PlannedTask(id="T1", title=title, role="code", files=["daily.py"])
        return Job(
            task=planned, feature=feature, worktree=tmp_path, base="HEAD", settings=Settings(), emit=lambda event: None
        )

    return make


def test_the_file_goes_on_with_the_first_component_the_pipeline_does_not_call(job):
    found = extension(job("Add `keep` after `load`, then `count`, in daily.py"), "daily.py")
    assert found.head.endswith('    loaded.set_memory_limit("1Gi")\n    keep_task = keep(')
    assert "from jobs.load import load\nfrom jobs.keep import keep\nfrom jobs.count import count\n" in found.head
    whole = joined(found, found.head + "n=loaded.output)\n    count(n=keep_task.output)\n")
    assert whole.startswith('"""Pipeline."""') and whole.endswith("count(n=keep_task.output)\n")
    compile(whole, "daily.py", "exec")


def test_a_new_parameter_that_the_task_gives_is_there(job, tmp_path):
    title = "Add `keep` to daily.py with the new pipeline parameter `top: int = 3`"
    assert "def daily(n: int, top: int = 3):\n" in extension(job(title), "daily.py").head
    # It is there already; it has no place after one with a default; there is no list to add to.
    for signature in ("(n: int, top: int = 3)", "(n: int = 1)", "()"):
        (tmp_path / "daily.py").write_text(PIPELINE.replace("(n: int)", signature))
        asked = title if signature != "(n: int = 1)" else title.replace("top: int = 3", "top: int")
        assert f"def daily{signature}:\n" in extension(job(asked), "daily.py").head


@pytest.mark.parametrize(
    "title",
    [
        "daily.py: parameters `limit`, `kind`; step `pick` on what `load` gives",
        "Add `pick` to daily.py. The pipeline gains the parameters `limit` and `kind`, both passed on",
        "After `load` comes `pick`. Add the parameter `limit`, and a new parameter `kind`, to daily.py",
    ],
)
def test_a_new_parameter_has_the_type_and_default_of_the_steps(job, tmp_path, title):
    step = "@dsl.component\ndef pick(n: int, limit: float = 1.5, kind: str = 'a') -> int:\n    return n\n"
    (tmp_path / "jobs/pick.py").write_text(f"from kfp import dsl\n\n\n{step}")
    head = extension(job(title), "daily.py").head
    assert "def daily(n: int, limit: float = 1.5, kind: str = 'a'):\n" in head


def test_a_parameter_of_a_step_is_none_of_the_pipelines(job, tmp_path):
    step = "@dsl.component\ndef pick(n: int, limit: float = 1.5) -> int:\n    return n\n"
    (tmp_path / "jobs/pick.py").write_text(f"from kfp import dsl\n\n\n{step}")
    for title in ("Add `pick` to daily.py, its parameter `limit` at 2.0", "Add `pick` to daily.py with `limit`"):
        assert "def daily(n: int):\n" in extension(job(title), "daily.py").head


def test_steps_whose_results_nobody_took_get_a_name(job, tmp_path):
    source = PIPELINE.replace("    loaded = load(n=n)\n    loaded.set", "    load(n=n).set")
    (tmp_path / "daily.py").write_text(source + "    load(n=1)\n    print(n)\n")
    head = extension(job("Add `keep` to daily.py"), "daily.py").head
    named = '    load_task = load(n=n).set_memory_limit("1Gi")\n    load(n=1)\n    print(n)\n'
    assert f"{named}    keep_task = keep(" in head


def test_a_return_stays_last(job, tmp_path):
    source = (
        PIPELINE.replace("(n: int)", "(n: int) -> int").rstrip() + "\n    return loaded.output\n\n\nNAME = 'daily'\n"
    )
    (tmp_path / "daily.py").write_text(source)
    found = extension(job("Add the step `keep` to daily.py"), "daily.py")
    whole = joined(found, found.head + "n=loaded.output)\n")
    assert whole.index("keep_task") < whole.index("return loaded.output") < whole.index("NAME")
    compile(whole, "daily.py", "exec")


@pytest.mark.parametrize(
    "title",
    [
        "Rename the pipeline in daily.py",
        "Add a docstring to daily.py",
        "Add `load` to daily.py",
        "Insert `keep` between `load` and `count` in daily.py",
        "Replace `load` by `keep` in daily.py",
    ],
)
def test_no_guess_where_the_task_names_no_new_step(job, title):
    assert extension(job(title), "daily.py") is None


def test_no_guess_between_two_pipelines(job, tmp_path):
    (tmp_path / "daily.py").write_text(PIPELINE + "\n\n@dsl.pipeline\ndef other():\n    load(n=1)\n")
    assert extension(job("Add `keep` to daily.py"), "daily.py") is None


def test_a_module_goes_on_with_the_function_that_the_task_gives(job, tmp_path):
    source = COMPONENT.format(name="load") + '\n\nif __name__ == "__main__":\n    print(load)\n'
    (tmp_path / "daily.py").write_text(source)
    one = job("Add component `merge(parts: Input[List[Dataset]], n: int = 2) -> int` to daily.py: joins them")
    found = addition(one, "daily.py")
    assert found.head.startswith("from kfp import dsl\nfrom typing import List\nfrom kfp.dsl import Dataset, Input\n")
    assert found.head.endswith('def merge(parts: Input[List[Dataset]], n: int = 2) -> int:\n    """Joins them."""\n')
    whole = joined(found, found.head + "    return n\n")
    assert whole.index("def load") < whole.index("def merge") < whole.index("__main__")
    compile(whole, "daily.py", "exec")
    again = job("Add component `load(n: int) -> int` to daily.py")
    assert addition(again, "daily.py") is None


def test_a_test_file_goes_on_with_a_new_test(job, tmp_path):
    (tmp_path / "tests").mkdir()
    there = "import json\n\n\ndef test_old():\n    assert json\n"
    (tmp_path / "tests/test_daily.py").write_text(there)
    one = job("Extend tests/test_daily.py for the pipeline `daily`")
    found = more_tests(one, "tests/test_daily.py")
    assert found.head == ("import json\nfrom daily import daily\n\n\ndef test_old():\n    assert json\n\n\ndef test_")
    assert more_tests(one, "tests/test_none.py") is None


def test_a_component_of_a_file_that_has_a_helper_gets_one_of_another_name(job, tmp_path):
    (tmp_path / "jobs/keep.py").write_text(TABLE.replace("load", "keep"))
    (tmp_path / "daily.py").unlink()
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/test_jobs.py").write_text("from jobs.load import load\n\n\ndef test_old():\n    assert load\n")
    one = job("Test `keep` in tests/test_jobs.py")
    assert "\n\n\ndef run(text):\n" in more_tests(one, "tests/test_jobs.py").head
    (tmp_path / "tests/test_jobs.py").write_text("from jobs.load import load\n\n\ndef run():\n    return load\n")
    head = more_tests(one, "tests/test_jobs.py").head
    assert "\n\n\ndef run():\n" in head and "\n\n\ndef run_keep(text):\n" in head


TABLE = """from kfp import dsl


@dsl.component
def load(rows: dsl.Input[dsl.Dataset], kept: dsl.Output[dsl.Dataset]):
    pass
"""

PAGE = """# Shop

| Pipeline | What |
|---|---|
| `daily` | Counts |

Text with | in it.
"""


def test_a_table_of_a_page_goes_on_with_a_row(job, tmp_path):
    (tmp_path / "README.md").write_text(PAGE)
    one = job("Write docs/weekly.md and add the `weekly` row with a link to the pipeline table in README.md")
    found = table_row(one, "README.md")
    assert found.head.endswith("| `daily` | Counts |\n|") and found.stop == ["\n"]
    assert joined(found, found.head + " `weekly` | Sums |\n") == PAGE.replace(
        "Counts |\n", "Counts |\n| `weekly` | Sums |\n"
    )


@pytest.mark.parametrize(
    ("title", "page"),
    [
        ("Update README.md for the new pipeline", PAGE),
        ("Add a row to the table in README.md", PAGE + "\n| Step | Owner |\n|---|---|\n| load | ada |\n"),
        ("Add a row to the table in README.md", "# Shop\n"),
    ],
)
def test_no_row_where_none_is_asked_or_the_table_is_not_clear(job, tmp_path, title, page):
    (tmp_path / "README.md").write_text(page)
    assert table_row(job(title), "README.md") is None
