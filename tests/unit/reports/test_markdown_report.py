"""report.md and report.json on disk."""

from __future__ import annotations

import itertools
import json

import pytest
from kfpilot.agent import events as ev
from kfpilot.agent.reports.markdown import render
from kfpilot.agent.reports.models import Report
from kfpilot.agent.reports.summarise import summarise
from kfpilot.agent.reports.write import write_reports
from kfpilot.agent.verifier.models import GateResult
from markdown_it import MarkdownIt


def headings(text: str) -> list[str]:
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    return [after.content for token, after in itertools.pairwise(tokens) if token.type == "heading_open"]


def cells(text: str) -> list[list[str]]:
    """The cells of all table rows."""
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    found: list[list[str]] = []
    for token, after in itertools.pairwise(tokens):
        if token.type == "tr_open":
            found.append([])
        elif token.type == "td_open":
            found[-1].append(after.content)
    return [row for row in found if row]


def test_all_files_are_written_and_agree(mixed):
    markdown, data, page, cases = write_reports(mixed.run_dir)

    assert sorted(path.name for path in mixed.run_dir.iterdir()) == [
        "journal.jsonl",
        "report.html",
        "report.json",
        "report.md",
        "report.xml",
    ]
    assert "1 of 3 tasks verified" in page.read_text()
    assert 'tests="3"' in cases.read_text()
    assert Report.model_validate(json.loads(data.read_text())) == summarise(mixed.path)
    assert "1 of 3 tasks verified" in markdown.read_text()


def test_writing_twice_replaces_the_files(mixed):
    write_reports(mixed.run_dir)
    mixed.start(resumed=True)
    markdown, data, *_ = write_reports(mixed.run_dir)

    assert json.loads(data.read_text())["sessions"] == 2
    assert "kfpilot run 001-late-orders --resume" in markdown.read_text()


def test_the_report_of_a_mixed_run(mixed):
    text = render(summarise(mixed.path))
    table = cells(text)

    assert headings(text) == [
        "001-late-orders: finished, some tasks not verified",
        "Deployment readiness",
        "Tasks",
        "Not verified",
        "What the gates saw",
        "What it cost",
        "Tests",
        "Acceptance",
        "Known issues and limits",
    ]
    assert ["**T002** Title of T002", "code", "❌ failed", "2 (of 8)", "`src/x.py`", "–"] in table
    assert ["T002", "2", "2.0k", "1.2k", "400", "0:25"] in table
    assert ["**All**", "3", "3.0k", "1.8k", "600", "0:45"] in table
    assert ["T002", "kfp", "**failed**", "–", "0.5 s", "kfp: one wrong<br>src/x.py:2: late() takes a str"] in table
    assert ["Line coverage", "71.2 %", "80.5 %"] in table
    assert "git merge --ff-only kfpilot/001-late-orders" in text
    assert f"git apply --3way .kfpilot/runs/{mixed.run_dir.name}/patches/T002.patch" in text
    assert "Ready" not in text


def test_the_acceptance_table_and_the_review(whole, rows, reviewed):
    whole.add(ev.AcceptanceReady(rows=rows))
    whole.add(ev.ReviewFinished(review=reviewed))
    text = render(summarise(whole.path))
    table = cells(text)

    assert [
        "**FR-001** Rows MUST be kept<br>`spec.md:7`", "partly<br>(was met)",
        "the reviewer: an empty row is not tried (src/t001.py:3); before: shown",
        "`tests/test_t.py::test_it`", "T001, T002", "`t001cccccc`",
    ] in table  # fmt: skip
    assert [
        "**FR-002** a | b<br>`spec.md:8`", "**open**", "no task names or covers it", "–", "–", "–"
    ] in table  # fmt: skip
    assert ["high", "`src/t001.py:3`", "A row without an amount ends the step", "Skip it"] in table
    assert "1 partly, 1 open, 1 not verifiable here (1 named by no task)." in text
    assert "**Gaps**" in text and "- FR-002 (`spec.md:8`)" in text
    assert "Review: 1 finding, 1 verdict lowered, 1 attempt to raise a verdict ignored." in text


def test_a_run_without_review_says_why(whole, rows):
    whole.add(ev.AcceptanceReady(rows=rows))
    whole.add(ev.ReviewFinished(review={"done": False, "why": "the endpoint\nis gone"}))

    assert "No review: the endpoint is gone." in render(summarise(whole.path))


def test_the_report_of_a_whole_run_needs_no_section_on_failures(whole):
    text = render(summarise(whole.path))

    assert "Not verified\n" not in text
    assert "Ready for review and a trial deployment: all 3 tasks verified" in text
    assert "- T009: deferred" in text
    assert "--resume" not in text


def test_a_landed_run_says_so_and_gives_no_merge_command(recorder, make):
    recorder.start()
    recorder.plan([make["planned"]("T001")])
    recorder.verified("T001")
    recorder.final()
    recorder.finish(landed=True)
    text = render(summarise(recorder.path))

    assert "fast-forwarded" in text
    assert "git merge" not in text


def test_text_from_documents_and_models_stays_in_its_cell(recorder, make):
    recorder.start()
    task = make["planned"]("T001")
    task.title = "Join `a | b`\n<script>alert(1)</script>"
    recorder.plan([task])
    recorder.add(ev.TaskFinished(task="T001", outcome="failed", attempts=1, why="left | right\n## Not a heading"))
    text = render(summarise(recorder.path))

    assert "<script>" not in text
    assert "Not a heading" not in headings(text)
    row = next(row for row in cells(text) if row[0].startswith("**T001"))
    assert row[0].startswith("**T001** Join `a | b`")
    assert row[1:3] == ["code", "❌ failed"]


@pytest.mark.parametrize("length", [0, 1, 2, 4, 9])
def test_an_unfinished_run_renders(mixed, length):
    lines = mixed.path.read_text().splitlines(keepends=True)
    mixed.path.write_text("".join(lines[:length]))
    text = render(summarise(mixed.path))

    assert "the run has not finished" in text
    assert "None" not in text.replace("None was seen", "")


def test_the_first_notes_of_a_gate_are_shown_and_the_rest_counted(recorder):
    ended = {"gate": "mutation", "passed": True, "summary": "5 of 12", "notes": [f"note {n}" for n in range(7)]}
    recorder.start()
    recorder.verified("T001", gates=[GateResult.model_validate(ended)])
    recorder.finish()
    (row,) = (row for row in cells(render(summarise(recorder.path))) if "mutation" in row)
    assert row[-1] == "5 of 12<br>note 0<br>note 1<br>note 2<br>note 3<br>note 4<br>and 2 more"
