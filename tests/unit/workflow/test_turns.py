"""Taking turns at the machine, and what may be blamed on company."""

from __future__ import annotations

import threading

import pytest
from kfpilot.agent.verifier.models import GateResult, Verdict
from kfpilot.agent.workflow.turns import Turns, may_be_company


def refused(gate: str, text: str) -> Verdict:
    return Verdict(task="T001", tree="x", gates=[GateResult(gate=gate, passed=False, summary="", failures=[text])])


@pytest.mark.parametrize(
    ("gate", "text", "maybe"),
    [
        ("tests", "OSError: [Errno 98] Address already in use", True),
        ("tests", "passed before and does not now: tests/test_a.py::test_a", True),
        ("local", "it did not end within 60 s", True),
        ("tests", "tests/test_a.py::test_a failed: assert 1 == 2", False),
        ("python", "undefined name `timed out`", False),
    ],
)
def test_only_what_is_shared_can_be_to_blame(gate: str, text: str, maybe: bool) -> None:
    assert may_be_company(refused(gate, text)) is maybe


def test_who_is_alone_waits_for_the_others_and_keeps_them_out() -> None:
    turns, order, inside = Turns(2), [], threading.Event()

    def other() -> None:
        with turns.shared():
            inside.set()
            order.append("other")

    with turns.shared() as turn:
        assert not turn.company
        thread = threading.Thread(target=other)
        thread.start()
        assert inside.wait(10)
        thread.join(10)
    assert turn.company
    with turns.alone():
        late = threading.Thread(target=lambda: other())
        late.start()
        order.append("alone")
    late.join(10)
    assert order == ["other", "alone", "other"]
