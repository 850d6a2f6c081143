"""What git says of a task: which tests its commit left alone, and what the mutation gate saw."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from kfpilot.agent.documents import load_feature
from kfpilot.agent.workflow.acceptance import task_evidence
from kfpilot.agent.workflow.checkout import open_checkout
from kfpilot.tools import git

pytestmark = pytest.mark.integration

OLD = "def test_old():\n    assert 1 + 1 == 2\n"
BODY = "test: more\n\nVerified on tree abc:\n- tests: 2 passed\n- mutation: {} of 12 changes of the code were noticed\n"
TRAILERS = "\nKfpilot-Task: T001\nKfpilot-Feature: 001-prices\nKfpilot-Run: r\n"


@pytest.mark.parametrize("many", [11, 0])
def test_the_tests_that_a_commit_wrote_are_not_those_it_found(make_repository: Callable[..., Path], many: int) -> None:
    task = "- [x] T001 Test the sums in tests/test_sums.py"
    root = make_repository(task, {"tests/test_sums.py": OLD})
    (root / "tests/test_sums.py").write_text(OLD + "\n\ndef test_new():\n    assert 2 + 2 == 4\n")
    message = BODY.format(many) + TRAILERS
    author = ("-c", "user.name=A User", "-c", "user.email=user@example.invalid")
    subprocess.run(["git", *author, "commit", "-qam", message], cwd=root, check=True)
    repo = open_checkout(root)
    feature = load_feature(root / "specs/001-prices", root)
    found = task_evidence(repo, git.head(repo), feature)["T001"]
    assert (found.state, found.earlier, found.noticed) == ("verified", ["tests/test_sums.py::test_old"], many)
