"""What a small model is asked: which files it writes, and what of the documents and the repository it is shown."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from kfpilot.agent.documents import load_feature
from kfpilot.agent.models.handle import Handle
from kfpilot.agent.models.scripted import ScriptedModel
from kfpilot.agent.planner.build import build_plan
from kfpilot.agent.settings import Settings
from kfpilot.agent.workers.draft_worker import DraftWorker
from kfpilot.agent.workers.job import Feedback, Job
from kfpilot.agent.workers.recipes import nearest
from kfpilot.tools.errors import ToolFailure

FILES = {
    "depot/__init__.py": "",
    "depot/steps/__init__.py": "from .clean import clean\n",
    "depot/steps/clean.py": """from kfp import dsl


@dsl.component(base_image="python:3.11")
def clean(rows: dsl.Input[dsl.Dataset], cleaned: dsl.Output[dsl.Dataset]):
    '''Cleans rows.

    Drops those without kilos.
    '''
    with open(cleaned.path, "w") as target:
        target.write(",".join(["parcel", "kilos"]))
""",
    "depot/flows/daily.py": "from kfp import dsl\n\n\n@dsl.pipeline\ndef daily(): ...\n",
    "specs/001-night/spec.md": """# Feature Specification: Night

## User Scenarios & Testing

### Edge Cases

- A parcel of exactly the limit is heavy.
- A depot without a roof has no heating.

## Requirements

### Functional Requirements

- **FR-001**: There MUST be one.

### Key Entities

- **Limit**: kilos of a heavy parcel (`parcel,limit`).
- **Roof**: what a depot has.
""",
    "specs/001-night/tasks.md": """# Tasks: Night

- [ ] T001 Create component `weigh(cleaned: Input[Dataset], limits: Input[Dataset]) -> int` in depot/steps/weigh.py and export it: counts each parcel above its limit
- [ ] T002 Create pipeline `night(depot: str)` in depot/flows/night.py, same block as depot/flows/daily.py; do not change depot/flows/daily.py
- [ ] T003 Add deploy/night.yaml with the schedule
- [ ] T004 Add tests/test_deploy.py for the schedule: one without a colon raises `ValueError` (depends on T003)
""",  # noqa: E501
}


@pytest.fixture
def asked(tmp_path: Path) -> Callable[[str], dict[str, str]]:
    """Works a task once with a model that answers anything: file that it was asked for -> the request."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")

    def ask(key: str) -> dict[str, str]:
        feature = load_feature(tmp_path / "specs" / "001-night", tmp_path)
        task = next(item for item in build_plan(feature).tasks if item.id == key)
        model = ScriptedModel(["```\ndef weigh():\n    return 1\n```"] * 4)
        job = Job(task, feature, tmp_path, "HEAD", Settings(), lambda event: None)
        DraftWorker(Handle(model=model, name="fake", tools=False, kind="fake"), 8).open(job).attempt(1, None)
        requests = [messages[-1].text for messages in model.sent]
        return {text.rpartition("Write the complete file ")[2].split(".\n")[0].rstrip("."): text for text in requests}

    return ask


def test_a_file_that_a_task_only_refers_to_is_not_drafted(asked: Callable[[str], dict[str, str]]) -> None:
    assert list(asked("T002")) == ["depot/flows/night.py"]


def test_the_package_that_hands_on_is_written_without_a_draft(
    asked: Callable[[str], dict[str, str]], tmp_path: Path
) -> None:
    assert list(asked("T001")) == ["depot/steps/weigh.py"]
    assert (tmp_path / "depot/steps/__init__.py").read_text() == "from .clean import clean\nfrom .weigh import weigh\n"


def test_a_component_sees_what_makes_its_input_and_what_is_said_of_it(
    asked: Callable[[str], dict[str, str]],
) -> None:
    request = asked("T001")["depot/steps/weigh.py"]
    assert "depot/steps/clean.py (signatures)" in request and "Drops those without kilos." in request
    assert "- The columns of `cleaned`: `parcel`, `kilos`." in request
    assert "`parcel,limit`" in request and "exactly the limit" in request
    assert "Roof" not in request and "heating" not in request


def test_a_test_sees_the_manifest_that_it_waits_for(asked: Callable[[str], dict[str, str]], tmp_path: Path) -> None:
    (tmp_path / "deploy").mkdir()
    (tmp_path / "deploy/night.yaml").write_text("schedule: 0 2 * * *\n")
    request = asked("T004")["tests/test_deploy.py"]
    assert "schedule: 0 2 * * *" in request and "- One test is: with pytest.raises(ValueError)." in request


def test_code_stays_twice_while_only_its_tests_fail(job_of: Callable[[str], Job]) -> None:
    job = job_of("T005")
    code = "parcels: dsl.Input[dsl.Dataset]) -> int:\n    return {}\n```"
    test = "weighs():\n    assert weigh.python_func({}) == 1\n```"
    answers = [code.format(1), test.format(1), test.format(2), test.format(3), code.format(4), test.format(4)]
    model = ScriptedModel(answers)
    session = DraftWorker(Handle(model=model, name="fake", tools=False, kind="embedded"), 8).open(job)
    failed = Feedback(attempt=1, of=8, text="", failures=["tests/test_weigh.py::test_weighs failed: assert 1 == 2"])
    seen = []
    for number in range(1, 5):
        session.attempt(number, failed if number > 1 else None)
        seen.append((job.worktree / "flows/weigh.py").read_text().rpartition("return ")[2].strip())
        (job.worktree / "flows/weigh.py").write_text("")
    assert seen == ["1", "1", "1", "4"]
    assert len(model.sent) == len(answers)


def test_columns_that_an_input_does_not_have_are_refused_but_not_for_ever(job_of: Callable[[str], Job]) -> None:
    job = job_of("T005")
    code = "parcels: dsl.Input[dsl.Dataset]) -> int:\n    import csv\n\n    with open(parcels.path) as file:\n"
    code += "        return len([row['depot'] for row in csv.DictReader(file)])\n```"
    head = "```python\nfrom kfp import dsl\n\n\n@dsl.component\ndef weigh("
    model = ScriptedModel([head + code] * 5)
    session = DraftWorker(Handle(model=model, name="fake", tools=False, kind="fake"), 8).open(job)
    for number in (1, 2, 3):
        with pytest.raises(
            ToolFailure, match="weigh looks up `depot` in the rows of `parcels`, whose columns are id, "
        ):
            session.attempt(number, None)
    session.attempt(4, None)
    assert "row['depot']" in (job.worktree / "flows/weigh.py").read_text().replace('"', "'")


def test_tests_that_repeat_the_example_are_refused(job_of: Callable[[str], Job]) -> None:
    (recipe,) = nearest("Test `read_parcels` further in tests/test_parcels.py", "tests", ["tests/test_parcels.py"], k=1)
    name = re.findall(r"def (test_\w+)", recipe.text)[0]
    answer = f"```python\ndef {name}(tmp_path):\n    assert 1\n```"
    model = ScriptedModel([answer, answer])
    session = DraftWorker(Handle(model=model, name="fake", tools=False, kind="fake"), 8).open(job_of("T002"))
    session.attempt(1, None)  # the first request shows a test of the project and no recipe
    with pytest.raises(ToolFailure, match=f"repeat the example, which is about another project: {name}"):
        session.attempt(2, None)


def test_rows_of_the_example_are_refused_and_it_is_not_shown_again(job_of: Callable[[str], Job]) -> None:
    job = job_of("T001")
    title = "Test the component `read_parcels` in tests/test_read_parcels.py: light ones are dropped"
    task = job.task.model_copy(update={"role": "tests", "title": title, "files": ["tests/test_read_parcels.py"]})
    (recipe,) = nearest(title, "tests", task.files, k=1)
    rows = re.findall(r'"[^"\n]*,[^"\n]*\\n[^"\n]*,[^"\n]*"', recipe.text)[0]
    copy, own = (f"```python\ndef test_clean():\n    assert run({rows}) == 1\n```" for rows in (rows, '"a,b\\n"'))
    model = ScriptedModel([copy, own])
    session = DraftWorker(Handle(model=model, name="fake", tools=False, kind="fake"), 8).open(replace(job, task=task))
    with pytest.raises(ToolFailure, match=r"repeat the example, which is about another project: [a-z]+,[a-z]+$"):
        session.attempt(2, None)
    session.attempt(4, None)
    shown = [str(messages[-1].content) for messages in model.sent]
    assert [recipe.title in text for text in shown] == [True, False]


def test_a_page_that_repeats_the_example_is_drafted_without_it(job_of: Callable[[str], Job]) -> None:
    job = job_of("T001")
    task = job.task.model_copy(update={"role": "docs", "title": "Describe the flow", "files": ["docs/flow.md"]})
    (recipe,) = nearest(task.title, "docs", task.files, k=1)
    model = ScriptedModel([f"```markdown\n{recipe.text}\n```", "```markdown\n# Flow\n\nIt flows.\n```"])
    session = DraftWorker(Handle(model=model, name="fake", tools=False, kind="fake"), 8).open(replace(job, task=task))
    with pytest.raises(ToolFailure, match="the page repeats the example"):
        session.attempt(2, None)
    session.attempt(4, None)
    shown = [str(messages[-1].content) for messages in model.sent]
    assert [recipe.title in text for text in shown] == [True, False]


def test_a_test_of_a_pipeline_begins_with_what_the_task_says(job_of: Callable[[str], Job]) -> None:
    job = job_of("T002")
    title = "Test in tests/test_parcel_flow.py that the pipeline has the task read-parcels"
    task = job.task.model_copy(update={"title": title, "files": ["tests/test_parcel_flow.py"]})
    model = ScriptedModel(["    assert set(compile_tasks(tmp_path)) == {'read-parcels'}\n"])
    session = DraftWorker(Handle(model=model, name="fake", tools=False, kind="embedded"), 8)
    session.open(replace(job, task=task)).attempt(1, None)
    written = (job.worktree / "tests/test_parcel_flow.py").read_text()
    assert re.findall(r"def (test_\w+)", written) == ["test_parcel_flow_as_asked"]
    assert title in written and 'assert set(compile_tasks(tmp_path)) == {"read-parcels"}' in written


def test_a_draft_that_reads_no_json_where_the_task_speaks_of_it_is_refused(job_of: Callable[[str], Job]) -> None:
    job = job_of("T002")
    title = (
        "Create component `keep(rows, kept)` in flows/keep.py: it reads the JSON Lines `rows` and writes to `kept` some"
    )
    job.task = job.task.model_copy(update={"title": title, "files": ["flows/keep.py"], "role": "code"})
    body = '    """Reads JSON."""\n    import {0}\n\n    return None\n'
    head = "from kfp import dsl\n\n\n@dsl.component\ndef keep(rows: dsl.Input[dsl.Dataset]):\n"
    model = ScriptedModel([f"```python\n{head}{body.format(name)}```" for name in ("csv", "json")])
    session = DraftWorker(Handle(model=model, name="fake", tools=False, kind="fake"), 8).open(job)
    with pytest.raises(ToolFailure, match="the task speaks of JSON and the draft reads and writes none"):
        session.attempt(1, None)
    assert session.attempt(2, None) == "drafted flows/keep.py"


def test_tests_that_were_refused_as_a_whole_are_drawn_part_by_part(job_of: Callable[[str], Job]) -> None:
    job = job_of("T002")
    (job.worktree / "flows/weigh.py").write_text(
        "from kfp import dsl\n\n\n@dsl.component\ndef weigh(parcels: dsl.Input[dsl.Dataset], "
        "heavy: dsl.Output[dsl.Dataset], limit: float = 30.0):\n    '''Weighs.'''\n"
    )
    title = "Test `weigh` in tests/test_weigh.py: it keeps the heavy ones, with limit=5.0 it keeps all of them"
    task = job.task.model_copy(update={"title": title, "files": ["tests/test_weigh.py"], "story": None, "refs": []})
    first = "    assert run('kilos\\n40\\n') == 'kilos\\n40\\n'\n"
    model = ScriptedModel(["nothing_of_use():\n    pass\n```", first, "    assert run('x', limit=5.0) == 'x'\n", first])
    session = DraftWorker(Handle(model=model, name="fake", tools=False, kind="embedded"), 8).open(
        replace(job, task=task)
    )
    session.attempt(1, None)
    session.attempt(2, Feedback(attempt=1, of=8, text="", failures=["python gate failed: F821"]))
    text = (job.worktree / "tests/test_weigh.py").read_text()
    assert re.findall(r"def (test_\w+)", text) == ["test_it_keeps_heavy_ones", "test_with_limit_5_0_it_keeps"]
    assert '"""with limit=5.0 it keeps all of them"""' in text and "limit=5.0) == " in text
    # One that a refusal says is left out is drawn besides; the others stay.
    (job.worktree / "tests/test_weigh.py").unlink()
    missing = "the task names `limit=5.0`, and no changed file has that value: test it as the task says"
    session.last["tests/test_weigh.py"] = text.replace("test_with_limit_5_0_it_keeps", "test_other")
    session.attempt(3, Feedback(attempt=2, of=8, text="", failures=[missing]))
    text = (job.worktree / "tests/test_weigh.py").read_text()
    names = ["test_it_keeps_heavy_ones", "test_other", "test_with_limit_5_0_it_keeps"]
    assert re.findall(r"def (test_\w+)", text) == names


def test_what_is_refused_for_the_same_thing_twice_is_asked_without_the_example(job_of: Callable[[str], Job]) -> None:
    job = job_of("T001")
    title = "Add the workflow .github/workflows/ci.yml that runs the tests"
    task = job.task.model_copy(update={"role": "infra", "title": title, "files": [".github/workflows/ci.yml"]})
    (recipe,) = nearest(title, "infra", task.files, k=1)
    model = ScriptedModel(["```yaml\nname: CI\n```"] * 5)
    session = DraftWorker(Handle(model=model, name="fake", tools=False, kind="fake"), 8).open(replace(job, task=task))
    session.attempt(1, None)
    for number, failure in enumerate(["no jobs", "no jobs", "no steps", "no steps"], 2):
        session.attempt(number, Feedback(attempt=number - 1, of=8, text="", failures=[failure]))
    shown = [recipe.title in str(messages[-1].content) for messages in model.sent]
    assert shown == [True, True, False, True, False]


KEEP = """from kfp import dsl


@dsl.component
def keep_heavy(parcels: dsl.Input[dsl.Dataset], heavy: dsl.Output[dsl.Dataset]):
    import shutil

    shutil.copy(parcels.path, heavy.path)
"""


def test_a_scenario_that_cannot_be_tested_makes_way_for_what_the_task_says(job_of: Callable[[str], Job]) -> None:
    job = job_of("T002")
    (job.worktree / "flows/keep_heavy.py").write_text(KEEP)
    title = "Test `keep_heavy` in tests/test_keep_heavy.py: heavy ones stay as they are; light ones are gone from it"
    job.task = job.task.model_copy(update={"title": title, "files": ["tests/test_keep_heavy.py"]})
    (story,) = job.feature.spec.stories
    story.scenarios.append(story.scenarios[0].model_copy(update={"number": 2}))
    body = "    assert run('a') == 'a'\n"
    model = ScriptedModel([body] * 6)
    session = DraftWorker(Handle(model=model, name="fake", tools=False, kind="embedded"), 8).open(job)
    second = "tests/test_keep_heavy.py::test_us1_scenario_2 failed: assert 1 == 2"
    tests = []
    for number in range(1, 5):
        session.attempt(number, Feedback(attempt=number, of=8, text="", failures=[second]) if number > 1 else None)
        tests.append(re.findall(r"def (test_\w+)", (job.worktree / "tests/test_keep_heavy.py").read_text()))
    scenarios = ["test_us1_scenario_1", "test_us1_scenario_2"]
    parts = ["test_heavy_ones_stay_as_they_are", "test_light_ones_are_gone_from_it"]
    assert tests == [scenarios, scenarios, scenarios, [scenarios[0], *parts]]


def test_a_test_that_nobody_asked_for_and_that_fails_twice_goes(job_of: Callable[[str], Job]) -> None:
    job = job_of("T002")
    (job.worktree / "flows/keep_heavy.py").write_text(KEEP)
    title = "Test `keep_heavy` in tests/test_keep_heavy.py with rows that stay"
    files = ["tests/test_keep_heavy.py"]
    job.task = job.task.model_copy(update={"title": title, "files": files, "story": None, "refs": []})
    body = "    assert run('{0}') == '{0}'\n"
    whole = f"a():\n{body.format('x')}\n\ndef test_b():\n{body.format('y')}```"
    model = ScriptedModel([whole, body.format("z")])
    session = DraftWorker(Handle(model=model, name="fake", tools=False, kind="embedded"), 8).open(job)
    wrong = Feedback(attempt=1, of=8, text="", failures=["tests/test_keep_heavy.py::test_b failed: assert 1 == 2"])
    tests = []
    for number in range(1, 4):
        session.attempt(number, wrong if number > 1 else None)
        tests.append(re.findall(r"def test_(\w+)", (job.worktree / files[0]).read_text()))
    assert tests == [["a", "b"], ["a", "b"], ["a"]]
    assert model.left == 0


def test_tests_that_name_only_a_file_they_read_ask_the_model_for_nothing(job_of: Callable[[str], Job]) -> None:
    job = job_of("T002")
    task = job.task.model_copy(update={"files": ["config/levels.yaml"], "role": "tests", "also": []})
    model = ScriptedModel([])
    session = DraftWorker(Handle(model=model, name="fake", tools=False, kind="fake"), 8).open(replace(job, task=task))
    with pytest.raises(ToolFailure, match="names no file that this role writes"):
        session.attempt(1, None)
