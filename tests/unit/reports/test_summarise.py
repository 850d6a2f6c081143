"""What the report says about a run, from its journal alone."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from kfpilot.agent import events as ev
from kfpilot.agent.errors import UserError
from kfpilot.agent.planner.models import Skipped
from kfpilot.agent.reports.summarise import build_report, summarise
from kfpilot.agent.verifier.models import TestFirst


def test_a_whole_run_is_ready_and_says_what_was_not_seen(whole):
    report = summarise(whole.path)

    assert [(task.id, task.state, task.attempts, task.of) for task in report.tasks] == [
        ("T001", "verified", 1, 8),
        ("T002", "verified", 1, 8),
        ("T003", "verified", 1, 8),
    ]
    assert report.tasks[0].commit == "t001" + "c" * 36
    assert report.tasks[0].files == ["src/t001.py"]
    assert (report.state, report.exit_code, report.head, report.words) == ("verified", 0, "d" * 40, "only US1")
    assert report.readiness.ready
    assert report.readiness.not_verified == ["the image python:3.11 was not pulled"]
    assert "the image python:3.11 was not pulled" in report.readiness.text
    assert "No cluster was used" in report.readiness.text
    assert "The plan carries 1 warning about the documents" in report.readiness.text
    assert "1 task of tasks.md was not part of this run" in report.readiness.text
    assert [(left.id, left.why) for left in report.left_out] == [("T009", "deferred")]


def test_a_group_is_not_left_out_of_a_run_that_works_its_sub_tasks(recorder, make):
    recorder.start()
    left = [Skipped(id="1", why="a group, ticked with the last of 1.1"), Skipped(id="1.2", why="optional")]
    recorder.plan([make["planned"]("1.1")], skipped=left)
    assert [(item.id, item.why) for item in summarise(recorder.path).left_out] == [("1.2", "optional")]


def test_usage_is_summed_per_task_and_in_all(whole):
    whole.add(ev.ModelCalled(purpose="plan", prompt_tokens=50, completion_tokens=5, seconds=1))
    report = summarise(whole.path)

    one = report.tasks[0].usage
    assert (one.calls, one.prompt_tokens, one.cached_tokens, one.completion_tokens) == (1, 1000, 600, 200)
    assert (report.usage.calls, report.usage.prompt_tokens, report.usage.completion_tokens) == (4, 3050, 605)


def test_tests_and_coverage_before_and_after(whole):
    tests = summarise(whole.path).tests

    assert (tests.before, tests.after) == ({"passed": 4}, {"passed": 9, "skipped": 1})
    assert (tests.coverage_before, tests.coverage_after, tests.final_check) == (71.25, 80.5, True)


def test_the_table_stands_as_the_reviewer_left_it(whole, rows, reviewed):
    whole.add(ev.AcceptanceReady(rows=rows))
    whole.add(ev.ReviewFinished(review=reviewed))
    report = summarise(whole.path)

    assert {row.id: (row.verdict, row.lowered_from) for row in report.acceptance} == {
        "FR-001": ("partly", "met"),
        "FR-002": ("open", None),
        "SC-001": ("not verifiable here", None),
    }
    assert "src/t001.py:3" in report.acceptance[0].reason
    assert [issue.text for issue in report.issues if issue.text.startswith("Review")] == [
        "Review, high: src/t001.py:3: A row without an amount ends the step"
    ]
    assert "Acceptance: 1 partly, 1 open, 1 not verifiable here (1 named by no task)." in report.readiness.text


def test_a_review_in_the_journal_raises_nothing(whole, rows, reviewed):
    """Whoever wrote the journal: the reader of it lets no verdict rise."""
    reviewed["lowered"] = [
        {"id": "FR-002", "before": "open", "verdict": "met", "reason": "x", "file": "a.py", "line": 1},
        {"id": "SC-001", "before": "not verifiable here", "verdict": "met", "reason": "x", "file": "a.py", "line": 1},
    ]
    whole.add(ev.AcceptanceReady(rows=rows))
    whole.add(ev.ReviewFinished(review=reviewed))

    assert [row.verdict for row in summarise(whole.path).acceptance] == ["met", "open", "not verifiable here"]


def test_an_open_row_whose_tasks_are_done_is_an_issue(whole, rows):
    rows[1] |= {"gap": False, "tasks": ["T001"], "reason": "test_x failed"}
    whole.add(ev.AcceptanceReady(rows=rows))

    assert "Acceptance: FR-002 is open: test_x failed" in [issue.text for issue in summarise(whole.path).issues]


def test_a_failed_task_shows_the_gates_of_its_last_attempt_and_keeps_its_patch(mixed):
    task = summarise(mixed.path).tasks[1]

    assert (task.state, task.attempts, task.commit, task.patch) == ("failed", 2, None, "patches/T002.patch")
    assert [(gate.gate, gate.passed) for gate in task.gates] == [("files", True), ("kfp", False)]
    assert task.gates[1].failures == ["src/x.py:2: late() takes a str"]
    assert task.why == "kfp gate failed: late() takes a str"


def test_issues_name_failures_skips_warnings_and_limits(mixed):
    mixed.add(ev.Notice(level="warning", code="refine-rejected", message="the planner's answer left out T003"))
    mixed.add(ev.Notice(level="info", message="nothing of note"))
    issues = [(issue.kind, issue.task) for issue in summarise(mixed.path).issues]
    texts = "\n".join(issue.text for issue in summarise(mixed.path).issues)

    assert issues == [("failed", "T002"), ("skipped", "T003"), ("warning", None)]
    assert "refine-rejected: the planner's answer left out T003" in texts
    assert "T003 was skipped: depends on T002, which failed" in texts
    assert "nothing of note" not in texts


def test_plan_warnings_and_gate_limits_are_issues(whole):
    texts = [issue.text for issue in summarise(whole.path).issues]

    assert texts == [
        "the image python:3.11 was not pulled (T001)",
        "phantom-tick: T000 is ticked, but src/gone.py does not exist (line 12)",
    ]


def test_what_was_not_seen_of_tests_before_their_code_is_seen_with_it(recorder, make):
    recorder.start()
    recorder.plan([make["planned"]("T001", "tests"), make["planned"]("T002")])
    unseen = [
        f"tests/test_{name}.py: whether its tests can fail on wrong code, before that code is there" for name in "ab"
    ]
    recorder.verified("T001", "tests", gates=[make["gate"]("mutation", not_verified=unseen)])
    green = [TestFirst(file="tests/test_a.py", red="a" * 40)]
    recorder.verified("T002", gates=[make["gate"]("tests", test_first=green)])
    assert summarise(recorder.path).readiness.not_verified == [unseen[1]]


def test_doubts_of_gates_that_passed_are_issues_and_a_great_many_are_counted(recorder, make):
    recorder.start()
    recorder.plan([make["planned"]("T001"), make["planned"]("T002")])
    doubts = [f"line {number} looks odd" for number in range(14)]
    recorder.verified("T001", gates=[make["gate"]("security", warnings=doubts)])
    recorder.failed("T002")
    issues = [issue for issue in summarise(recorder.path).issues if issue.kind == "warning"]
    assert len(issues) == 13
    assert (issues[0].task, issues[0].text) == ("T001", "T001, gate security: line 0 looks odd")
    assert issues[-1].text == "2 more warnings of gates: in report.json, under the gates of the tasks"


@pytest.mark.parametrize("outcome", ["verified", "partly", "budget", "interrupted", "error"])
@pytest.mark.parametrize("final", [True, False, None])
@pytest.mark.parametrize("state", ["verified", "failed", "skipped", "unfinished", "pending"])
def test_ready_only_if_all_is_verified_and_the_final_check_passed(recorder, make, outcome, final, state):
    recorder.start()
    recorder.plan([make["planned"]("T001"), make["planned"]("T002")])
    recorder.verified("T001")
    match state:
        case "verified":
            recorder.verified("T002")
        case "failed":
            recorder.failed("T002")
        case "skipped":
            recorder.add(ev.TaskFinished(task="T002", outcome="skipped", why="depends on T001"))
        case "unfinished":
            recorder.add(ev.TaskStarted(task="T002", role="code", title=""))
    if final is not None:
        recorder.final(final, [] if final else ["tests/test_a.py::test_b failed"])
    recorder.finish(outcome)
    told = summarise(recorder.path).readiness

    assert told.ready == (outcome == "verified" and final is True and state == "verified")
    assert told.ready == told.text.startswith("Ready for review")
    assert told.ready == (told.reasons == [])
    if state in ("failed", "skipped"):
        assert f"{state}: T002" in told.text


def test_a_run_without_a_task_is_not_ready(recorder):
    recorder.start()
    recorder.plan([])
    recorder.final()
    recorder.finish()

    assert summarise(recorder.path).readiness.reasons == ["no task was worked"]


def test_a_final_check_that_failed_is_told_with_its_failures(recorder, make):
    recorder.start()
    recorder.plan([make["planned"]("T001")])
    recorder.verified("T001")
    recorder.final(False, ["tests/test_old.py::test_kept failed"])
    recorder.finish("partly", 1)
    report = summarise(recorder.path)

    assert ("regression", "Final check: tests/test_old.py::test_kept failed") in [
        (i.kind, i.text) for i in report.issues
    ]
    assert "the final check of the whole branch failed with 1 failure" in report.readiness.text


def test_every_prefix_of_a_journal_gives_a_report(mixed):
    for length in range(len(mixed.events) + 1):
        report = build_report(itertools.islice(mixed.events, length), run="r")
        finished = length == len(mixed.events)
        assert (report.state == "unfinished") != finished
        assert not report.readiness.ready


def test_a_killed_run_names_what_was_begun_and_what_not_reached(recorder, make):
    recorder.start()
    recorder.plan([make["planned"]("T001"), make["planned"]("T002"), make["planned"]("T003")])
    recorder.verified("T001")
    recorder.add(ev.TaskStarted(task="T002", role="code", title="Title of T002"))
    recorder.attempt("T002", 1, [make["gate"]("kfp", "no component found")])
    with recorder.path.open("a", encoding="utf-8") as out:
        out.write('{"type":"attempt-star')  # the kill
    report = summarise(recorder.path)

    assert [task.state for task in report.tasks] == ["verified", "unfinished", "pending"]
    assert report.tasks[1].why == "no component found"
    assert report.tasks[1].seconds == pytest.approx(11)
    assert report.state == "unfinished"
    assert "the run has not finished" in report.readiness.text


def test_a_resumed_run_counts_all_sessions_and_not_the_pause(recorder, make):
    recorder.start()
    recorder.plan([make["planned"]("T001"), make["planned"]("T002")])
    recorder.baseline()
    recorder.verified("T001")
    recorder.add(ev.TaskStarted(task="T002", role="code", title=""))
    recorder.attempt("T002", 1, [make["gate"]("kfp", "no component found")])
    first = summarise(recorder.path).seconds
    recorder.now += 10_000  # killed; the user comes back later
    recorder.start(resumed=True)
    recorder.plan(
        [make["planned"]("T002")], skipped=[{"id": "T001", "why": "ticked"}, {"id": "T009", "why": "deferred"}]
    )
    recorder.add(ev.BaselineReady(counts={"passed": 7}, coverage=75))
    recorder.verified("T002")
    recorder.final()
    recorder.finish()
    report = summarise(recorder.path)

    assert report.sessions == 2
    assert [(task.id, task.state, task.attempts) for task in report.tasks] == [
        ("T001", "verified", 1),
        ("T002", "verified", 2),
    ]
    assert report.tasks[1].usage.calls == 2
    assert report.tests.before == {"passed": 4}
    assert first < report.seconds < 100
    assert report.tasks[1].seconds < 100
    assert [left.id for left in report.left_out] == ["T009"]
    assert report.readiness.ready


def test_a_run_that_goes_on_within_a_task_counts_the_attempt_once(recorder, make):
    recorder.start()
    recorder.plan([make["planned"]("T001")])
    recorder.add(ev.TaskStarted(task="T001", role="code", title=""))
    recorder.attempt("T001", 1, [make["gate"]("kfp", "no component found")])
    recorder.add(ev.AttemptStarted(task="T001", attempt=2, of=8))
    recorder.now += 10_000  # killed
    recorder.start(resumed=True)
    recorder.attempt("T001", 2, [make["gate"]("kfp")])
    recorder.add(ev.TaskFinished(task="T001", outcome="verified", attempts=2, commit="c" * 40, seconds=10_030))
    task = summarise(recorder.path).tasks[0]

    assert (task.attempts, task.state) == (2, "verified")
    assert task.seconds < 100


def test_a_run_that_broke_off_before_it_began_is_told_from_its_end(recorder):
    recorder.finish("error", 4, message="no usable model", head=None)
    report = summarise(recorder.path)

    assert (report.feature, report.state, report.exit_code) == ("001-late-orders", "error", 4)
    assert "the run broke off (no usable model)" in report.readiness.text


def test_what_an_earlier_session_found_at_its_end_does_not_hold_after_a_resume(whole):
    whole.start(resumed=True)
    report = summarise(whole.path)

    assert (report.state, report.tests.final_check, report.readiness.ready) == ("unfinished", None, False)


def test_a_task_that_failed_and_was_verified_later_is_verified(mixed):
    mixed.start(resumed=True)
    mixed.verified("T002")
    mixed.verified("T003")
    mixed.final()
    mixed.finish()
    report = summarise(mixed.path)

    assert [task.state for task in report.tasks] == ["verified"] * 3
    assert (report.tasks[1].patch, report.tasks[1].why, report.tasks[1].attempts) == (None, "", 3)
    assert [gate.passed for gate in report.tasks[1].gates] == [True, True]
    assert report.readiness.ready


def test_a_damaged_line_is_named(whole):
    lines = whole.path.read_text().splitlines(keepends=True)
    whole.path.write_text("".join([*lines[:3], "{}\n", *lines[3:]]))

    with pytest.raises(UserError, match=r"journal\.jsonl:4: not an event"):
        summarise(whole.path)


def test_a_missing_journal_is_a_users_error(tmp_path: Path):
    with pytest.raises(UserError, match="no journal"):
        summarise(tmp_path / "journal.jsonl")


def test_a_journal_goes_on_after_a_torn_line(tmp_path: Path):
    path = tmp_path / "journal.jsonl"
    ev.Journal(path).emit(ev.Notice(message="first"))
    with path.open("a", encoding="utf-8") as out:
        out.write('{"type":"noti')
    ev.Journal(path).emit(ev.Notice(message="second"))

    assert [(event.seq, event.message) for event in ev.read_journal(path)] == [(1, "first"), (2, "second")]
