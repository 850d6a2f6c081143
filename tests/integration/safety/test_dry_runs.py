"""`kfpilot run --dry-run` promises nothing that the run itself refuses."""

from __future__ import annotations

from typing import Any

import pytest
from kfpilot.agent.cli.run import run_command
from kfpilot.agent.errors import Interrupted, UserError
from kfpilot.agent.workflow.locks import one_run

from .conftest import FIRST, ONE, MakeRuns, Runs


def dry(runs: Runs, *, resume: bool = False, **overrides: Any) -> int:
    given = {"model": "openai:made-up", "base_url": "http://127.0.0.1:9/v1"} | overrides
    return run_command(runs.root, "001", [], tasks=[], stories=[], overrides=given, dry_run=True, resume=resume)


def test_money_needs_a_price(scripted_runs: MakeRuns) -> None:
    runs = scripted_runs(ONE)
    with pytest.raises(UserError, match="the price of the model 'made-up' is not known"):
        dry(runs, max_cost=1.0)
    assert dry(runs, max_cost=1.0, max_tokens=5000) == 0
    assert dry(runs, max_cost=1.0, prices={"made-up": {"prompt": 1, "completion": 1}}) == 0
    assert dry(runs, max_cost=1.0, model="embedded", base_url=None) == 0


def test_resume_needs_something_to_resume(scripted_runs: MakeRuns) -> None:
    runs = scripted_runs(ONE)
    with pytest.raises(UserError, match="no unfinished run"):
        dry(runs, resume=True)
    with pytest.raises(Interrupted):
        runs.run(KeyboardInterrupt())
    assert dry(runs, resume=True) == 0
    assert runs.run(FIRST, resume=True) == 0


def test_another_run_must_not_work(scripted_runs: MakeRuns) -> None:
    runs = scripted_runs(ONE)
    assert dry(runs) == 0
    assert not (runs.root / ".kfpilot").exists(), "nothing is changed"
    with one_run(runs.root, "001-prices"), pytest.raises(UserError, match="another run is working"):
        dry(runs)
