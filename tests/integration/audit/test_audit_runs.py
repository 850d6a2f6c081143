"""What running shows: tests that wait for open tasks, are skipped, hang, or need what is not here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

FAILS = "def test_a():\n    assert 1 == 2\n"


def test_a_failure_contradicts_only_when_nothing_is_open(
    repository: Callable[..., Path], kfpilot: Callable[..., Any]
) -> None:
    tasks = "- [x] T001 [US1] Write tests in tests/test_a.py\n- [x] T002 [US2] Write tests in tests/test_b.py\n"
    root = repository(
        tasks + "- [ ] T003 [US1] Implement it in src/app.py", {"tests/test_a.py": FAILS, "tests/test_b.py": FAILS}
    )
    ran = kfpilot(root, "--json")
    assert ran.ticks() == {"T001": "unsupported", "T002": "contradicted"}
    assert "tasks are still open: T003" in ran.out


def test_tests_that_prove_nothing_verify_nothing_and_contradict_nothing(
    repository: Callable[..., Path], kfpilot: Callable[..., Any]
) -> None:
    names = ("skipped", "missing", "network", "unsure", "fixture")
    root = repository(
        "\n".join(f"- [x] T00{i} Write tests in tests/test_{name}.py" for i, name in enumerate(names, start=1)),
        {
            "tests/test_skipped.py": "import pytest\n\n\n@pytest.mark.skip\ndef test_a():\n    assert 1 == 1\n",
            "tests/test_missing.py": "import not_installed_here\n\n\ndef test_a():\n    assert not_installed_here\n",
            "tests/test_network.py": "def test_a():\n    raise ConnectionRefusedError('Connection refused')\n",
            "tests/test_unsure.py": (
                "import pathlib, tempfile\n\nseen = pathlib.Path(__file__).with_name('seen')\n\n\ndef test_a():\n"
                "    first = not seen.exists()\n    seen.touch()\n    assert not first\n"
            ),
            "tests/test_fixture.py": "def test_a(no_such_fixture):\n    assert no_such_fixture\n",
        },
    )
    ran = kfpilot(root, "--json")
    assert set(ran.ticks().values()) == {"unsupported"}, ran.out
    assert "failed once and passed once" in ran.out


def test_a_test_that_hangs_is_stopped_and_contradicts_nothing(
    repository: Callable[..., Path], kfpilot: Callable[..., Any]
) -> None:
    root = repository(
        "- [x] T001 Write tests in tests/test_hang.py",
        {"tests/test_hang.py": "import time\n\n\ndef test_a():\n    time.sleep(600)\n"},
    )
    ran = kfpilot(root, "--time-limit", "6")
    assert ran.code == 0
    assert "contradicted T001" not in ran.out


def test_a_tests_secrets_are_not_those_of_the_caller(
    repository: Callable[..., Path], kfpilot: Callable[..., Any], monkeypatch: object
) -> None:
    import os

    os.environ["SOME_API_KEY"] = "secret"
    try:
        test = "import os\n\n\ndef test_a():\n    assert 'SOME_API_KEY' not in os.environ\n"
        root = repository("- [x] T001 Write tests in tests/test_env.py", {"tests/test_env.py": test})
        assert kfpilot(root, "--json").ticks() == {"T001": "verified"}
    finally:
        del os.environ["SOME_API_KEY"]


def test_the_tests_of_a_project_inside_run_from_its_folder(
    repository: Callable[..., Path], kfpilot: Callable[..., Any]
) -> None:
    root = repository(
        "- [x] T001 Talk",
        {
            "services/pay/pyproject.toml": "[tool.pytest.ini_options]\npythonpath = ['.']\n",
            "services/pay/pay/__init__.py": "RATE = 3\n",
            "services/pay/tests/test_rate.py": "from pay import RATE\n\n\ndef test_rate():\n    assert RATE == 3\n",
            "services/pay/tests/test_bad.py": "def test_bad():\n    assert 1 == 2\n",
            "services/pay/specs/001-pay/tasks.md": "- [x] T001 Write tests in tests/test_rate.py\n"
            "- [x] T002 Write tests in services/pay/tests/test_bad.py\n",
        },
    )
    ran = kfpilot(root / "services/pay", "--json")
    assert ran.ticks() == {"T001": "verified", "T002": "contradicted"}
    assert "1 test passed" in ran.out
    assert '"services/pay/tests/test_bad.py::test_bad fails' in ran.out


def test_a_pipeline_whose_parts_are_still_open_is_not_contradicted(
    repository: Callable[..., Path], kfpilot: Callable[..., Any]
) -> None:
    pipeline = "from kfp import dsl\n\nfrom parts import load\n\n\n@dsl.pipeline\ndef daily():\n    load()\n"
    files = {"daily.py": pipeline, "parts.py": "x = 1\n", "pyproject.toml": "[project]\nname = 'x'\n"}
    done = "- [x] T001 Create the pipeline in daily.py\n"
    root = repository(done + "- [ ] T002 Create `load` in parts.py", files)
    assert kfpilot(root, "--json").ticks() == {"T001": "unsupported"}
    other = repository(done + "- [x] T002 Talk about parts.py", files, name="other")
    assert kfpilot(other, "--json").ticks()["T001"] == "contradicted"


def test_in_a_python_that_the_project_does_not_want_nothing_is_run(
    repository: Callable[..., Path], kfpilot: Callable[..., Any]
) -> None:
    root = repository(
        "- [x] T001 Write tests in tests/test_new.py",
        {
            "tests/test_new.py": "type X = int\n",
            "pyproject.toml": "[project]\nname = 'x'\nrequires-python = '>=3.99'\n",
        },
    )
    ran = kfpilot(root)
    assert ran.code == 0
    assert "the project wants Python >=3.99" in ran.out


def test_a_test_that_reads_the_history_finds_it(repository: Callable[..., Path], kfpilot: Callable[..., Any]) -> None:
    test = (
        "import subprocess\n\n\ndef test_a():\n"
        "    said = subprocess.run(['git', 'log', '--format=%s'], check=True, capture_output=True, text=True).stdout\n"
        "    assert said == 'start\\n'\n"
    )
    root = repository("- [x] T001 Write tests in tests/test_log.py", {"tests/test_log.py": test})
    assert kfpilot(root, "--json").ticks() == {"T001": "verified"}
