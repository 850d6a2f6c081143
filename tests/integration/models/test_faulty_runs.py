"""Whole runs against a real endpoint that misbehaves: a malformed answer never ends a task as if it were finished."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from kfpilot.agent.errors import ModelError
from kfpilot.agent.events import RunFinished, TaskFinished
from kfpilot.agent.models.guard import Guard
from kfpilot.agent.settings import Settings
from kfpilot.agent.verifier.bench import Bench
from kfpilot.agent.workflow import driver
from kfpilot.agent.workflow.driver import implement
from kfpilot.agent.workflow.place import Request
from kfpilot.tools.pytest_run import TestRun

from . import faults
from .conftest import Behaviour, Clock, Reply, chat, send

pytestmark = [pytest.mark.integration, pytest.mark.chaos]
PAGE = "# Prices\n\n`single()` in `shop/price.py` keeps a price.\n"
TASKS = "- [ ] T001 Describe the prices in docs/prices.md\n"
WRITE = ("write_file", {"path": "docs/prices.md", "content": PAGE})
FINISH = ("finish", {"summary": "done"})
GOOD = faults.asks(WRITE, FINISH)
BRANCH = "kfpilot/001-prices"


class Runs:
    """A repository with one task of documentation, and the server as its model."""

    def __init__(self, root: Path, cache: Path, server: Behaviour) -> None:
        self.root, self.cache, self.server, self.events = root, cache, server, list[Any]()

    def run(self, *, resume: bool = False, **more: Any) -> int:
        settings = Settings(
            **{"model": "m", "worker": "tool", "attempts": 2, **more},
            base_url=self.server.url, cache_dir=self.cache, python=Path(sys.executable), refine="never",
            review="never",
        )  # fmt: skip
        return implement(self.root, Request(feature="001"), settings, [self.events.append], resume=resume)

    def ticked(self) -> bool:
        if not self.git("branch", "--list", BRANCH).strip():
            return False
        return "- [x] T001" in self.git("show", f"{BRANCH}:specs/001-prices/tasks.md")

    def git(self, *arguments: str) -> str:
        return subprocess.run(["git", *arguments], cwd=self.root, check=True, capture_output=True, text=True).stdout

    def why(self) -> str:
        return next(event.why for event in self.events if isinstance(event, TaskFinished))


@pytest.fixture
def runs(
    server: Behaviour,
    clock: Clock,
    make_repository: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Runs:
    def guard_of(settings: Settings, journal: Any, ledger: Any, stop: Any) -> Guard:
        return Guard(settings.model_wait, check=ledger.check, emit=journal.emit, sleep=clock.sleep, now=clock.now)

    monkeypatch.setattr(driver, "guard_of", guard_of)
    # Where only a page is written the suite is not what is tested, and takes most of the time.
    empty = TestRun(tests=[], exit_code=5, counts={}, command=["pytest"], seconds=0.0, timed_out=False, collected=0)
    monkeypatch.setattr(Bench, "run_tests", lambda self, *arguments, **more: empty.model_copy(deep=True))
    return Runs(make_repository(TASKS), tmp_path / "cache", server)


FAULTS: dict[str, Reply] = {
    "arguments-cut": faults.asks(("write_file", '{"path": "docs/prices.md", "content": "# Pri'), FINISH),
    "arguments-a-list": faults.asks(("write_file", "[]")),
    "arguments-a-number": faults.asks(("write_file", "7")),
    "arguments-empty": faults.asks(("write_file", "")),
    "arguments-missing": faults.asks(("write_file", {"path": "docs/prices.md"}), FINISH),
    "only-malformed-finish": faults.asks(("finish", "{")),
    "unknown-tool": faults.asks(("run_shell", {"command": "make all"}), FINISH),
    "tool-without-name": faults.asks(("", {})),
    "call-without-id": faults.asks(("search", {"pattern": "x"}), ids=None),
    "calls-with-one-id": faults.asks(("search", {"pattern": "x"}), ("outline", {"path": "shop"}), ids="same"),
    "prose": faults.says("I have described the prices. All tests pass."),
    "call-as-text": faults.says('{"name": "finish", "arguments": {"summary": "done"}}'),
    "empty-replies": faults.says(""),
    "refusal": faults.says(None, refusal="I cannot help with that."),
    "content-filter": faults.says("", "content_filter"),
    "cut-off-text": faults.says("# Pri", "length"),
    "cut-off-before-finish": faults.asks(
        ("write_file", {"path": "docs/prices.md", "content": "# Pri"}), FINISH, finish="length"
    ),
    "cut-off-by-reasoning": faults.says("", "length"),
    "finish-without-work": faults.asks(FINISH),
    "same-call-for-ever": faults.asks(("read_file", {"path": "README.md"})),
    "same-error-for-ever": faults.asks(("read_file", {"path": "no/such/file.md"})),
    "finish-beside-an-error": faults.asks(("edit_file", {"path": "README.md", "old": "zzz", "new": "y"}), FINISH),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_after_a_malformed_answer_the_work_goes_on(fault: str, runs: Runs, server: Behaviour) -> None:
    server.plays(FAULTS[fault], last=GOOD)
    assert runs.run() == 0
    assert runs.ticked()
    assert runs.git("show", f"{BRANCH}:docs/prices.md") == PAGE


@pytest.mark.parametrize("fault", FAULTS)
def test_malformed_answers_alone_never_finish_a_task(fault: str, runs: Runs, server: Behaviour) -> None:
    server.plays(last=FAULTS[fault])
    assert runs.run() == 1
    assert not runs.ticked() and runs.why()
    assert len(server.requests) < 60
    last = runs.events[-1]
    assert isinstance(last, RunFinished) and last.outcome == "partly"


DRAFTS: dict[str, Reply] = {
    "prose": faults.says(""),
    "cut-off": faults.says("# Prices\n\n`single()` in `shop/pri", "length"),
    "refusal": faults.says(None, refusal="no"),
    "content-filter": faults.says("", "content_filter"),
}


@pytest.mark.parametrize("fault", DRAFTS)
def test_a_malformed_draft_is_drawn_again(fault: str, runs: Runs, server: Behaviour) -> None:
    server.plays(*[DRAFTS[fault]] * (3 if fault == "prose" else 1), last=faults.says(PAGE))
    assert runs.run(worker="draft") == 0
    assert runs.git("show", f"{BRANCH}:docs/prices.md") == PAGE


@pytest.mark.parametrize("fault", DRAFTS)
def test_malformed_drafts_alone_never_finish_a_task(fault: str, runs: Runs, server: Behaviour) -> None:
    server.plays(last=DRAFTS[fault])
    assert runs.run(worker="draft", drafts=2) == 1
    assert not runs.ticked() and runs.why()


def small_context(limit: int) -> Reply:
    """A model whose context is as long as so many characters of messages."""

    def reply(handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        if len(str(body["messages"])) > limit:
            faults.status(400, "This model's maximum context length is 9 tokens.")(handler, body)
        elif any(message["role"] == "tool" for message in body["messages"]):
            GOOD(handler, body)
        else:
            look = [("read_file", {"path": f"long/{number}.md"}) for number in range(6)]
            faults.asks(*look)(handler, body)

    return reply


def test_a_request_that_is_too_long_is_made_shorter(
    runs: Runs, server: Behaviour, make_repository: Callable[..., Path]
) -> None:
    files = {f"long/{number}.md": f"# {number}\n\n" + "Prices are kept. " * 300 + "\n" for number in range(6)}
    runs.root = make_repository(TASKS, files, name="long")
    server.reply = small_context(20_000)
    assert runs.run() == 0
    sizes = [len(str(request["messages"])) for request in server.requests]
    assert max(sizes) > 20_000 > sizes[-1], "one was too long, the last was not"
    assert "left out to save room" in str(server.requests[-1]["messages"])


def test_a_request_that_stays_too_long_ends_the_task_alone(runs: Runs, server: Behaviour) -> None:
    server.reply = small_context(100)
    assert runs.run() == 1
    assert "longer than the model's context" in runs.why()
    assert not runs.ticked()


@pytest.mark.parametrize("kind", ["wrong-key", "wrong-model"])
def test_a_configuration_that_is_wrong_ends_the_run_at_once(kind: str, runs: Runs, server: Behaviour) -> None:
    code, message = {"wrong-key": (401, "bad key"), "wrong-model": (404, "The model `m` does not exist")}[kind]
    server.plays(last=faults.status(code, message))
    with pytest.raises(ModelError) as caught:
        runs.run()
    assert caught.value.exit_code == 4 and caught.value.mend
    assert len(server.requests) == 1
    assert not runs.ticked()
    server.plays(last=GOOD)
    assert runs.run(resume=True) == 0, "mended, the run goes on"


def test_an_outage_in_the_middle_of_a_run_costs_nothing_but_time(runs: Runs, server: Behaviour, clock: Clock) -> None:
    down = [faults.status(503)] * 40
    server.plays(faults.asks(("read_file", {"path": "README.md"})), *down, last=GOOD)
    assert runs.run() == 0
    assert clock.time - 1000 > 30 * 45
    report = next((runs.root / ".kfpilot/runs").iterdir()) / "report.md"
    assert "gave no answer for" in report.read_text()


def test_an_outage_that_lasts_ends_the_run_and_resume_goes_on(runs: Runs, server: Behaviour) -> None:
    server.plays(last=faults.status(503))
    with pytest.raises(ModelError, match="tried"):
        runs.run(model_wait=600)
    server.reply = lambda handler, body: send(handler, 200, chat("unused"))
    server.plays(last=GOOD)
    assert runs.run(resume=True) == 0 and runs.ticked()
