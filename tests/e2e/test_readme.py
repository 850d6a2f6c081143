"""Every command of the README and of the tutorials is run in a copy of the example, unless the page says why not."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from .conftest import Block, blocks, differs, name_of, shell, steps

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = ["README.md", "docs/ide.md"]
NEEDS_MORE = ("make ", "kfpilot run ", "kfpilot report", "python -m pip ", "kfpilot mcp --http")
"""Beginnings of the commands that may be left out: they need a model, a network or a finished run, or never end."""
WITH_A_RUN = (
    "kfpilot status",
    "kfpilot cancel",
    "kfpilot undo",
    "kfpilot clean",
    "kfpilot land",
    "kfpilot converge",
    "kfpilot deliver",
)
"""Those that may be left out as well where the same block starts a run."""


RUN = [block for block in blocks(PAGES) if block.why is None]
NOT_RUN = [block for block in blocks(PAGES) if block.why is not None]


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of one's own with the example in it."""
    root = tmp_path_factory.mktemp("readme") / "daily-summary"
    shutil.copytree(ROOT / "examples/daily-summary", root, ignore=shutil.ignore_patterns("__pycache__", ".kfpilot"))
    author = ["-c", "user.name=test", "-c", "user.email=test@kfpilot.invalid"]
    for command in (["init", "-q", "-b", "main"], ["add", "-A"], [*author, "commit", "-q", "-m", "start"]):
        subprocess.run(["git", *command], cwd=root, check=True)
    return root


@pytest.mark.parametrize("block", RUN, ids=name_of)
def test_the_commands_do_what_the_page_shows(block: Block, example: Path) -> None:
    for command, expected in steps(block):
        done = shell(command, example)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        assert differs(done.stdout, expected) is None, f"{command}: the output is\n{done.stdout}"
    if "kfpilot init" in block.text:
        # What it wrote is all that may be new; it takes that back itself.
        shell("kfpilot init --remove --mcp", example)
    assert subprocess.run(["git", "status", "--short"], cwd=example, capture_output=True, text=True).stdout == ""


@pytest.mark.parametrize("block", NOT_RUN, ids=name_of)
def test_only_what_needs_more_than_this_machine_is_left_out(block: Block) -> None:
    commands = [command for command, _ in steps(block)]
    allowed = NEEDS_MORE + (WITH_A_RUN if any(command.startswith("kfpilot run ") for command in commands) else ())
    assert [command for command in commands if not command.startswith(allowed)] == []


def test_commands_that_need_a_model_name_real_options() -> None:
    known = shell("kfpilot run --help", ROOT).stdout
    lines = [line.partition("#")[0] for block in NOT_RUN for line in block.text.splitlines() if "kfpilot run" in line]
    options = set(re.findall(r"--[a-z-]+", "\n".join(lines)))
    assert options and {option for option in options if option not in known} == set()


def test_the_page_has_commands_and_its_targets_exist() -> None:
    assert len(RUN) >= 3 and len(NOT_RUN) >= 3
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"\bmake (\w+)", "\n".join(re.findall(r"`make \w+`|^make \w+", PAGE, re.M))))
    assert {"demo", "test"} <= targets
    assert {target for target in targets if not re.search(rf"^{target}:", makefile, re.M)} == set()


def test_every_gate_and_exit_code_is_explained() -> None:
    from kfpilot.agent import errors
    from kfpilot.agent.verifier.verify import GATES

    assert {gate for gate in GATES if f"| `{gate}` |" not in PAGE} == set()
    kinds = (errors.UserError, errors.ModelError, errors.BudgetExceeded, errors.Interrupted)
    codes = {errors.EXIT_OK, errors.EXIT_NOT_VERIFIED, *(kind.exit_code for kind in kinds)}
    assert set(map(int, re.findall(r"^\| (\d+) \|", PAGE, re.M))) == codes
