"""Paths that tasks give in short, and what is no file of the repository."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from kfpilot.agent.documents import load_feature
from kfpilot.agent.documents.models import Feature

FOLDER = "specs/001-tides"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for path in ("src/tide/__init__.py", "src/tide/components/__init__.py", "src/tide/daily.py", "tests/test_daily.py"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    (tmp_path / ".gitignore").write_text("build/\n")
    (tmp_path / FOLDER).mkdir(parents=True)
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    return tmp_path


def read(root: Path, *tasks: str) -> Feature:
    lines = [f"- [ ] T{number:03} {text}\n" for number, text in enumerate(tasks, 1)]
    (root / FOLDER / "tasks.md").write_text("# Tasks: Tides\n\n" + "".join(lines))
    return load_feature(root / FOLDER, root)


def files(root: Path, *tasks: str) -> list[list[str]]:
    return [task.files for task in read(root, *tasks).tasks.tasks]


def test_a_path_below_a_folder_that_the_root_has_not_is_the_one_that_ends_so(root: Path) -> None:
    (found,) = files(root, "Create `fill` in `src/tide/components/fill.py`, export it in `components/__init__.py`")
    assert found == ["src/tide/components/fill.py", "src/tide/components/__init__.py"]


def test_a_bare_name_is_the_file_another_task_names_in_full(root: Path) -> None:
    found = files(root, "Create `src/tide/watch.py`", "Put `fill` into `watch.py`, as in `daily.py`")
    assert found[1] == ["src/tide/watch.py", "src/tide/daily.py"]


def test_a_bare_name_that_several_have_means_none(root: Path) -> None:
    assert files(root, "Compile all of `src/tide/` (except `__init__.py`)") == [["src/tide/"]]


def test_what_stands_in_the_root_or_in_a_folder_of_it_is_new(root: Path) -> None:
    (root / "docs").mkdir()
    (root / "docs/README.md").touch()
    assert files(root, "Create `README.md`", "Create `tests/daily.py`", "Create `tools.py`") == [
        ["README.md"],
        ["tests/daily.py"],
        ["tools.py"],
    ]


def test_what_git_ignores_is_no_file_of_a_task(root: Path) -> None:
    assert files(root, "Add `.github/workflows/ci.yml`: compile into `build/`") == [[".github/workflows/ci.yml"]]


def test_without_git_it_is_the_same(tmp_path: Path) -> None:
    (tmp_path / "src/tide").mkdir(parents=True)
    (tmp_path / "src/tide/daily.py").touch()
    (tmp_path / FOLDER).mkdir(parents=True)
    assert files(tmp_path, "Change `daily.py`") == [["src/tide/daily.py"]]


def test_of_several_projects_the_one_that_the_documents_speak_of_is_meant(tmp_path: Path) -> None:
    for path in ("ml/pipelines/src/tide/daily.py", "ml/pipelines/tests/conftest.py", "services/api/tests/conftest.py"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    for project in ("ml/pipelines", "services/api"):
        (tmp_path / project / "pyproject.toml").write_text('[project]\nname = "x"\n')
    (tmp_path / FOLDER).mkdir(parents=True)
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    assert files(
        tmp_path,
        "Create `fill` in src/tide/fill.py",
        "Test it in ml/pipelines/tests/test_fill.py, with the fixtures of tests/conftest.py and of tests/fixtures.py",
    ) == [
        ["ml/pipelines/src/tide/fill.py"],
        ["ml/pipelines/tests/test_fill.py", "ml/pipelines/tests/conftest.py", "ml/pipelines/tests/fixtures.py"],
    ]
    # Nothing says which of the two is meant.
    assert files(tmp_path, "Test it in tests/test_fill.py") == [["tests/test_fill.py"]]
