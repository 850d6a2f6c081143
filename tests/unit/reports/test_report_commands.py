"""`kfpilot report` and `kfpilot status`."""

from __future__ import annotations

import io
import json

import pytest
from kfpilot.agent.cli.report import report_command, status_command
from kfpilot.agent.errors import UserError
from kfpilot.agent.reports.markdown import render
from kfpilot.agent.reports.status import status_of
from kfpilot.agent.reports.summarise import summarise
from rich.console import Console

TASKS = """\
# Tasks: Late orders

## Phase 1: Setup

- [x] T000 Create the package in src/__init__.py
- [ ] T001 Write the component in src/late.py
- [ ] T002 Write the pipeline in src/pipeline.py
- [ ] T003 Describe it in docs/late.md → DEFERRED
"""


@pytest.fixture
def root(tmp_path):
    """A repository with one feature; the recorder's runs lie in it too."""
    folder = tmp_path / "specs" / "001-late-orders"
    folder.mkdir(parents=True)
    (folder / "spec.md").write_text("# Feature Specification: Late orders\n")
    (folder / "plan.md").write_text("# Implementation Plan: Late orders\n")
    (folder / "tasks.md").write_text(TASKS)
    return tmp_path


def shown(command, *args, terminal: bool = False, **more) -> str:
    console = Console(file=io.StringIO(), width=80, force_terminal=terminal)
    assert command(args[0], console, *args[1:], **more) == 0
    return console.file.getvalue()


def test_report_prints_the_markdown_or_the_json(root, mixed):
    report = summarise(mixed.path)

    assert shown(report_command, root) == render(report)
    assert json.loads(shown(report_command, root, mixed.run_dir.name[:6], form="json")) == report.model_dump(
        mode="json"
    )
    assert "T002" in shown(report_command, root, terminal=True)


def test_report_without_a_run_says_how_to_start_one(root):
    with pytest.raises(UserError, match="kfpilot run"):
        shown(report_command, root)


def test_status_of_a_feature_that_was_never_run(root):
    assert shown(status_command, root) == "001-late-orders  2 tasks open, 1 done, 1 deferred\n"


def test_status_counts_a_group_by_its_sub_tasks(root):
    folder = root / ".kiro" / "specs" / "prices"
    folder.mkdir(parents=True)
    lines = ["- [ ] 1. Prices", "- [x] 1.1 Create shop/a.py", "- [ ] 1.2 Create shop/b.py"]
    (folder / "tasks.md").write_text("\n".join(lines) + "\n")
    assert "prices           1 task open, 1 done\n" in shown(status_command, root)


def test_status_names_what_is_verified_on_the_branch_and_not_merged(root, mixed):
    text = shown(status_command, root)

    assert "finished, some tasks not verified; 1 of 3 verified" in text
    assert "not verified: T002, T003" in text
    assert "verified on kfpilot/001-late-orders, not merged here: T001" in text
    assert "git merge --ff-only kfpilot/001-late-orders" in text
    assert "--resume" not in text

    tasks = root / "specs/001-late-orders/tasks.md"
    tasks.write_text(TASKS.replace("[ ] T001", "[x] T001"))  # merged
    assert "not merged" not in shown(status_command, root)


def test_status_says_how_to_go_on_with_a_killed_run(root, recorder, make):
    recorder.start()
    recorder.plan([make["planned"]("T001")])

    assert "go on:  kfpilot run 001-late-orders --resume" in shown(status_command, root)


def test_status_says_what_is_missing_where_every_task_is_verified(root, recorder, make):
    def line() -> str:
        return next((line.strip() for line in shown(status_command, root).splitlines() if "missing" in line), "")

    recorder.start()
    recorder.plan([make["planned"]("T001")])
    assert line() == ""
    recorder.verified("T001")
    assert line() == "every task is verified; missing: the final check and the review"
    recorder.final()
    assert line() == "every task is verified; missing: only the review"
    recorder.finish("interrupted", exit_code=130)
    assert line() == "every task is verified; missing: only the review"
    assert "1 of 1 verified" in shown(status_command, root) and "--resume" in shown(status_command, root)
    recorder.start(resumed=True)
    recorder.final()
    recorder.finish("verified")
    assert line() == ""


def test_status_as_json(root, mixed):
    status = json.loads(shown(status_command, root, as_json=True))

    assert status == status_of(root).model_dump(mode="json")
    feature = status["features"][0]
    assert (feature["feature"], feature["open"], feature["done"], feature["deferred"]) == ("001-late-orders", 2, 1, 1)
    assert (feature["run"]["outcome"], feature["run"]["unmerged"], feature["run"]["resume"]) == (
        "partly",
        ["T001"],
        None,
    )


def test_status_goes_on_when_a_document_or_a_journal_is_damaged(root, mixed):
    (root / "specs/001-late-orders/tasks.md").write_text("# nothing here\n")
    mixed.path.write_text("not json\n")
    text = shown(status_command, root)

    assert "001-late-orders  cannot be read" in text
    assert "its journal cannot be read" in text


def test_status_where_there_is_no_feature(tmp_path):
    assert "No feature here" in shown(status_command, tmp_path)
