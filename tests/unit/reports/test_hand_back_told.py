"""Tests that find fault with code, as each reader of the events tells it."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from kfpilot.agent import events as ev
from kfpilot.agent.acp.translate import Translator
from kfpilot.agent.reports.display import PlainDisplay, print_summary
from kfpilot.agent.reports.markdown import render
from kfpilot.agent.reports.summarise import summarise
from rich.console import Console

FAULT = {"file": "shop/a.py", "function": "a|b", "does": "gives <6>", "should": "give 4", "by": "FR-001"}


def handed(recorder: Any, *, refused: str = "", mended: bool = True, ended: bool = True) -> None:
    recorder.start()
    recorder.add(ev.TaskStarted(task="T001", role="tests", title="Test a"))
    recorder.attempt("T001", 1, [], of=3)
    recorder.add(ev.HandedBack(task="T001", attempt=1, fault=FAULT, refused=refused))
    recorder.attempt("T001", 2, [], of=3)
    if not ended:
        return
    good: dict[str, Any] = {"outcome": "verified", "commit": "c" * 40, "mended": ["shop/a.py"]}
    recorder.add(ev.TaskFinished(task="T001", attempts=2, **(good if mended else {"outcome": "failed", "why": "no"})))


@pytest.mark.parametrize(
    ("how", "end"),
    [
        ({}, "mended by the code role, in the commit of the tests: shop/a.py"),
        ({"mended": False}, "handed to the code role, not mended"),
        ({"mended": False, "refused": "shop/a.py is a test"}, "not handed to the code role: shop/a.py is a test"),
        ({"ended": False}, "handed to the code role"),
    ],
)
def test_the_report_says_what_was_claimed_and_what_came_of_it(recorder: Any, how: dict[str, Any], end: str) -> None:
    handed(recorder, **how)
    report = summarise(recorder.path)
    (row,) = [line for line in render(report).splitlines() if line.startswith("| T001 | `shop/a.py`")]
    assert row == f"| T001 | `shop/a.py` a\\|b | gives &lt;6> | give 4 | FR-001 | {end} |"
    (issue,) = [issue for issue in report.issues if "find fault" in issue.text]
    assert issue.kind == "warning" and issue.task == "T001" and issue.text.endswith(end)
    told = json.loads(report.model_dump_json())["tasks"][0]
    assert (told["fault"]["by"], told["mended"]) == ("FR-001", ["shop/a.py"] if how == {} else [])
    out = io.StringIO()
    print_summary(report, Console(file=out, width=200))
    assert f"T001 its tests find fault with shop/a.py; {end}" in out.getvalue()


def test_a_second_claim_does_not_hide_the_one_that_was_followed_up(recorder: Any) -> None:
    handed(recorder, ended=False)
    recorder.add(ev.HandedBack(task="T001", attempt=4, fault=FAULT | {"file": "shop/b.py"}, refused="before"))
    (task,) = summarise(recorder.path).accused
    assert task.fault is not None and (task.fault.file, task.fault_refused) == ("shop/a.py", "")


def test_a_task_that_is_begun_anew_starts_without_a_claim(recorder: Any) -> None:
    handed(recorder)
    recorder.add(ev.TaskStarted(task="T001", role="tests", title="Test a"))
    report = summarise(recorder.path)
    assert report.accused == [] and "found fault" not in render(report)


def test_terminal_and_editor_tell_it_as_it_happens(recorder: Any, tmp_path: Path) -> None:
    handed(recorder)
    plain, editor = PlainDisplay(Console(file=io.StringIO())), Translator(tmp_path, tmp_path)
    lines, updates = [], []
    for event in recorder.events:
        plain.fold.apply(event)
        lines += plain.lines(event)
        if not isinstance(event, ev.TaskFinished):
            # Its end shows the commit, which needs a repository.
            updates += editor.updates(event)
    said = "T001 tests  handed to the code role: shop/a.py (a|b): gives <6>; FR-001 demands: give 4"
    assert said in lines
    assert any(line.endswith("with code mended for its tests: shop/a.py") for line in lines)
    assert any(said in str(update) for update in updates)
