"""Runs a feature in a process that can be killed; the model is a script. Not a test: `test_chaos` starts it.

It reads jobs (JSON, one a line) and forks for each, so that the slow imports are paid for once. A job may name the
moment at which its process kills itself: after an event, or before or after a call that changes something.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kfpilot.agent.errors import KfpilotError
from kfpilot.agent.models.handle import Handle
from kfpilot.agent.models.scripted import ScriptedModel, calls
from kfpilot.agent.reports import write as reports_write
from kfpilot.agent.settings import Settings
from kfpilot.agent.verifier.bench import Bench
from kfpilot.agent.workflow import attempts, driver, landing, lanes, place, taskwork, workflow
from kfpilot.agent.workflow.place import Request
from kfpilot.tools import git as tools_git

LIGHT = [word for name in ("hypothesispytest", "syrupy", "anyio", "xdist", "cov") for word in ("-p", f"no:{name}")]

TEST = "from shop.price import single\n\n\ndef test_one():\n    assert single(1) == {}\n    assert single(5) == 5\n"
ANSWERS: dict[str, list[tuple[str, str]]] = {
    # The second of two is what the model says once it has been shown why the first was refused.
    "T001": [("tests/test_single.py", TEST.format(2)), ("tests/test_single.py", TEST.format(1))],
    "T002": [("docs/prices.md", "# Prices\n\n`single()` in `shop/price.py` keeps a price.\n")],
    # Never right: it stays open in every run.
    "T003": [("docs/shop.md", "# Shop\n\nSee [the rest](nowhere.md).\n")],
    "T004": [("docs/names.md", "# Names\n\nNone yet.\n")],
}


def die() -> None:
    """As if the machine had been switched off: nothing is cleaned up, no `finally` runs."""
    os.kill(os.getpid(), signal.SIGKILL)


def answer(messages: list[Any]) -> Any:
    """What the model says: it depends on the conversation alone, so it says the same after a resume."""
    text = "\n".join(str(message.content) for message in messages)
    task = next(iter(re.findall(r"# Task (T\d+)", text)))
    turns = ANSWERS[task]
    said = sum(message.type == "ai" for message in messages)
    path, content = turns[min(said, len(turns) - 1)]
    return calls(("write_file", {"path": path, "content": content}), ("finish", {"summary": "x"}))


CALLS: dict[str, tuple[Any, str]] = {
    "tick": (landing, "tick_file"),
    "commit": (tools_git, "commit_all"),
    "branch": (tools_git, "update_branch"),
    "evidence": (landing, "write_evidence"),
    "verify": (attempts, "verify"),
    "patch": (taskwork, "keep_patch"),
    "worktree": (tools_git, "add_worktree"),
    "saved": (place.Place, "save"),
    "report": (driver, "write_reports"),
    "report-file": (reports_write, "write_whole"),
    "clear": (driver, "clear_leftovers"),
    "plan": (driver, "write_clean"),
    "tests": (Bench, "run_tests"),
    "tell": (lanes, "next_task"),
    "final": (workflow, "check_branch"),
    "landed": (driver, "land"),
}
"""The calls around which a process may be killed."""


def arm(point: str) -> Any:
    """Make the process kill itself at a point: `event:TYPE:N`, `before:CALL:N`, `after:CALL:N`;
    or ask itself to stop, once or twice: `once:TYPE:N`.
    """
    if not point:
        return None
    when, what, number = point.split(":")
    left = [int(number)]
    if when == "event":

        def listen(event: Any) -> None:
            if event.type == what:
                left[0] -= 1
                if left[0] == 0:
                    die()

        return listen
    if when in ("once", "twice"):

        def signals(event: Any) -> None:
            if event.type == what:
                left[0] -= 1
                if left[0] == 0:
                    os.kill(os.getpid(), signal.SIGTERM)
                    if when == "twice":
                        time.sleep(0.2)
                        os.kill(os.getpid(), signal.SIGINT)

        return signals
    owner, name = CALLS[what]
    real = getattr(owner, name)

    def call(*arguments: Any, **more: Any) -> Any:
        left[0] -= 1
        if left[0] == 0 and when == "before":
            die()
        done = real(*arguments, **more)
        if left[0] == 0:
            die()
        return done

    setattr(owner, name, call)
    return None


def work(job: dict[str, Any]) -> int:
    """One run; returns its exit code."""
    point = job.get("point", "")
    listener = None if point.startswith("model:") else arm(point)
    left = [int(point.partition(":")[2])] if point.startswith("model:") else [0]

    def author(messages: list[Any]) -> Any:
        left[0] -= 1
        if left[0] == 0:
            die()
        if point.startswith("twice"):
            time.sleep(100)
        return answer(messages)

    model = ScriptedModel([author] * 200)

    @contextmanager
    def opened(settings: Settings, **more: Any) -> Iterator[Handle]:
        yield Handle(model=model, name="scripted", tools=True, kind="fake")

    driver.open_model = opened  # type: ignore[assignment]
    settings = Settings(
        cache_dir=Path(job["cache"]),
        python=Path(sys.executable),
        attempts=2,
        refine="never",
        review="never",
        local_runs=False,
        jobs=job.get("jobs", 1),
        test_command=LIGHT,
    )
    request = Request(feature="001", land=bool(job.get("land")))
    listeners = [listener] if listener else []
    try:
        return driver.implement(Path(job["root"]), request, settings, listeners, resume=bool(job.get("resume")))
    except KfpilotError as error:
        print(error, file=sys.stderr)
        return error.exit_code


def main() -> None:
    """Fork for each job; say which process it is, and how it ended."""
    for name in ("langchain.agents", "langgraph.checkpoint.sqlite", "langgraph.graph"):
        importlib.import_module(name)
    for line in sys.stdin:
        job = json.loads(line)
        pid = os.fork()
        if pid == 0:
            code = 70
            try:
                os.setpgid(0, 0)
                with Path(job["log"]).open("ab", buffering=0) as log:
                    os.dup2(log.fileno(), 1)
                    os.dup2(log.fileno(), 2)
                code = work(job)
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(code)
        print(json.dumps({"pid": pid}), flush=True)
        _, status = os.waitpid(pid, 0)
        print(json.dumps({"code": os.waitstatus_to_exitcode(status)}), flush=True)


if __name__ == "__main__":
    main()
