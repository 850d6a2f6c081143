"""A task that asks whether all tests pass: the suite says so, no model does, and a test that waits for code counts."""

from __future__ import annotations

from kfpilot.agent.events import AttemptStarted, TaskFinished

from .conftest import DOUBLE, MakeWorld, write

TEST = ("tests/test_double.py", "from shop.double import double\n\n\ndef test_two():\n    assert double(1) == 2\n")
FIRST = """- [ ] T001 Test `double` in tests/test_double.py
- [ ] T002 Checkpoint - Ensure all tests pass
- [ ] T003 Create `double(price)` in shop/double.py
- [ ] T004 Final checkpoint - Ensure all tests pass
"""


def test_it_is_ticked_when_all_tests_pass_and_not_before(world: MakeWorld) -> None:
    here = world(FIRST)
    assert here.run(write(TEST), write(DOUBLE)) == 1
    assert here.model.left == 0
    assert here.outcomes() == {"T001": "verified", "T002": "failed", "T003": "verified", "T004": "verified"}
    assert here.ticks() == "x xx"
    # Nothing would be different the next time.
    assert [event.attempt for event in here.events if isinstance(event, AttemptStarted) and event.task == "T002"] == [1]
    failed = next(event for event in here.events if isinstance(event, TaskFinished) and event.task == "T002")
    assert failed.why.startswith("the task says that all tests pass: tests/test_double.py")
