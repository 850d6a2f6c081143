"""What a run looks like while it runs."""

from __future__ import annotations

import io
import sys

import pytest
from kfpilot.agent import events as ev
from kfpilot.agent.reports.display import (
    Display,
    JsonDisplay,
    PlainDisplay,
    choose_display,
    make_console,
    print_summary,
)
from kfpilot.agent.reports.live import LiveDisplay, window
from kfpilot.agent.reports.models import TaskReport
from kfpilot.agent.reports.summarise import summarise
from rich.cells import cell_len
from rich.console import Console


def console(width: int = 80, **more) -> Console:
    return Console(file=io.StringIO(), width=width, height=24, **more)


def output(target: Console) -> str:
    return target.file.getvalue()


def plain(events) -> list[str]:
    target = console()
    display = PlainDisplay(target)
    for event in events:
        display(event)
    return output(target).splitlines()


def test_plain_lines_of_a_mixed_run(mixed):
    name = mixed.run_dir.name
    assert plain(mixed.events) == [
        f"00:00 run {name} started: 001-late-orders on branch kfpilot/001-late-orders, model qwen-coder (draft worker)",
        "00:01 plan: 3 tasks in 3 waves (from the documents)",
        "00:02 before: 4 passed, 71.2 % of lines covered",
        "00:03 T001 code   Title of T001",
        "00:16 T001 code   verified: 1 attempt, 1.2k tokens, 0:13, commit t001cccccc",
        "00:17 T002 code   Title of T002",
        "00:29 T002 code   attempt 1/8: kfp gate failed: src/x.py:1: late() takes a str",
        "00:41 T002 code   attempt 2/8: kfp gate failed: src/x.py:2: late() takes a str",
        "00:42 T002 code   FAILED: kfp gate failed: late() takes a str (2 attempts, 2.4k tokens, 0:25); "
        "work kept in patches/T002.patch",
        "00:43 T003 code   skipped: depends on T002, which failed",
        "00:44 final check passed: 9 passed, 1 skipped, 80.5 % of lines covered",
        "00:45 run ended (partly); 1 of 3 tasks verified, 3.6k tokens in 3 model calls",
    ]


def test_plain_shows_warnings_and_final_failures(whole):
    whole.add(ev.Notice(level="warning", code="refine-rejected", message="left out T003"))
    whole.final(False, ["tests/test_old.py::test_kept failed"])
    lines = [line[6:] for line in plain(whole.events)]

    assert "warning: phantom-tick: T000 is ticked, but src/gone.py does not exist" in lines
    assert "warning: refine-rejected: left out T003" in lines
    assert "final check FAILED: 9 passed, 1 skipped, 80.5 % of lines covered" in lines
    assert "final check: tests/test_old.py::test_kept failed" in lines


def test_plain_text_of_models_cannot_steer_the_terminal_or_add_lines(recorder):
    recorder.start()
    recorder.add(ev.TaskFinished(task="T001", outcome="failed", why="[red]bad\x1b[2J\nsecond line"))
    lines = plain(recorder.events)

    assert len(lines) == 2
    assert "[red]bad[2J" in lines[1]
    assert "\x1b" not in lines[1]


def test_json_display_writes_the_journals_own_lines(mixed):
    out = io.StringIO()
    display = JsonDisplay(out)
    for event in mixed.events:
        display(event)

    assert out.getvalue() == mixed.path.read_text()


class Gone(io.StringIO):
    """A reader that went away."""

    def write(self, text: str) -> int:
        raise BrokenPipeError


def test_no_display_raises_when_its_output_is_gone(mixed):
    for display in (JsonDisplay(Gone()), PlainDisplay(Console(file=Gone())), LiveDisplay(Console(file=Gone()))):
        for event in mixed.events:
            display(event)
        assert display.fold.tasks["T001"].state == "verified"


def test_a_display_survives_what_is_not_an_event(mixed):
    display = PlainDisplay(console())
    display(object())
    for event in mixed.events:
        display(event)

    assert display.fold.tasks["T001"].state == "verified"
    assert "T001 code   verified" in output(display.console)


@pytest.mark.parametrize("width", [40, 80, 120])
def test_the_live_table_fits_and_says_where_each_task_is(mixed, width):
    target = console(width, force_terminal=True, no_color=True)
    display = LiveDisplay(target, clock=lambda: mixed.events[10].at + 5)
    for event in mixed.events[:12]:  # T002's first gate has just passed
        display(event)
    target.print(display.render())
    lines = output(target).splitlines()

    assert all(cell_len(bare_line(line)) <= width for line in lines)
    if width >= 80:
        text = "\n".join(map(bare_line, lines))
        assert "001-late-orders" in text
        assert any("✓" in line and "T001" in line and "1/8" in line for line in text.splitlines())
        assert any("T002" in line and "kfp gate" not in line and "asking" in line for line in text.splitlines())
        assert "1/3 done, 1 verified" in text
        assert "1 model call" in text


def bare_line(line: str) -> str:
    """A line without the terminal's own sequences."""
    import re

    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", line)


def test_the_live_table_cuts_long_titles_and_shows_why_a_task_failed(recorder, make):
    recorder.start()
    task = make["planned"]("T001")
    task.title = "Write a component that " + "goes on and on " * 20
    recorder.plan([task])
    recorder.failed("T001")
    target = console(100, force_terminal=True, no_color=True)
    display = LiveDisplay(target)
    for event in recorder.events:
        display(event)
    target.print(display.render())
    row = next(line for line in map(bare_line, output(target).splitlines()) if "T001" in line)

    assert row.startswith("✗ T001")
    assert "…" in row
    assert "kfp gate failed" in row


def test_no_color_means_no_colour(mixed, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    target = console(force_terminal=True)
    display = LiveDisplay(target)
    for event in mixed.events:
        display(event)
    target.print(display.render())

    assert "\x1b[3" not in output(target)  # 30-37 are the colours
    assert "\x1b[9" not in output(target)


def test_live_leaves_the_cursor_on_and_the_last_state_on_the_screen(mixed):
    target = console(force_terminal=True, no_color=True)
    with LiveDisplay(target) as display:
        for event in mixed.events:
            display(event)
        display(ev.Notice(level="error", message="the endpoint went away"))
    text = output(target)

    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")
    assert "3/3 done, 1 verified" in text
    assert "error: the endpoint went away" in text


def test_a_resumed_display_knows_the_earlier_sessions(mixed):
    display = PlainDisplay(console())
    display.catch_up(mixed.events)
    display(ev.RunStarted(run="r", feature="f", branch="b", base="c", model="m", worker="tool", resumed=True))

    assert display.fold.tasks["T001"].state == "verified"
    assert output(display.console).count("\n") == 1


def test_the_window_follows_the_task_under_way():
    tasks = [TaskReport(id=f"T{n:03}", state="verified" if n < 50 else "pending") for n in range(100)]
    shown, above, below = window(tasks, 12)

    assert len(shown) + above + below == 100
    assert len(shown) == 10
    assert "T050" in [task.id for task in shown]
    assert window(tasks[:5], 12) == (tasks[:5], 0, 0)
    assert [task.id for task in window(tasks[:50], 12)[0]][-1] == "T049"


def test_choose_display_by_what_is_asked_and_what_the_terminal_is(monkeypatch):
    monkeypatch.delenv("TERM", raising=False)
    terminal, pipe = console(force_terminal=True), console(force_terminal=False)

    assert type(choose_display(terminal)) is LiveDisplay
    assert type(choose_display(pipe)) is PlainDisplay
    assert type(choose_display(terminal, plain=True)) is PlainDisplay
    assert type(choose_display(terminal, json=True, quiet=True)) is JsonDisplay
    assert type(choose_display(terminal, quiet=True)) is Display


def test_the_summary_names_what_failed_and_how_to_merge(mixed):
    target = console()
    print_summary(summarise(mixed.path), target, report_file=mixed.run_dir / "report.md")
    text = output(target)

    assert "1 of 3 tasks verified" in text
    assert "T002 failed: kfp gate failed: late() takes a str" in text
    assert f"work kept in .kfpilot/runs/{mixed.run_dir.name}/patches/T002.patch" in text
    assert "git merge --ff-only kfpilot/001-late-orders" in text
    assert "Not ready to deploy" in text
    assert f"{mixed.run_dir.name}/report.md" in text


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("option", "variable", "styled"), [(True, "", False), (False, "1", False), (False, "", True)])
def test_without_colours_no_style_at_all_is_sent(option, variable, styled, monkeypatch):
    target = Terminal()
    monkeypatch.setattr("sys.stdout", target)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", variable)
    made = make_console(no_color=option)
    made.print("[bold]one[/] [dim]two[/] [underline]three[/] [link=https://example.com]four[/] [red]five[/]")
    assert made.is_terminal
    assert ("\x1b" in target.getvalue()) is styled
    from kfpilot.agent.cli.doctor import Check, Diagnosis, show

    monkeypatch.setattr("sys.stdout", Terminal())
    if not option:
        show(Diagnosis(checks=[Check(name="git", state="fail", detail="none")]))
        assert ("\x1b" in sys.stdout.getvalue()) is styled
