"""Code that works against the tests, links, repositories inside, hidden changes: all are seen."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from kfpilot.agent.verifier.change_coverage import change_coverage
from kfpilot.tools import git

from .conftest import GOOD, KEEP, TEST, MakeCheckout, gate

# --- against the tests

CLEAN = {"shop/keep.py": KEEP}


@pytest.mark.parametrize(
    ("path", "text", "words"),
    [
        ("shop/keep.py", "import sys\n" + KEEP + "\n\nTESTED = 'pytest' in sys.modules\n", "finds out whether"),
        ("shop/keep.py", "import os, atexit\n" + KEEP + "\n\natexit.register(os._exit, 0)\n", "ends the whole run"),
        ("sitecustomize.py", "import builtins\n", "at its start"),
        ("pytest.py", "def main(*args):\n    return 0\n", "in place of the module `pytest`"),
        ("random.py", "def random():\n    return 4\n", "in place of the module `random`"),
        ("kfp/__init__.py", "", "in place of the module `kfp`"),
        ("shop/plugin.py", "def pytest_runtest_makereport(item, call): ...\n", "hook"),
    ],
)
def test_code_that_works_against_the_tests_is_refused(checkout: MakeCheckout, path: str, text: str, words: str) -> None:
    here = checkout()
    assert here.judge(CLEAN, "scope", key="T002").passed
    verdict = here.judge({**CLEAN, path: text}, "scope", key="T002")
    assert not verdict.passed
    assert f"{path}" in verdict.feedback()
    assert words in verdict.feedback()


def test_a_module_beside_the_tests_that_hides_another_is_refused(checkout: MakeCheckout) -> None:
    here = checkout(files=CLEAN)
    assert here.judge({TEST: GOOD, "tests/shared_orders.py": "ORDERS = []\n"}, "scope").passed
    verdict = here.judge({TEST: GOOD, "tests/kfp.py": "dsl = None\n"}, "scope")
    assert "in place of the module `kfp`" in verdict.feedback()


def test_a_repository_inside_hides_no_file_from_the_commit(checkout: MakeCheckout) -> None:
    here = checkout()
    here.write({"vendored/keep.py": KEEP})
    subprocess.run(["git", "init", "-q", str(here.worktree / "vendored")], check=True)
    subprocess.run(["git", "-C", str(here.worktree / "vendored"), "add", "."], check=True)
    subprocess.run(["git", "-C", str(here.worktree / "vendored"), "commit", "-q", "-m", "x"], check=True)
    verdict = here.judge(CLEAN, "scope", key="T002")
    assert verdict.passed and not (here.worktree / "vendored/.git").exists()
    assert "vendored/keep.py" in git.changed_files(here.worktree, here.base)


def test_a_link_that_leads_out_is_refused(checkout: MakeCheckout, tmp_path: Path) -> None:
    here = checkout()
    (tmp_path / "keep.py").write_text(KEEP)
    (here.worktree / "shop/keep.py").symlink_to(tmp_path / "keep.py")
    assert "outside of the repository" in here.judge({}, "scope", key="T002").feedback()


@pytest.mark.parametrize("option", ["--assume-unchanged", "--skip-worktree"])
def test_a_change_hidden_from_git_is_seen(checkout: MakeCheckout, option: str) -> None:
    here = checkout()
    subprocess.run(["git", "-C", str(here.worktree), "update-index", option, "tests/test_price.py"], check=True)
    verdict = here.judge({**CLEAN, "tests/test_price.py": "def test_single(): ...\n"}, "scope", key="T002")
    assert "tests/test_price.py" in verdict.feedback()


def test_code_is_judged_by_the_tests_of_its_base(checkout: MakeCheckout) -> None:
    here = checkout()
    wrong = {"shop/price.py": "def single(price):\n    return 7\n", **CLEAN}
    tests = {
        "tests/test_price.py": "def test_single():\n    assert True\n",
        "tests/conftest.py": "collect_ignore = ['test_price.py']\n",
    }
    verdict = here.judge({**wrong, **tests}, "scope", "tests", key="T002", all_gates=True)
    assert [done.gate for done in verdict.gates if not done.passed] == ["scope", "tests"] or verdict.gates[-1].counts[
        "failed"
    ]
    assert gate(verdict, "tests").counts["failed"] == 2, "both tests of the base ran, on the new code"
    assert git.tree_hash(here.worktree) == verdict.tree, "what the worker left is as it was"


# --- coverage of the change


def test_the_lines_of_a_change_that_no_test_executes_are_named(checkout: MakeCheckout) -> None:
    pytest.importorskip("pytest_cov")
    here = checkout()
    start = here.base
    code = "def keep(rows):\n    if not rows:\n        raise ValueError('none')\n\n    return rows\n"
    here.commit(
        {"shop/keep.py": code, TEST: "from shop.keep import keep\n\n\ndef test_keep():\n    assert keep([1]) == [1]\n"}
    )
    found = change_coverage(here.worktree, start, here.bench.run_tests(here.worktree, coverage=True))
    assert found is not None
    assert (found.lines, found.covered, found.percent) == (4, 3, 75.0)
    assert found.uncovered == ["shop/keep.py:3"]
