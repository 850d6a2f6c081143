"""Which role does a task, what it may write, and which gates judge it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from kfpilot.agent.documents.models import Feature, Task, TaskList
from kfpilot.agent.planner.classify import classify, gates_for, left_alone, role_is_clear, written_files
from kfpilot.agent.planner.models import PlannedTask, Role
from kfpilot.agent.planner.paths import ROLE_PATHS, may_write, own_files, role_of_path, writable_for

ROOT = Path("/nowhere/orders")
FEATURE = Feature(
    name="001-late",
    root=ROOT,
    directory=ROOT / "specs/001-late",
    tasks=TaskList(path=ROOT / "specs/001-late/tasks.md"),
)


def make_task(title: str, phase: str | None = None) -> Task:
    files = re.findall(r"[\w.-]*[\w/.-]+\.(?:py|md|yml|yaml|txt|toml|json|ipynb)\b|(?:tests/unit|docs)/", title)
    return Task(key="T001", id="T001", title=title, files=list(dict.fromkeys(files)), phase=phase)


@pytest.mark.parametrize(
    ("path", "role"),
    [
        ("tests/unit/test_late.py", "tests"),
        ("ml/pipelines/k8s/cronjob.yaml", "infra"),
        ("ml/pipelines/components/late/component.yaml", "code"),
        ("test_late.py", "tests"),
        ("orders/late_test.py", "tests"),
        ("conftest.py", "tests"),
        ("services/api/tests/data/orders.yaml", "tests"),
        ("tests/README.md", "tests"),
        ("README.md", "docs"),
        ("docs/conf.py", "docs"),
        ("guide.rst", "docs"),
        ("examples/late/pipeline.py", "docs"),
        ("notebooks/eda.ipynb", "docs"),
        (".github/workflows/ci.yml", "infra"),
        ("Dockerfile", "infra"),
        ("docker/Dockerfile.gpu", "infra"),
        ("Makefile", "infra"),
        ("requirements-dev.txt", "infra"),
        ("pyproject.toml", "infra"),
        ("k8s/secret.json", "infra"),
        ("helm/values.yaml", "infra"),
        ("monitoring/alerts.yaml", "infra"),
        ("main.tf", "infra"),
        (".pre-commit-config.yaml", "infra"),
        ("config.yaml", "infra"),
        ("src/orders/settings.yaml", "code"),
        ("components/late/component.yaml", "code"),
        ("pipelines/daily.py", "code"),
        ("./pipelines/daily.py", "code"),
        ("orders/schema.json", "code"),
        ("latest/orders.py", "code"),
    ],
)
def test_a_path_belongs_to_one_role_and_only_that_role_may_write_it(path: str, role: Role) -> None:
    assert role_of_path(path) == role
    writers = [name for name, paths in ROLE_PATHS.items() if may_write(paths, path)]
    assert writers == [role]


def test_yaml_beside_an_init_belongs_to_its_package(tmp_path: Path) -> None:
    (tmp_path / "orders").mkdir()
    assert role_of_path("orders/table.yaml", tmp_path / "other") == "infra"
    (tmp_path / "orders/__init__.py").touch()
    assert role_of_path("orders/table.yaml", tmp_path) == "code"


@pytest.mark.parametrize(
    "path",
    ["specs/001-late/tasks.md", "specs/001-late/spec.md", ".specify/x.json", "tasks.md", ".git/config", ".kfpilot/x"],
)
def test_no_role_writes_the_documents_or_the_records(path: str) -> None:
    assert [name for name, paths in ROLE_PATHS.items() if may_write(paths, path)] == []
    named = PlannedTask(id="T001", title="Update it", role="docs", also=["code", "infra"], files=[path])
    assert not may_write(writable_for(named), path)
    assert own_files(named) == []


@pytest.mark.parametrize(
    ("title", "roles"),
    [
        ("Create `late_orders` component in components/late_orders.py", ["code"]),
        (
            "Implement late_orders in components/late_orders.py with tests in tests/test_late_orders.py",
            ["code", "tests"],
        ),
        ("Wire late_orders into pipelines/daily.py, update tests/test_daily.py", ["code", "tests"]),
        ("Add a secret in components/x.py and pin it in requirements.txt", ["code", "infra"]),
        ("Train/test split component in components/split.py", ["code"]),
        ("Implement test data generator in orders/generate.py", ["code"]),
        ("Add docstrings to components/late_orders.py", ["code"]),
        ("Implement X in src/x.py so that tests/test_x.py passes", ["code"]),
        ("Extend pipelines/daily.py as described in docs/design.md", ["code"]),
        ("Unit tests for components/late_orders.py in tests/unit/test_late_orders.py", ["tests"]),
        (
            "Contract test validating `a.json` against `contracts/task.schema.yaml` in tests/contract/test_a.py",
            ["tests"],
        ),
        ("Write unit tests for components/late_orders.py", ["tests"]),
        ("Add tests to cover pipelines/daily.py in tests/test_daily.py", ["tests"]),
        ("Update tests/test_daily.py and docs/testing.md", ["tests", "docs"]),
        ("Document the late_orders component in docs/components.md", ["docs"]),
        ("Update README.md with usage of components/late_orders.py", ["docs"]),
        ("Document components/late_orders.py for operators", ["docs"]),
        ("Documentation updates in docs/", ["docs"]),
        ("Add CI workflow that compiles the pipeline in .github/workflows/compile.yml", ["infra"]),
        ("Pin kfp in requirements.txt and pyproject.toml", ["infra"]),
        ("Add Prometheus alerts in monitoring/alerts.yaml", ["infra"]),
        # Without a file the words decide.
        ("Write a runbook for operators", ["docs"]),
        ("Test the late orders component", ["tests"]),
        ("Schreibe Tests für die Pipeline", ["tests"]),
        ("typer and redis in the dependency list", ["infra"]),
        ("Configure linting and formatting tools", ["infra"]),
        ("Implement retries and unit tests", ["code", "tests"]),
        ("Validate test accuracy metric component", ["code"]),
        ("Bump the base image", ["code"]),
    ],
)
def test_files_then_words_give_the_roles(title: str, roles: list[Role]) -> None:
    assert classify(make_task(title), FEATURE) == roles


@pytest.mark.parametrize(
    ("phase", "role"),
    [("Phase 1: Setup", "infra"), ("Phase 3.2: Tests First", "tests"), ("Documentation", "docs"), (None, "code")],
)
def test_words_that_say_nothing_follow_the_phase(phase: str | None, role: Role) -> None:
    task = make_task("Everything that was agreed on", phase)
    assert classify(task, FEATURE) == [role]
    assert not role_is_clear(task.title, task.files)


def test_what_a_task_refers_to_is_not_what_it_writes() -> None:
    task = make_task(
        "Add alerts to pipelines/daily.py and pipelines/weekly.py per docs/alerts.md, see specs/001/plan.md"
    )
    assert written_files(task) == ["pipelines/daily.py", "pipelines/weekly.py"]
    task = make_task("Tests for components/a.py and components/b.py in tests/test_ab.py")
    assert written_files(task) == ["tests/test_ab.py"]
    task = make_task(
        "Create pipelines/watch.py: same block as pipelines/daily.py, names those in config/names.yaml, compiled into"
        " build/; do not change pipelines/main.py, and run all of pipelines/ except pipelines/old.py"
    )
    assert written_files(task) == ["pipelines/watch.py"]
    task = make_task("Write docs/watch.md and update the usage section of README.md")
    assert written_files(task) == ["docs/watch.md", "README.md"]
    task = make_task("Update the tests of components/a.py in tests/test_a.py")
    assert written_files(task) == ["tests/test_a.py"]
    task = make_task("Create .github/workflows/check.yml: on pull requests it runs the tests and compiles review.py")
    assert written_files(task) == [".github/workflows/check.yml"]
    assert classify(task, FEATURE) == ["infra"]


@pytest.mark.parametrize(
    "said",
    [
        "same block as pipelines/main.py; do not change `pipelines/main.py`",
        "Create pipelines/watch.py without touching the file pipelines/main.py",
        "leave pipelines/main.py unchanged",
        "pipelines/main.py stays as it is",
        "`pipelines/main.py` must not be changed.",
    ],
)
def test_a_file_that_is_to_stay_is_left_alone(said: str) -> None:
    assert left_alone(make_task(said)) == ["pipelines/main.py"]


@pytest.mark.parametrize(
    "said",
    [
        "Do not change the signature of pipelines/main.py",
        "Change pipelines/main.py, do not edit pipelines/main.py.bak",
        "pipelines/main.py must not import pipelines/old.py",
        "Do not change pipelines/main.py's interface",
        "Update pipelines/main.py where it is not changed yet",
    ],
)
def test_other_words_forbid_no_file(said: str) -> None:
    assert "pipelines/main.py" not in left_alone(make_task(said))


def test_a_named_file_opens_for_its_role_but_never_across_code_and_tests() -> None:
    task = PlannedTask(
        id="T001",
        title="x",
        role="code",
        also=["tests"],
        files=["components/x.py", "tests/test_x.py", "requirements.txt"],
    )
    code, tests = writable_for(task, "code"), writable_for(task, "tests")
    assert may_write(code, "components/x.py")
    assert may_write(code, "requirements.txt")
    assert not may_write(code, "tests/test_x.py")
    assert may_write(tests, "tests/test_x.py")
    assert not may_write(tests, "components/x.py")
    alone = PlannedTask(id="T002", title="x", role="code", files=["components/x.py", "tests/test_x.py"])
    assert not may_write(writable_for(alone), "tests/test_x.py")
    about = PlannedTask(id="T003", title="x", role="tests", files=["components/x.py", "tests/test_x.py"])
    assert not may_write(writable_for(about), "components/x.py")
    assert own_files(about) == ["tests/test_x.py"]


def test_one_worker_with_two_roles_reaches_only_the_tests_it_names() -> None:
    task = PlannedTask(id="T001", title="x", role="code", also=["tests"], files=["components/x.py", "tests/test_x.py"])
    both = writable_for(task)
    assert may_write(both, "components/x.py")
    assert may_write(both, "tests/test_x.py")
    assert not may_write(both, "tests/test_other.py")
    assert not may_write(both, "tests/conftest.py")
    unnamed = task.model_copy(update={"files": ["components/x.py"]})
    assert may_write(writable_for(unnamed), "tests/test_new.py")


@pytest.mark.parametrize(
    ("roles", "files", "gates"),
    [
        (["code"], ["a.py"], ["scope", "files", "security", "python", "kfp", "ir", "local", "tests"]),
        (["tests"], ["tests/test_a.py"], ["scope", "files", "security", "python", "assertions", "tests", "mutation"]),
        (["docs"], ["README.md"], ["scope", "files", "security", "docs"]),
        (["infra"], ["Dockerfile"], ["scope", "files", "security", "config", "infra"]),
        (["infra"], [".github/workflows/a.yml"], ["scope", "files", "security", "config", "infra"]),
        (
            ["code"],
            ["components/a/component.yaml"],
            ["scope", "files", "security", "python", "kfp", "ir", "local", "config", "tests"],
        ),
        (
            ["code"],
            ["orders/schema.json"],
            ["scope", "files", "security", "python", "kfp", "ir", "local", "config", "tests"],
        ),
        (
            ["code", "tests"],
            ["a.py"],
            ["scope", "files", "security", "python", "kfp", "ir", "local", "assertions", "tests", "mutation"],
        ),
        (
            ["code", "docs", "infra"],
            [],
            ["scope", "files", "security", "python", "kfp", "ir", "local", "config", "infra", "docs", "tests"],
        ),
    ],
)
def test_gates_follow_roles_and_kinds_of_files(roles: list[Role], files: list[str], gates: list[str]) -> None:
    assert gates_for(roles, files) == gates
