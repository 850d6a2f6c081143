"""The tutorials, followed from their first line to their last: every command is run, and does what the page shows.

The model is a record of what the embedded model answered when the tutorials were followed with it.
"""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from .conftest import ROOT, blocks, differs, shell, steps

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

RECORD = Path(__file__).parent / "records" / "tutorials.jsonl"
FIRST, IDE, NIGHT = (f"docs/tutorial-{name}.md" for name in ("first-feature", "ide", "night"))
AUTHOR = {f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER")
          for what, value in (("NAME", "A User"), ("EMAIL", "user@example.invalid"))}  # fmt: skip


def follow(page: str, here: Path, scratch: Path, *, before: str = "\0") -> Path:
    """Do what a page says, up to a heading; returns the folder in which that ends.

    Args:
        page: The page.
        here: The folder in which it begins.
        scratch: Where the cache goes, beside the reader's own folders.
        before: The heading's beginning; else all of it is done.
    """
    last = (ROOT / page).read_text(encoding="utf-8").partition(f"## {before}")[0].count("\n")
    told = scratch / "where"
    for block in blocks([page]):
        if block.why or block.line > last:
            continue
        # A bash block is a script, with texts that go over several lines; of a console block each command is shown.
        parts = [(f"set -e\n{block.text}", [])] if block.kind == "bash" else steps(block)
        for command, expected in parts:
            more = {**AUTHOR, "KFPILOT_MODEL": f"replay:{RECORD}", "KFPILOT_CACHE_DIR": str(scratch / "cache")}
            done = shell(f"trap 'pwd > {told}' EXIT\n{command}", here, more)
            assert done.returncode == 0, f"{page}:{block.line}: {command}\n{done.stdout}{done.stderr}"
            missing = differs(done.stdout, expected)
            assert missing is None, f"{page}:{block.line}: {command}: no {missing!r} in\n{done.stdout}"
            here = Path(told.read_text().strip())
    return here


def git(root: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository that the first tutorial ends with."""
    folder = tmp_path_factory.mktemp("first")
    return follow(FIRST, folder, folder)


def test_the_first_feature_is_verified_and_merged(shop: Path) -> None:
    assert re.findall(r"\[(.)\] T00\d", (shop / "specs/001-net-price/tasks.md").read_text()) == ["x", "x", "x"]
    (record,) = (shop / ".kfpilot/runs").iterdir()
    assert json.loads((record / "report.json").read_text())["state"] == "verified"
    assert git(shop, "status", "--porcelain") == ""


def test_a_slash_command_leaves_one_verified_task(tmp_path: Path) -> None:
    root = follow(FIRST, tmp_path, tmp_path, before="3. ")
    assert follow(IDE, root, tmp_path) == root
    assert re.findall(r"\[(.)\] T00\d", (root / "specs/001-net-price/tasks.md").read_text()) == ["x", " ", " "]
    servers = [json.loads((root / file).read_text()) for file in (".mcp.json", ".cursor/mcp.json")]
    assert [server["mcpServers"]["kfpilot"]["args"][0] for server in servers] == ["mcp", "mcp"]


def test_a_night_works_two_features_and_leaves_one_to_a_person(shop: Path) -> None:
    follow(NIGHT, shop, shop.parent)
    night = json.loads((shop / "morning/nightly.json").read_text())
    assert [(item["entry"]["name"], item["state"]) for item in night["items"]] == [
        ("003-pipeline-page", "verified"), ("004-rounding", "skipped"), ("002-page", "verified"),
    ]  # fmt: skip
    # Each got the answer that was recorded for it.
    assert [item["used"]["tokens"] for item in night["items"]] == [706, 0, 520]
    assert (shop / "docs/net_price.md").is_file() and (shop / "docs/prices.md").is_file()


def test_of_the_tutorials_only_what_needs_a_model_of_your_own_is_not_run() -> None:
    left = [line for block in blocks([FIRST, IDE, NIGHT]) if block.why for line in block.text.splitlines()]
    assert len(left) == 1 and left[0].startswith("kfpilot run ")
