"""Budgets in whole runs: what is finished lands, the report says what ended it, a larger budget goes on."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from kfpilot.agent.budgets import Limits, Scope
from kfpilot.agent.errors import BudgetExceeded, UserError
from kfpilot.agent.events import AttemptStarted, ModelCalled, Notice, RunFinished, TaskFinished
from kfpilot.agent.models.handle import Handle
from kfpilot.agent.models.scripted import ScriptedModel, calls
from kfpilot.agent.settings import Settings
from kfpilot.agent.verifier.bench import Bench
from kfpilot.agent.workflow import driver
from kfpilot.agent.workflow.driver import implement
from kfpilot.agent.workflow.place import Request
from kfpilot.tools.pytest_run import TestRun
from langchain_core.messages import AIMessage

pytestmark = pytest.mark.integration
BRANCH = "kfpilot/001-prices"
TEXT = "# Prices\n\n`single()` in `shop/price.py` keeps a price.\n"
TASKS = "".join(f"- [ ] T00{n} Describe the prices in docs/page{n}.md\n" for n in (1, 2, 3))


def page(number: int, tokens: int = 10_000) -> AIMessage:
    answer = calls(("write_file", {"path": f"docs/page{number}.md", "content": TEXT}), ("finish", {"summary": "x"}))
    answer.usage_metadata = {"input_tokens": tokens - 500, "output_tokens": 500, "total_tokens": tokens}
    return answer


class Here:
    def __init__(self, root: Path, cache: Path) -> None:
        self.root, self.cache, self.model, self.events = root, cache, ScriptedModel(), list[Any]()

    def run(
        self, *turns: Any, resume: bool = False, night: Sequence[Scope] = (), land: bool = False, **more: Any
    ) -> int:
        self.model.add(*turns)
        self.events.clear()
        settings = Settings(
            **{"jobs": 1, **more}, cache_dir=self.cache, python=Path(sys.executable), refine="never", review="never"
        )  # fmt: skip
        request = Request(feature="001", land=land)
        return implement(self.root, request, settings, [self.events.append], resume=resume, outer=night)

    def ends(self, *turns: Any, **more: Any) -> BudgetExceeded:
        with pytest.raises(BudgetExceeded) as caught:
            self.run(*turns, **more)
        assert caught.value.exit_code == 3
        last = self.events[-1]
        assert isinstance(last, RunFinished) and (last.outcome, last.exit_code) == ("budget", 3)
        return caught.value

    def ticks(self, commit: str = BRANCH) -> str:
        done = subprocess.run(
            ["git", "show", f"{commit}:specs/001-prices/tasks.md"], cwd=self.root, capture_output=True, text=True
        )
        return "".join(line[3] for line in done.stdout.splitlines() if line.startswith("- ["))

    def report(self) -> dict[str, Any]:
        (folder,) = (self.root / ".kfpilot/runs").iterdir()
        return json.loads((folder / "report.json").read_text())

    def markdown(self) -> str:
        (folder,) = (self.root / ".kfpilot/runs").iterdir()
        return (folder / "report.md").read_text()

    def warned(self) -> list[str]:
        return [event.message for event in self.events if isinstance(event, Notice) and event.code == "budget"]


@pytest.fixture
def here(make_repository: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Here:
    made = Here(make_repository(TASKS), tmp_path / "cache")

    @contextmanager
    def opened(settings: Settings, **more: Any) -> Iterator[Handle]:
        yield Handle(model=made.model, name="acme:big-1", tools=True, kind="endpoint")

    monkeypatch.setattr(driver, "open_model", opened)
    empty = TestRun(tests=[], exit_code=5, counts={}, command=["pytest"], seconds=0.0, timed_out=False, collected=0)
    monkeypatch.setattr(Bench, "run_tests", lambda self, *arguments, **more: empty.model_copy(deep=True))
    return made


def test_tokens_end_a_run_and_a_larger_budget_goes_on(here: Here) -> None:
    error = here.ends(page(1), page(2), page(3), max_tokens=20_000, land=True)
    assert "budget of tokens is used up: 20,000 of 20,000" in error.what and "--max-tokens" in error.mend
    assert len(here.model.sent) == 2, "checked before the call"
    assert here.warned() == ["100 % of the run's budget of tokens is used: 20,000 of 20,000"]
    assert here.ticks() == "xx " == here.ticks("main"), "what is finished has landed"
    report = here.report()
    assert report["state"] == "budget" and report["tests"]["final_check"] is True
    assert {"whose": "run", "kind": "tokens", "used": 20_000, "limit": 20_000} in report["budgets"]
    assert report["acceptance"], "the table is made for what there is"
    markdown = here.markdown()
    assert "a budget ended the run (the run's budget of tokens is used up" in markdown and "--resume" in markdown
    assert "| run: tokens | 20,000 | 20,000 | 0 |" in markdown

    assert here.run(resume=True, max_tokens=100_000, land=True) == 0
    assert here.ticks() == "xxx" == here.ticks("main")
    assert len(here.model.sent) == 3, "nothing is done twice"
    report = here.report()
    assert report["usage"]["calls"] == 3 and report["state"] == "verified"
    assert {"whose": "run", "kind": "tokens", "used": 30_000, "limit": 100_000} in report["budgets"]


def test_a_request_that_does_not_fit_any_more_is_not_sent(here: Here) -> None:
    error = here.ends(page(1), page(2), page(3), max_tokens=20_100)
    assert "the next call needs about" in error.what and len(here.model.sent) == 2


def test_resumed_with_the_same_budget_it_ends_at_once(here: Here) -> None:
    here.ends(page(1), page(2), page(3), max_tokens=20_000)
    here.ends(resume=True, max_tokens=20_000)
    assert len(here.model.sent) == 2


def test_four_fifths_are_told_once(here: Here) -> None:
    assert here.run(page(1), page(2), page(3), max_tokens=35_000, max_calls=100) == 0
    assert here.warned() == ["86 % of the run's budget of tokens is used: 30,000 of 35,000"]


@pytest.mark.parametrize(
    ("limits", "done"),
    [({"max_calls": 1}, "x  "), ({"max_attempts": 2}, "xx "), ({"max_time": 0.000001}, "")],
    ids=["calls", "attempts", "time"],
)
def test_other_budgets(limits: dict[str, Any], done: str, here: Here) -> None:
    error = here.ends(page(1), page(2), page(3), **limits)
    assert "--" + next(iter(limits)).replace("_", "-") in error.mend
    assert here.ticks() == done
    assert here.run(resume=True) == 0 and here.ticks() == "xxx"


def test_money(here: Here) -> None:
    prices = {"acme:*": {"prompt": 2.0, "completion": 10.0}, "big-2": {"prompt": 0, "completion": 0}}
    # 9,500 prompt tokens and 500 completion tokens: 0.024
    error = here.ends(page(1), page(2), page(3), max_cost=0.04, prices=prices)
    assert "budget of money is used up: 0.048 of 0.04" in error.what
    assert here.ticks() == "xx "
    assert here.report()["usage"]["cost"] == pytest.approx(0.048)
    assert "Cost by the prices that were set: 0.048" in here.markdown()
    costs = [event.cost for event in here.events if isinstance(event, ModelCalled)]
    assert costs == [pytest.approx(0.024)] * 2


def test_money_without_a_price_needs_a_budget_of_tokens(here: Here) -> None:
    with pytest.raises(UserError, match="price of the model 'acme:big-1' is not known") as caught:
        here.run(max_cost=1.0)
    assert "KFPILOT_PRICES" in caught.value.mend and here.model.sent == []
    # Nothing was begun, so there is nothing to go on with.
    here.ends(page(1), page(2), max_cost=1.0, max_tokens=10_000)
    assert any("that of tokens rules" in event.message for event in here.events if isinstance(event, Notice))
    assert here.report()["usage"]["cost"] is None


def test_a_task_that_uses_up_its_own_budget_ends_alone(here: Here) -> None:
    looks = [calls(("read_file", {"path": path})) for path in ("README.md", "shop/price.py", "shop/load.py")]
    code = here.run(looks[0], looks[1], page(2), page(3), max_calls_per_task=2)
    assert code == 3 and here.ticks() == " xx"
    failed = next(event for event in here.events if isinstance(event, TaskFinished) and event.outcome == "failed")
    assert "T001's budget of model calls is used up: 2 of 2" in failed.why
    report = here.report()
    assert report["state"] == "budget" and "T001's budget" in report["message"]
    assert {"whose": "T001", "kind": "calls", "used": 2, "limit": 2} in report["budgets"]
    assert here.run(looks[2], page(1), resume=True, max_calls_per_task=10) == 0
    assert here.ticks() == "xxx" and here.model.left == 0


def test_a_night_is_a_budget_of_several_runs(here: Here) -> None:
    night = Scope("night", Limits(tokens=15_000), kind="night")
    error = here.ends(page(1), page(2), page(3), night=[night])
    assert error.scope == "night" and "the night's budget of tokens" in error.what
    assert night.spent.tokens == 20_000 or here.ticks() == "x  "


def test_the_same_failure_changes_the_way_and_then_ends_the_task(here: Here) -> None:
    bad = [
        calls(
            ("write_file", {"path": "docs/page1.md", "content": "# P\n\n`no_such_name()` in `shop/none.py`.\n"}),
            ("finish", {"summary": "x"}),
        )
        for _ in range(3)
    ]
    draft = "# P\n\n`no_such_name()` in `shop/none.py`.\n"
    assert here.run(*bad, draft, page(2), page(3), attempts=9) == 1
    begun = [event for event in here.events if isinstance(event, AttemptStarted) and event.task == "T001"]
    assert len(begun) == 4, "nine were allowed"
    failed = next(event for event in here.events if isinstance(event, TaskFinished) and event.task == "T001")
    assert "times in a row" in failed.why and "none.py" in failed.why
    fresh = "\n".join(str(message.content) for message in here.model.sent[2])
    assert "led to the same failure twice" in fresh
    assert not any(message.type == "ai" for message in here.model.sent[2]), "the conversation starts anew"
