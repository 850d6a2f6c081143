"""A run that cannot be: it is said before anything is made, of the user's files, and of no other run."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from kfpilot.agent.cli.report import report_command, status_command
from kfpilot.agent.cli.run import run_command
from kfpilot.agent.errors import Interrupted, KfpilotError, UserError
from kfpilot.agent.mcp.runs import report_of
from kfpilot.agent.reports.display import make_console
from kfpilot.agent.workflow import background
from kfpilot.agent.workflow.background_runs import Background
from kfpilot.agent.workflow.place import Request, open_place
from kfpilot.agent.workflow.selecting import plan_of
from kfpilot.tools import git

from .conftest import ONE, PAGES, TASKS_FILE, MakeWorld, World, write

pytestmark = pytest.mark.integration


def command(here: World, *words: str, **more: object) -> int:
    overrides: dict[str, object] = {"cache_dir": here.cache, "python": Path(sys.executable), "refine": "never"}
    overrides |= more.pop("overrides", {})  # type: ignore[arg-type]
    return run_command(
        here.root, "001", list(words), tasks=[], stories=[], overrides=overrides, plain=True, **more  # type: ignore[arg-type]
    )  # fmt: skip


@pytest.mark.parametrize("words", ["only T077", "only US9"])
def test_what_is_not_in_the_documents_is_said_of_the_users_file(world: MakeWorld, words: str) -> None:
    here = world(PAGES)
    with pytest.raises(UserError, match="there is no") as refused:
        here.run(words=words)
    assert str(refused.value).startswith(f"{here.root / TASKS_FILE}: ")
    assert not here.cache.exists() and not (here.root / ".kfpilot/runs").exists()


def test_documents_of_the_worktree_are_named_as_the_users(world: MakeWorld) -> None:
    here = world(PAGES)
    repo = git.open_repo(here.root)
    place = open_place(repo, here.root / "specs/001-prices", here.cache, Request(feature="001-prices"))
    (place.worktree / TASKS_FILE).write_text("# Tasks\n\n- [ ] T001 Do it (depends on T077)\n", encoding="utf-8")
    with pytest.raises(UserError) as refused:
        plan_of(place)
    assert str(here.cache) not in str(refused.value)
    assert str(refused.value).startswith(f"{here.root / TASKS_FILE}:")
    git.remove_worktree(repo, place.worktree)


def test_a_run_that_does_not_begin_tells_of_no_other(world: MakeWorld, capsys: pytest.CaptureFixture[str]) -> None:
    here = world(PAGES, quick=True)
    with pytest.raises(Interrupted):
        here.run(write(ONE), KeyboardInterrupt())
    capsys.readouterr()
    assert command(here, "only T077") == 2
    said = capsys.readouterr()
    assert "there is no task T077" in said.err and said.out == ""
    # One that goes on is that run, and tells of it.
    here.model.add(KeyboardInterrupt())
    assert command(here, resume=True) == 130
    assert "of 3 tasks verified" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "overrides", "said"),
    [
        ("only US9", {}, "there is no story US9"),
        ("only T077", {}, "there is no task T077"),
        ("$ARGUMENTS", {}, "placeholder"),
        ("T001", {"model": "replay:none.jsonl"}, "there is no such record"),
        ("T001", {"model": "openai:m", "base_url": "nowhere"}, "not the URL of an endpoint"),
        ("T001", {"model": "anthropic:"}, "names no model"),
    ],
)
def test_nothing_goes_into_the_background_that_cannot_work(
    world: MakeWorld, monkeypatch: pytest.MonkeyPatch, words: str, overrides: dict[str, object], said: str
) -> None:
    here = world(PAGES)
    monkeypatch.delenv("KFPILOT_FORBID_MODELS", raising=False)
    monkeypatch.setattr(background.detached, "start", lambda *given, **more: pytest.fail("a process was started"))
    with pytest.raises(KfpilotError, match=said):
        command(here, words, overrides=overrides, detach=True)
    assert background.list_background(here.root) == []


@pytest.mark.parametrize(
    ("code", "message", "said"), [(2, "the disk is full", "the disk is full"), (None, "", "broke off without a word")]
)
def test_a_run_that_ended_before_it_began_can_be_asked_for(
    world: MakeWorld, capsys: pytest.CaptureFixture[str], code: int | None, message: str, said: str
) -> None:
    here = world(PAGES)
    job = Background(
        run="20300101-000000-abcd", feature="001-prices", root=here.root, request=Request(), pid=2**22 + 1,
        started=1893456000.0, exit_code=code, message=message,
    )  # fmt: skip
    job.save()
    console = make_console()
    for ask in (lambda: report_command(here.root, console, job.run), lambda: report_of(here.root, job.run[:10])):
        with pytest.raises(UserError, match=f"run {job.run} of 001-prices ended before it began: .*{said}"):
            ask()
    with pytest.raises(UserError, match="no run"):
        report_command(here.root, console, "2031")
    capsys.readouterr()
    status_command(here.root, make_console(), as_json=True)
    (feature,) = json.loads(capsys.readouterr().out)["features"]
    assert feature["run"]["id"] == job.run and said in feature["run"]["message"]
