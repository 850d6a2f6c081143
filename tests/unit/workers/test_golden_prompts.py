"""The complete requests that go to a model, for each role, against readable files under tests/golden/.

A change of a prompt, a recipe's choice or a tool's schema shows here as a difference to be looked at.
`KFPILOT_UPDATE_GOLDEN=1 python -m pytest tests/unit/workers/test_golden_prompts.py` writes the files anew.
"""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kfpilot.agent.models.handle import Handle
from kfpilot.agent.models.scripted import ScriptedModel, calls
from kfpilot.agent.verifier.claims import demands, with_code
from kfpilot.agent.verifier.models import Fault, HandBack
from kfpilot.agent.workers.draft_worker import DraftWorker
from kfpilot.agent.workers.job import Feedback, Job
from kfpilot.agent.workers.tool_worker import ToolWorker, feedback_text
from langchain_core.messages import BaseMessage

GOLDEN = Path(__file__).parents[2] / "golden"
UPDATE = "KFPILOT_UPDATE_GOLDEN"
TASKS = {"code": "T001", "tests": "T002", "docs": "T003", "infra": "T004"}

# What the own_environment fixture takes away is asked here, once, when the module is loaded.
UPDATING = os.environ.get(UPDATE) == "1"


def compare(name: str, text: str) -> None:
    """Fail with the difference, unless the files are to be written anew."""
    file = GOLDEN / name
    if UPDATING:
        file.parent.mkdir(exist_ok=True)
        file.write_text(text.rstrip() + "\n", encoding="utf-8")
        return
    wanted = file.read_text(encoding="utf-8") if file.exists() else ""
    lines = difflib.unified_diff(
        wanted.rstrip().splitlines(), text.rstrip().splitlines(), f"golden/{name}", "now", lineterm=""
    )
    difference = "\n".join(lines)
    assert not difference, f"{difference}\n\nIf this is meant: {UPDATE}=1 python -m pytest {__file__}"


def readable(messages: list[BaseMessage]) -> str:
    """The messages as a reader sees them."""
    return "\n\n".join(f"######## {message.type}\n{message.text}" for message in messages)


def first_request(job: Job) -> ScriptedModel:
    """The model after the tool worker asked it once."""
    model = ScriptedModel([calls(("finish", {"summary": "done"}))])
    ToolWorker(Handle(model=model, name="fake", tools=True, kind="fake"), 3).open(job).attempt(1, None)
    return model


@pytest.mark.parametrize("role", TASKS)
def test_first_request_of_each_role(role: str, job_of: Callable[[str], Job]) -> None:
    job = job_of(TASKS[role])
    assert job.task.role == role
    compare(f"request_{role}.txt", readable(first_request(job).sent[0]))


def test_request_of_the_code_role_when_tests_find_fault(job_of: Callable[[str], Job]) -> None:
    job = job_of(TASKS["tests"])
    fault = Fault(
        file="flows/read_parcels.py", function="read_parcels", does="skips the first", should="read all", by="US1/AS1"
    )
    job.task = with_code(job.task, fault.file)
    job.handed = HandBack(
        fault=fault,
        demands=demands(job.feature, fault),
        failing="[tests] tests/test_parcels.py::test_x failed: assert 1 == 2",
        tree="",
        attempt=1,
    )
    compare("request_handed_back.txt", readable(first_request(job).sent[0]))


def test_tools_are_the_same_for_every_role(job_of: Callable[[str], Job]) -> None:
    schemas: list[Any] = [first_request(job_of(task)).bound[0]["tools"] for task in TASKS.values()]
    assert all(schema == schemas[0] for schema in schemas)
    compare("tools.json", json.dumps(schemas[0], indent=1))


def test_requests_share_their_start(job_of: Callable[[str], Job]) -> None:
    """What all tasks have in common comes first, to the byte, so that a provider can cache it."""
    texts = [readable(first_request(job_of(task)).sent[0]) for task in TASKS.values()]
    shared = os.path.commonprefix(texts)  # noqa: RUF071  characters are what is meant
    assert shared.rstrip("T0").endswith("# Task ")
    assert "tests/test_read_parcels.py" in shared and "A component does one thing and stands" in shared


@pytest.mark.parametrize("role", TASKS)
def test_draft_request_of_each_role(role: str, job_of: Callable[[str], Job]) -> None:
    model = ScriptedModel(["```\nx = 1\n```"])
    DraftWorker(Handle(model=model, name="fake", tools=False, kind="fake"), 8).open(job_of(TASKS[role])).attempt(
        1, None
    )
    compare(f"draft_{role}.txt", readable(model.sent[0]))


@pytest.mark.parametrize("restored", [False, True])
@pytest.mark.parametrize("changed", [True, False])
def test_feedback(restored: bool, changed: bool, job_of: Callable[[str], Job]) -> None:
    feedback = Feedback(
        attempt=1,
        of=3,
        text="[tests] tests/test_parcels.py::test_x failed: assert 1 == 2",
        restored=restored,
        fresh=restored and not changed,
    )
    name = f"feedback{'_restored' if restored else ''}{'' if changed else '_unchanged'}.txt"
    compare(name, feedback_text(job_of("T001"), feedback, changed=changed))
