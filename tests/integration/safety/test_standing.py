"""What `kfpilot status` and `kfpilot report` say of work that was landed, taken back, or is under way."""

from __future__ import annotations

import io
import json
import os

import pytest
from kfpilot.agent.cli.app import main
from kfpilot.agent.cli.land import land_command
from kfpilot.agent.cli.report import report_command, status_command
from kfpilot.agent.errors import UserError
from kfpilot.agent.workflow.background import cancel
from kfpilot.agent.workflow.locks import one_run
from kfpilot.agent.workflow.undo import undo
from kfpilot.tools import git as tools_git
from rich.console import Console

from .conftest import FIRST, ONE, SECOND, MakeRuns, Runs

TWO = ONE + "- [ ] T002 Describe the prices in docs/second.md\n"


def said(runs: Runs, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    capsys.readouterr()
    with pytest.raises(SystemExit, match="0"):
        main([words[0], "--repo", str(runs.root), *words[1:]])
    return capsys.readouterr().out


def test_tasks_of_earlier_runs_are_not_forgotten(scripted_runs: MakeRuns, capsys: pytest.CaptureFixture[str]) -> None:
    runs = scripted_runs(TWO)
    assert runs.run(SECOND, tasks=["T002"]) == 0 == runs.run(FIRST, tasks=["T001"])
    assert f"verified on {runs.branch}, not merged here: T001, T002\n" in said(runs, capsys, "status")
    assert land_command(runs.root, "001") == 0
    shown = said(runs, capsys, "status")
    assert "not merged" not in shown and "merge:" not in shown
    assert json.loads(said(runs, capsys, "status", "--json"))["features"][0]["run"]["landed"] is True


def test_a_report_tells_that_the_work_has_landed(scripted_runs: MakeRuns, capsys: pytest.CaptureFixture[str]) -> None:
    runs = scripted_runs(ONE)
    assert runs.run(FIRST) == 0
    assert json.loads(said(runs, capsys, "report", "--json"))["landed"] is False
    assert f"git merge --ff-only {runs.branch}" in said(runs, capsys, "report")
    assert land_command(runs.root, "001") == 0
    assert json.loads(said(runs, capsys, "report", "--json"))["landed"] is True
    assert "git merge" not in said(runs, capsys, "report")
    # From a branch that does not have it, it has landed all the same.
    runs.git("switch", "-q", "-c", "other", "main~1")
    assert json.loads(said(runs, capsys, "report", "--json"))["landed"] is True


@pytest.mark.parametrize("landed", [True, False])
def test_a_report_tells_what_was_taken_back(
    scripted_runs: MakeRuns, capsys: pytest.CaptureFixture[str], landed: bool
) -> None:
    runs = scripted_runs(ONE)
    assert runs.run(FIRST, land=landed) == 0
    assert "Ready for review" in said(runs, capsys, "report")
    undo(tools_git.open_repo(runs.root), runs.cache, "T001")
    shown = said(runs, capsys, "report")
    assert "# 001-prices: every selected task verified, taken back since: T001" in shown
    assert "Not ready to deploy: taken back since: T001." in shown and "Ready for review" not in shown
    assert "↩️ taken back since" in shown
    assert "taken back since: T001" in said(runs, capsys, "status")


def test_a_run_in_the_foreground_works_now(scripted_runs: MakeRuns) -> None:
    runs = scripted_runs(ONE)
    seen: list[str] = []

    def look(messages: list[object]) -> object:
        for command, more in ((status_command, {}), (report_command, {}), (status_command, {"as_json": True})):
            console = Console(file=io.StringIO(), width=80)
            command(runs.root, console, **more)
            seen.append(console.file.getvalue())
        try:
            cancel(runs.root)
        except UserError as error:
            seen.append(str(error))
        return runs.write(*FIRST)

    assert runs.run(look) == 0
    status, report, data, refused = seen
    assert f"working now (process {os.getpid()})" in status and "--resume" not in status
    assert "# 001-prices: works now" in report and f"process {os.getpid()}" in report and "--resume" not in report
    assert f"process {os.getpid()}" in refused and f"kill -INT {os.getpid()}" in refused
    run = json.loads(data)["features"][0]["run"]
    assert (run["working"], run["pid"], run["resume"]) == (True, os.getpid(), None)


def test_a_run_whose_process_is_gone_can_be_gone_on_with(
    scripted_runs: MakeRuns, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = scripted_runs(ONE)
    assert runs.run(FIRST) == 0
    (journal,) = runs.root.glob(".kfpilot/runs/*/journal.jsonl")
    journal.write_text("".join(journal.read_text().splitlines(keepends=True)[:-1]))
    shown = said(runs, capsys, "status")
    assert "not finished: its process has ended" in shown and "--resume" in shown
    # The lock of another command says nothing of it.
    with one_run(runs.root, "undo"):
        assert "its process has ended" in said(runs, capsys, "status")
