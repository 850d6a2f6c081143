"""A repository with several Python projects: each one's tests run from its folder, with its settings."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from kfpilot.tools.mutation_run import MutationRunner
from kfpilot.tools.pytest_projects import run_suites
from kfpilot.tools.pytest_run import TestRun
from kfpilot.tools.python_project import find_projects, find_source_roots

PYTHON = Path(sys.executable)
PLAIN = '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n\n[project]\nname = "x"\n'
MARKED = (
    "[tool.pytest.ini_options]\naddopts = \"--strict-markers -m 'not slow'\"\nmarkers = ['slow: takes minutes']\n"
    'testpaths = ["tests"]\n'
)
ML = {
    "pyproject.toml": PLAIN + MARKED,
    "src/churn/__init__.py": "",
    "src/churn/share.py": "def share(part, whole):\n    return part / whole\n",
    "tests/conftest.py": (
        "import pytest\n\n\n@pytest.fixture\ndef whole():\n    return int(open('data/whole.txt').read())\n"
    ),
    "tests/test_share.py": (
        "import pytest\nfrom churn.share import share\n\n\n"
        "def test_share(whole):\n    assert share(1, whole) == 0.25\n\n\n"
        "def test_open():\n    assert share(1, 2) == 2\n\n\n"
        "@pytest.mark.slow\ndef test_slow():\n    assert False\n"
    ),
    "data/whole.txt": "4",
}
API = {
    "pyproject.toml": '[tool.poetry]\nname = "api"\n',
    "src/api/__init__.py": "def gross(net):\n    return net * 2\n",
    "tests/conftest.py": "",
    "tests/test_share.py": "from api import gross\n\n\ndef test_gross():\n    assert gross(2) == 4\n",
}


@pytest.fixture
def monorepo(tmp_path: Path) -> Path:
    files = {f"ml/pipelines/{name}": text for name, text in ML.items()}
    files |= {f"services/api/{name}": text for name, text in API.items()}
    files |= {"pyproject.toml": "[tool.ruff]\nline-length = 100\n", "data/big.csv": "1\n"}
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def suites(root: Path, *targets: str, coverage: bool = False) -> TestRun:
    return run_suites(lambda project: PYTHON, root, targets, timeout=60, coverage=coverage)


def test_each_project_runs_from_its_folder_with_its_settings(monorepo: Path) -> None:
    run = suites(monorepo, coverage=True)
    assert {test.nodeid: test.outcome for test in run.tests} == {
        "ml/pipelines/tests/test_share.py::test_share": "passed",
        "ml/pipelines/tests/test_share.py::test_open": "failed",
        "services/api/tests/test_share.py::test_gross": "passed",
    }
    assert not run.broken
    assert not run.foreign
    assert run.exit_code == 1
    assert run.counts["passed"] == 2
    wrong = next(test for test in run.tests if test.outcome == "failed")
    assert wrong.file == "ml/pipelines/tests/test_share.py"
    assert wrong.message.startswith("ml/pipelines/tests/test_share.py:10")
    assert run.executed["ml/pipelines/src/churn/share.py"] == [1, 2]
    assert run.executed["services/api/src/api/__init__.py"] == [1, 2]


def test_targets_are_named_from_the_root(monorepo: Path) -> None:
    run = suites(monorepo, "services/api/tests/test_share.py", "ml/pipelines/tests/test_share.py::test_share")
    assert [test.outcome for test in run.tests] == ["passed", "passed"]


def test_tests_beside_the_projects_are_run_too(monorepo: Path) -> None:
    (monorepo / "tests").mkdir()
    (monorepo / "tests/test_root.py").write_text("def test_root():\n    assert 1 == 1\n")
    assert [test.file for test in suites(monorepo).tests if test.outcome == "passed"] == [
        "tests/test_root.py",
        "ml/pipelines/tests/test_share.py",
        "services/api/tests/test_share.py",
    ]


def test_which_folders_are_projects(monorepo: Path) -> None:
    assert find_projects(monorepo) == ["ml/pipelines", "services/api"]
    assert find_source_roots(monorepo) == [
        monorepo,
        *(monorepo / name for name in ("ml/pipelines/src", "ml/pipelines", "services/api/src", "services/api")),
    ]
    assert find_projects(monorepo / "ml/pipelines") == []
    (monorepo / "pyproject.toml").write_text(PLAIN)
    assert find_projects(monorepo) == ["ml/pipelines"], "in a package only what has settings of pytest"
    (monorepo / "pytest.ini").write_text("[pytest]\n")
    assert find_projects(monorepo) == [], "the root's settings say where everything is run from"


def test_mutants_run_where_the_project_is(monorepo: Path) -> None:
    tests = ["ml/pipelines/tests/test_share.py"]
    good = (monorepo / tests[0]).read_text().replace("== 2", "== 0.5")
    (monorepo / tests[0]).write_text(good)
    with MutationRunner(PYTHON) as runner, runner.open(monorepo, find_source_roots(monorepo), tests, [], []) as copy:
        done = copy.run(seconds=30, trace=["ml/pipelines/src/churn/share.py"])
    assert done.exit_code == 0, "it reads data/whole.txt, and leaves the slow test aside"
    assert done.passed == 2
    assert 2 in done.lines["ml/pipelines/src/churn/share.py"]
