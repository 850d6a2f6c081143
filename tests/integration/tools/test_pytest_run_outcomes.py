"""Every test is reported with its outcome, and what breaks a run is told."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from kfpilot.tools.errors import ToolFailure
from kfpilot.tools.pytest_run import TestRun, outcomes, regressions, run_pytest

from .conftest import OTHER, WORKTREE, project, run

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> TestRun:
    root = project(
        tmp_path_factory.mktemp("mixed"),
        {
            "pyproject.toml": '[tool.pytest.ini_options]\naddopts = "-x -v --lf --junitxml=report.xml"\n',
            "src/shop/__init__.py": "",
            "src/shop/price.py": (
                "def total(items):\n    if not items:\n        raise ValueError('no items')\n    return sum(items)\n"
            ),
            "tests/test_price.py": (
                "import unittest\n"
                "import pytest\n"
                "from shop.price import total\n\n"
                "def test_good(): assert total([1, 2]) == 3\n\n"
                "def test_bad():\n    result = total([1, 2])\n    assert result == 4\n\n"
                "def test_raises(): total([])\n\n"
                "@pytest.mark.skip(reason='later')\ndef test_skipped(): assert False\n\n"
                "@pytest.mark.xfail(reason='known')\ndef test_xfailed(): assert False\n\n"
                "@pytest.mark.xfail\ndef test_xpassed(): assert True\n\n"
                "@pytest.fixture\ndef broken(): raise RuntimeError('no database')\n\n"
                "def test_setup(broken): pass\n\n"
                "@pytest.fixture\ndef leaky():\n    yield\n    raise RuntimeError('cannot close')\n\n"
                "def test_teardown(leaky): pass\n\n"
                "def test_no_fixture(nonexistent): pass\n\n"
                "@pytest.mark.parametrize('n', [1, 2])\ndef test_cases(n): assert n == 1\n\n"
                "class TestOld(unittest.TestCase):\n    def test_equal(self): self.assertEqual(total([2]), 2)\n"
            ),
            "tests/test_import.py": "from shop.cart import Cart\n\ndef test_cart(): assert Cart\n",
            "tests/test_syntax.py": "def test_x(:\n    pass\n",
            "tests/test_whole.py": "import pytest\npytest.importorskip('surely_not_there')\n\ndef test_y(): pass\n",
        },
    )
    result = run(root)
    assert not (root / "report.xml").exists()
    assert not (root / ".pytest_cache").exists()
    assert not list(root.rglob("__pycache__"))
    return result


def test_every_test_is_reported_with_its_own_outcome(mixed: TestRun) -> None:
    assert outcomes(mixed) == {
        "tests/test_price.py::test_good": "passed",
        "tests/test_price.py::test_bad": "failed",
        "tests/test_price.py::test_raises": "failed",
        "tests/test_price.py::test_skipped": "skipped",
        "tests/test_price.py::test_xfailed": "xfailed",
        "tests/test_price.py::test_xpassed": "xpassed",
        "tests/test_price.py::test_setup": "error",
        "tests/test_price.py::test_teardown": "error",
        "tests/test_price.py::test_no_fixture": "error",
        "tests/test_price.py::test_cases[1]": "passed",
        "tests/test_price.py::test_cases[2]": "failed",
        "tests/test_price.py::TestOld::test_equal": "passed",
        "tests/test_import.py": "error",
        "tests/test_syntax.py": "error",
        "tests/test_whole.py": "skipped",
    }
    assert mixed.counts == {"passed": 3, "failed": 3, "error": 5, "skipped": 2, "xfailed": 1, "xpassed": 1}
    assert mixed.collected == 12
    assert mixed.exit_code == 1
    assert mixed.broken == ""
    assert mixed.foreign == []
    assert {test.file for test in mixed.tests} == {f"tests/test_{n}.py" for n in ("price", "import", "syntax", "whole")}


def messages(result: TestRun) -> dict[str, str]:
    return {test.nodeid.rpartition("/")[2]: test.message for test in result.tests}


def test_a_message_shows_the_last_place_and_the_explanation(mixed: TestRun) -> None:
    said = messages(mixed)
    assert said["test_price.py::test_bad"] == (
        "tests/test_price.py:9: in test_bad\n    assert result == 4\nE   assert 3 == 4"
    )
    assert said["test_price.py::test_raises"].splitlines() == [
        "tests/test_price.py:11: in test_raises",
        "    def test_raises(): total([])",
        "src/shop/price.py:3: in total",
        "    raise ValueError('no items')",
        "E   ValueError: no items",
    ]
    assert said["test_price.py::test_skipped"] == "later"
    assert said["test_price.py::test_xfailed"] == "known"
    assert said["test_price.py::test_setup"].startswith("in setup: tests/test_price.py:")
    assert "no database" in said["test_price.py::test_setup"]
    assert "cannot close" in said["test_price.py::test_teardown"]
    assert "fixture 'nonexistent' not found" in said["test_price.py::test_no_fixture"]


def test_a_file_that_cannot_be_imported_says_what_is_missing(mixed: TestRun) -> None:
    said = messages(mixed)
    first = said["test_import.py"].splitlines()[0]
    assert first == "cannot import tests/test_import.py: ModuleNotFoundError: No module named 'shop.cart'"
    assert "tests/test_import.py:1:" in said["test_import.py"]
    assert said["test_syntax.py"].startswith("cannot import tests/test_syntax.py: SyntaxError: ")
    assert "surely_not_there" in said["test_whole.py"]


def test_long_messages_are_shortened_and_paths_are_relative(tmp_path: Path) -> None:
    root = project(
        tmp_path, {"test_long.py": "def test_long():\n    raise ValueError(__file__ + ' ' + 'x' * 9000 + ' the end')\n"}
    )
    message = run(root).tests[0].message
    assert len(message) <= 1500
    assert str(tmp_path) not in message
    assert message.endswith("the end")
    assert "ValueError: test_long.py" in message


def test_a_test_that_does_not_return_is_named(tmp_path: Path) -> None:
    root = project(
        tmp_path,
        {"test_slow.py": "import time\n\ndef test_a(): pass\n\ndef test_b(): time.sleep(60)\n\ndef test_c(): pass\n"},
    )
    result = run(root, timeout=4)
    assert result.timed_out
    assert outcomes(result) == {"test_slow.py::test_a": "passed", "test_slow.py::test_b": "error"}
    assert "time limit of 4 s" in result.tests[1].message
    assert "time limit" in result.broken
    assert result.collected == 3
    assert result.exit_code != 0


@pytest.mark.parametrize("ending", ["os._exit(0)", "os.kill(os.getpid(), 9)"])
def test_a_test_that_ends_the_process_is_no_success(tmp_path: Path, ending: str) -> None:
    root = project(tmp_path, {"test_exit.py": f"import os\n\ndef test_a(): pass\n\ndef test_b(): {ending}\n"})
    result = run(root)
    assert result.exit_code != 0
    assert result.broken
    assert outcomes(result) == {"test_exit.py::test_a": "passed", "test_exit.py::test_b": "error"}


def test_when_pytest_itself_breaks_its_output_is_kept(tmp_path: Path) -> None:
    root = project(
        tmp_path, {"pytest.ini": "[pytest]\naddopts = --no-such-option\n", "test_a.py": "def test_a(): pass\n"}
    )
    result = run(root)
    assert result.exit_code == 4
    assert result.tests == []
    assert result.broken
    assert "--no-such-option" in result.output


def test_a_broken_conftest_is_shown(tmp_path: Path) -> None:
    root = project(tmp_path, {"conftest.py": "import not_there_at_all\n", "test_a.py": "def test_a(): pass\n"})
    result = run(root)
    assert result.exit_code == 4
    assert "No module named 'not_there_at_all'" in result.output
    assert "conftest.py" in result.output
    assert str(tmp_path) not in result.output


def test_a_python_without_pytest_is_told(tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(bare)], check=True)
    root = project(tmp_path / "project", {"test_a.py": "def test_a(): pass\n"})
    result = run_pytest(bare / "bin" / "python", root, timeout=60)
    assert result.exit_code != 0
    assert "No module named pytest" in result.output
    with pytest.raises(ToolFailure):
        run_pytest(tmp_path / "nowhere" / "python", root)


def test_no_test_is_no_success(tmp_path: Path) -> None:
    root = project(tmp_path, {"README.md": "nothing here\n"})
    result = run(root)
    assert (result.exit_code, result.broken) == (5, "pytest collected no test.")


def test_targets_and_further_arguments_choose_what_runs(tmp_path: Path) -> None:
    root = project(
        tmp_path,
        {"a/test_a.py": "def test_a(): pass\n\ndef test_b(): pass\n", "b/test_c.py": "def test_c(): pass\n"},
    )
    assert list(outcomes(run(root, "a/test_a.py::test_b"))) == ["a/test_a.py::test_b"]
    assert list(outcomes(run(root, "b"))) == ["b/test_c.py::test_c"]
    assert list(outcomes(run(root, extra=["-k", "test_a and not test_c and not test_b"]))) == ["a/test_a.py::test_a"]


def test_settings_above_the_checkout_do_not_count(tmp_path: Path) -> None:
    project(tmp_path, {"pytest.ini": "[pytest]\naddopts = --no-such-option\n"})
    root = project(tmp_path / "checkout", {"tests/test_a.py": "def test_a(): pass\n"})
    assert outcomes(run(root)) == {"tests/test_a.py::test_a": "passed"}
    nested = project(tmp_path / "nested", {"t/pytest.ini": "[pytest]\npython_files = check_*.py\n"})
    project(nested, {"t/check_a.py": "def test_a(): pass\n"})
    assert outcomes(run(nested, "t")) == {"t/check_a.py::test_a": "passed"}


def test_secrets_do_not_reach_the_tests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    code = (
        "import os\n\ndef test_env():\n"
        "    assert 'OPENAI_API_KEY' not in os.environ\n    assert os.environ['MINE'] == '1'\n"
    )
    assert run(project(tmp_path, {"test_env.py": code}), env={"MINE": "1"}).counts["passed"] == 1


COVERED = {
    "src/shop/__init__.py": "",
    "src/shop/price.py": "def used():\n    return 1\n\n\ndef unused():\n    return 2\n",
    "src/shop/never.py": "A = 1\nB = 2\n",
    "tests/test_a.py": "from shop.price import used\n\ndef test_a(): assert used() == 1\n",
    "pyproject.toml": '[tool.pytest.ini_options]\naddopts = "--cov=src --cov-report=html --cov-fail-under=100"\n',
}


def test_coverage_is_measured_when_asked_for(tmp_path: Path) -> None:
    root = project(tmp_path, COVERED)
    result = run(root, coverage=True)
    assert result.exit_code == 0, "the project's threshold is not what is asked"
    assert result.file_coverage["src/shop/price.py"] == [6]
    assert result.file_coverage["src/shop/never.py"] == [1, 2]
    assert result.coverage == 50.0
    assert sorted(p.name for p in root.iterdir()) == ["pyproject.toml", "src", "tests"]
    without = run(root)
    assert (without.coverage, without.file_coverage, without.exit_code) == (None, {}, 0)
    assert not (root / "htmlcov").exists()


def test_coverage_without_settings_leaves_the_tests_out(tmp_path: Path) -> None:
    root = project(tmp_path, {name: text for name, text in COVERED.items() if name != "pyproject.toml"})
    result = run(root, coverage=True)
    assert result.coverage is not None
    assert not [name for name in result.file_coverage if "tests" in name]
    assert result.file_coverage["src/shop/price.py"] == [6]


def test_parallel_runs_of_the_project_are_read_too(tmp_path: Path) -> None:
    root = project(tmp_path / "worktree", WORKTREE)
    other = project(tmp_path / "other", OTHER)
    forced = (
        "import sys\n\ndef test_it():\n"
        f"    sys.path.insert(0, {str(other / 'src')!r})\n    import shop\n    assert shop\n"
    )
    project(root, {"tests/test_forced.py": forced, "tests/test_bad.py": "import nowhere\n"})
    project(
        root, {"pytest.ini": "[pytest]\naddopts = -n 1 -x --cov\n", "tests/test_fail.py": "def test_f(): assert 0\n"}
    )
    (root / "tests/test_where.py").unlink()
    result = run(root)
    assert outcomes(result) == {
        "tests/test_bad.py": "error",
        "tests/test_fail.py::test_f": "failed",
        "tests/test_forced.py::test_it": "passed",
    }
    assert result.collected == 2
    assert result.foreign == [f"shop -> {other / 'src/shop/__init__.py'}"]


def test_what_passed_and_does_not_any_more_is_named(tmp_path: Path) -> None:
    good = "".join(
        f"def test_{n}():\n    assert True\n\n" for n in ("stays", "fails", "skips", "xfails", "goes", "xpasses")
    )
    root = project(tmp_path, {"test_a.py": good, "test_b.py": "def test_1(): pass\n\ndef test_2(): pass\n"})
    project(root, {"test_c.py": "def test_red(): assert 0\n"})
    before = run(root)
    assert regressions(before, before) == []
    changed = (
        "import pytest\n\ndef test_stays(): pass\n\ndef test_fails(): assert 1 == 2\n\n"
        "@pytest.mark.skip(reason='x')\ndef test_skips(): pass\n\n@pytest.mark.xfail\ndef test_xfails(): assert 0\n\n"
        "@pytest.mark.xfail\ndef test_xpasses(): pass\n\ndef test_new(): assert 0\n"
    )
    project(root, {"test_a.py": changed, "test_b.py": "import nowhere\n"})
    found = regressions(before, run(root))
    assert [line.split(" passed before and ")[0] for line in found] == [
        "test_a.py::test_fails",
        "test_a.py::test_skips",
        "test_a.py::test_xfails",
        "test_a.py::test_xpasses",
        "test_a.py::test_goes",
        "test_b.py::test_1, test_b.py::test_2",
    ]
    assert "now fails: test_a.py:5: in test_fails" in found[0]
    assert "skipped" in found[1]
    assert "xfail" in found[2] and "xfail" in found[3]
    assert "missing" in found[4]
    assert "cannot be collected: cannot import test_b.py: ModuleNotFoundError: No module named 'nowhere'" in found[5]


def test_hypothesis_is_imported_for_its_own_tests_alone(tmp_path: Path) -> None:
    seen = (
        "import atexit, sys\nfrom pathlib import Path\n\n"
        "seen = Path(__file__).with_name('seen.txt')\n"
        "atexit.register(lambda: seen.write_text(str('hypothesis' in sys.modules)))\n"
    )
    plain = project(tmp_path / "plain", {"conftest.py": seen, "test_a.py": "def test_a(): assert 1 + 1 == 2\n"})
    assert set(outcomes(run(plain)).values()) == {"passed"}
    assert (plain / "seen.txt").read_text(encoding="utf-8") == "False"
    drawn = (
        "from hypothesis import given, strategies as st\n\n"
        "@given(st.integers())\ndef test_small(n): assert n < 3\n\n"
        "@given(st.integers())\ndef test_whole(n): assert n == int(n)\n"
    )
    own = project(tmp_path / "own", {"conftest.py": seen, "test_b.py": drawn})
    result = run(own)
    assert outcomes(result) == {"test_b.py::test_small": "failed", "test_b.py::test_whole": "passed"}
    assert "n=3" in result.tests[0].message
    assert (own / "seen.txt").read_text(encoding="utf-8") == "True"
