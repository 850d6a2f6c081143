"""`kfpilot converge`: what a run left becomes tasks that the next run can work."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from kfpilot.agent import events as ev
from kfpilot.agent.acceptance.models import Row
from kfpilot.agent.acceptance.review import Lowered, Review, ReviewFinding
from kfpilot.agent.cli.converge import append_to, converge_command
from kfpilot.agent.documents import load_feature
from kfpilot.agent.planner.classify import classify, written_files
from kfpilot.agent.reports.converge import converge, say_converge
from kfpilot.agent.reports.models import Report, TaskReport

TASKS = """\
# Tasks: Late orders

## Phase 1: Setup

- [x] T001 Write the component in `src/late.py`
- [x] T002 [P] Describe it in `docs/late.md`

## Notes

Nothing more.
"""
KIRO = (
    "# Implementation Plan\n\n- [x] 1. Write the component in `src/late.py`\n- [x] 2. Test it\n  - [x] 2.1 Add `t.py`\n"
)
OPENSPEC = "## 1. Setup\n\n- [x] 1.1 Write the component in `src/late.py`\n\n## 2. Tests\n\n- [x] 2.1 Test it\n"
REVIEW = Review(
    findings=[
        ReviewFinding(severity="high", file="src/late.py", line=12, what="Rows with no\ndate pass.", mend="Drop them."),
        ReviewFinding(severity="low", file="docs/late.md", line=3, what="[x] T001 The default is 5", mend=""),
        ReviewFinding(severity="high", file="specs/001-late-orders/spec.md", line=1, what="Too strict", mend="Loosen"),
    ],
    lowered=[
        Lowered(id="FR-004", before="met", verdict="open", reason="Not [x] shown", file="specs/spec.md", line=9),
        Lowered(id="FR-001", before="met", verdict="partly", reason="Only days", file="src/late.py", line=4),
    ],
)
KINDS = {"FR": "requirement", "SC": "criterion"}
ROWS = [
    Row(id=name, kind=KINDS[name[:2]], text=text, where=f"spec.md:{line}", reason="r", **more)
    for line, (name, text, more) in enumerate(
        [
            ("FR-001", "Late orders", {"verdict": "partly", "lowered_from": "met"}),
            ("FR-002", "Tell the **owner**.", {"verdict": "open", "gap": True}),
            ("FR-003", "Its task failed", {"verdict": "open"}),
            ("FR-004", "Shown", {"verdict": "open", "lowered_from": "met"}),
            ("SC-001", "All are told", {"verdict": "open", "gap": True}),
        ],
        1,
    )
]


@pytest.fixture
def report() -> Report:
    tasks = [TaskReport(id="T001", files=["src/late.py", "docs/late.md"]), TaskReport(id="T002", files=["gone.py"])]
    run = "20300102-030405-late-orders"
    return Report(run=run, feature="001-late-orders", tasks=tasks, acceptance=ROWS, review=REVIEW)


def repository(tmp_path: Path, tasks: str = TASKS, folder: str = "specs/001-late-orders") -> Path:
    place = tmp_path / folder
    place.mkdir(parents=True)
    names = {"specs": ["spec.md", "plan.md"], ".kiro": ["requirements.md", "design.md"], "openspec": ["proposal.md"]}
    for name in names[folder.partition("/")[0]]:
        (place / name).write_text("# Late orders\n")
    (place / "tasks.md").write_text(tasks)
    (tmp_path / "src").mkdir()
    (tmp_path / "src/late.py").write_text("def late(): ...\n")
    return place


def test_the_gravest_comes_first_and_what_nothing_shows_last(tmp_path: Path, report: Report) -> None:
    feature = load_feature(repository(tmp_path), tmp_path)

    assert converge(report, feature).markdown.splitlines() == [
        "## Phase 2: Convergence",
        "",
        "- [ ] T003 Mend `src/late.py` (line 12), with a test that shows it: Rows with no date pass. Drop them "
        "per review (high)",
        "- [ ] T004 Mend `docs/late.md` (line 3): T001 The default is 5 per review (low)",
        "- [ ] T005 Meet FR-001 in `src/late.py`, with a test that shows it: Only days (line 4) per FR-001 (partial)",
        "- [ ] T006 Implement what FR-002 asks for where it is missing, after reading `src/late.py`, with a test that "
        "names it: Tell the **owner** per FR-002 (missing)",
        "- [ ] T007 Test that FR-004 holds for `src/late.py`, in a test that names it: Not shown "
        "(specs/spec.md, line 9) per FR-004 (missing)",
        "- [ ] T008 Test that SC-001 holds for `src/late.py`, in a test that names it: All are told "
        "per SC-001 (missing)",
    ]


@pytest.mark.parametrize(
    ("folder", "tasks", "first", "last"),
    [
        ("specs/001-late-orders", TASKS, "T003", "T008"),
        ("specs/001-late-orders", TASKS.replace("T00", "LATE-30"), "LATE-303", "LATE-308"),
        (".kiro/specs/001-late-orders", KIRO, "3", "8"),
        ("openspec/changes/001-late-orders", OPENSPEC, "3.1", "3.6"),
    ],
)
def test_what_is_appended_is_read_as_tasks_of_the_right_roles(
    tmp_path: Path, report: Report, folder: str, tasks: str, first: str, last: str
) -> None:
    place = repository(tmp_path, tasks, folder)
    before = load_feature(place, tmp_path)
    append_to(place / "tasks.md", converge(report, before).markdown)

    after = load_feature(place, tmp_path)
    new = after.tasks.tasks[len(before.tasks.tasks) :]
    assert [new[0].id, new[-1].id] == [first, last]
    assert {task.state for task in new} == {"open"}
    both = ["code", "tests"]
    assert [classify(task, after) for task in new] == [both, ["docs"], both, both, ["tests"], ["tests"]]
    assert [written_files(task) for task in new] == [["src/late.py"], ["docs/late.md"], ["src/late.py"], [], [], []]
    assert [task.files[0] for task in new][3:] == ["src/late.py"] * 3
    assert [task.refs for task in new][2:] == [["FR-001"], ["FR-002"], ["FR-004"], ["SC-001"]]
    assert [warn.code for warn in after.tasks.warnings] == [warn.code for warn in before.tasks.warnings]
    # Once more proposes nothing twice.
    again = converge(report, after)
    assert (again.tasks, again.known, again.markdown) == ([], 6, "")


def test_nobody_has_to_read_a_hundred_at_once(tmp_path: Path, report: Report) -> None:
    many = [REVIEW.findings[0].model_copy(update={"line": line}) for line in range(40)]
    found = converge(
        report.model_copy(update={"acceptance": [], "review": Review(findings=many)}),
        load_feature(repository(tmp_path), tmp_path),
    )
    assert (len(found.tasks), found.tasks[-1].id) == (30, "T032")
    assert say_converge(found) == "30 tasks proposed, 10 more when these are worked"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"- [x] T001 a\n", b"- [x] T001 a\n\n## B\n"),
        (b"- [x] T001 a", b"- [x] T001 a\n\n## B\n"),
        (b"- [x] T001 a\n\n", b"- [x] T001 a\n\n## B\n"),
        (b"- [x] T001 a\r\n", b"- [x] T001 a\r\n\r\n## B\r\n"),
        (b"", b"## B\n"),
    ],
)
def test_the_rest_of_the_file_stays_byte_for_byte(tmp_path: Path, old: bytes, new: bytes) -> None:
    path = tmp_path / "tasks.md"
    path.write_bytes(old)
    append_to(path, "## B\n")
    assert path.read_bytes() == new


def test_the_command_writes_only_when_it_is_told_to(tmp_path: Path, report: Report, capsys, recorder) -> None:
    place = repository(tmp_path)
    for words in (["init", "-q"], ["add", "specs"], ["commit", "-q", "-m", "Start"]):
        subprocess.run(["git", "-C", str(tmp_path), *words], check=True)
    recorder.start()
    met = ROWS[0].model_copy(update={"lowered_from": None, "verdict": "met"})
    recorder.add(ev.AcceptanceReady(rows=[row.model_dump(mode="json") for row in [met, *ROWS[1:]]]))
    recorder.add(ev.ReviewFinished(review=REVIEW.model_dump(mode="json")))

    assert converge_command(tmp_path, None) == 0
    out, err = capsys.readouterr()
    assert out.startswith("## Phase 2: Convergence\n") and "T006" in out and "T008" in out
    assert "6 tasks proposed for specs/001-late-orders/tasks.md" in err and "--append" in err
    assert (place / "tasks.md").read_text() == TASKS

    assert converge_command(tmp_path, "001", append=True, json=True) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["appended"] is True and told["path"] == "specs/001-late-orders/tasks.md"
    assert [task["id"] for task in told["tasks"]] == ["T003", "T004", "T005", "T006", "T007", "T008"]
    assert (place / "tasks.md").read_text() == TASKS + "\n" + told["markdown"]

    assert converge_command(tmp_path, "001", append=True) == 0
    out, err = capsys.readouterr()
    assert out == "" and "0 tasks proposed, 6 in tasks.md already" in err
