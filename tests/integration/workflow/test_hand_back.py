"""Tests whose author says that the code is wrong: the code role looks at it, and both land together or not at all."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
from kfpilot.agent.cli.verify import verify_command
from kfpilot.agent.errors import BudgetExceeded, Interrupted
from kfpilot.agent.models.scripted import calls
from kfpilot.agent.reports.summarise import summarise
from kfpilot.agent.workflow import attempts
from kfpilot.agent.workflow.undo import undo
from kfpilot.tools import git as tools_git

TASK = "- [ ] T002 [US1] Test `double` in tests/test_double.py (FR-001)"
WRONG = "def double(price):\n    return 3 * price\n"
RIGHT = "def double(price):\n    return 2 * price\n"
TEST = "from shop.double import double\n\n\ndef test_double():\n    assert double(2) == 4\n    assert double(0) == 0\n"
BAD = TEST.replace("4", "6")
OLD = "from shop.double import double\n\n\ndef test_old():\n    assert double(1) == 2\n"
FAULT = {
    "file": "shop/double.py",
    "function": "double",
    "does": "gives 3 * price",
    "should": "give 2 * price",
    "by": "FR-001",
}
Runs = Callable[..., Any]


def write(path: str, text: str) -> tuple[str, dict[str, Any]]:
    return "write_file", {"path": path, "content": text}


def authored(text: str = TEST, *, fault: dict[str, str] | None = None) -> Any:
    """The author of the tests: writes them, and says that the code is wrong."""
    return calls(
        write("tests/test_double.py", text), ("finish", {"summary": "tested", "code_is_wrong": fault or FAULT})
    )


def code(text: str = RIGHT, *more: tuple[str, dict[str, Any]]) -> Any:
    """The code role: writes the module."""
    return calls(write("shop/double.py", text), *more, ("finish", {"summary": "mended"}))


def says(text: str) -> Any:
    return calls(("finish", {"summary": text}))


@pytest.fixture
def shop(scripted_runs: Runs) -> Runs:
    """A repository whose `double` is there already, right or wrong."""

    def make(double: str = WRONG, tasks: str = TASK, **files: str) -> Any:
        return scripted_runs(tasks, {"shop/double.py": double, **files}, quick=False)

    return make


def told(here: Any) -> dict[str, str]:
    """Task -> why the claim was refused, empty when it was followed up."""
    return {event.task: event.refused for event in here.events if event.type == "handed-back"}


def end(here: Any) -> Any:
    return next(event for event in reversed(here.events) if event.type == "task-finished")


def roles_asked(here: Any) -> list[str]:
    """Whose request each call was, by the last first request in it."""
    found = []
    for messages in here.model.sent:
        text = "\n".join(str(message.content) for message in messages)
        found.append("code" if "Your role: code" in text else "tests")
    return found


def test_code_that_tests_find_fault_with_is_mended_in_their_commit(
    shop: Runs, capsys: pytest.CaptureFixture[str]
) -> None:
    here = shop()
    assert here.run(authored(), code()) == 0
    assert here.model.left == 0 and here.outcomes() == {"T002": "verified"} and here.ticks() == "x"
    assert told(here) == {"T002": ""}
    # One commit with both, the trailers of one task, and what it was about.
    assert here.git("log", "--format=%H", f"main..{here.branch}").count("\n") == 1
    changed = here.git("diff", "--name-only", f"{here.branch}~1", here.branch).split()
    assert changed == ["shop/double.py", here.tasks_file, "tests/test_double.py"]
    assert here.git("show", f"{here.branch}:shop/double.py") == RIGHT
    assert here.git("show", f"{here.branch}:tests/test_double.py") == TEST
    message = here.git("log", "-1", "--format=%B", here.branch)
    assert message.startswith("test: ") and "Kfpilot-Task: T002" in message
    assert "found fault with shop/double.py (double): gives 3 * price; FR-001 demands: give 2 * price" in message
    assert "Changed by the code role for it: shop/double.py" in message and "Kfpilot-Mended: shop/double.py" in message
    # The gates of both roles were seen to pass, and the evidence says what was mended.
    last = [e.result for e in here.events if e.type == "gate-finished" and e.attempt == 2]
    assert {gate["gate"] for gate in last} >= {"scope", "python", "kfp", "ir", "assertions", "tests", "mutation"}
    assert all(gate["passed"] for gate in last)
    record = next((here.root / ".kfpilot/runs").iterdir())
    assert json.loads((record / "evidence/T002.json").read_text())["mended"]["files"] == ["shop/double.py"]
    assert end(here).mended == ["shop/double.py"] and end(here).attempts == 2
    # The request of the code role: its own prompt, the claim, what the documents say, the failing test, the code.
    asked = "\n".join(str(message.content) for message in here.model.sent[1])
    assert roles_asked(here) == ["tests", "code"]
    for part in ("gives 3 * price", "FR-001: A price MUST be doubled", "assert 6 == 4", WRONG, TEST):
        assert part.strip() in asked
    assert "You may write: shop/double.py" in asked and "Do task T002 now" not in asked
    # The report says it plainly.
    report = (record / "report.md").read_text()
    assert "### Tests that found fault with code" in report
    assert "mended by the code role, in the commit of the tests: shop/double.py" in report
    assert any("T002: its tests find fault" in i.text for i in summarise(record / "journal.jsonl").issues)
    # `kfpilot verify` judges the commit by both roles, as it was made.
    here.git("merge", "--quiet", "--ff-only", here.branch)
    capsys.readouterr()
    assert verify_command(here.root, ["T002"], json=True) == 0
    (seen,) = json.loads(capsys.readouterr().out)["tasks"]
    assert {"scope", "kfp", "mutation"} <= {gate["gate"] for gate in seen["gates"]}
    # Undo takes both back.
    undo(tools_git.open_repo(here.root), here.cache, "T002")
    assert (here.root / "shop/double.py").read_text() == WRONG
    assert not (here.root / "tests/test_double.py").exists() and here.ticks("main") == " "


def test_the_author_has_wrong_tests_again_when_the_code_role_does_not_agree(shop: Runs) -> None:
    here = shop(RIGHT)
    assert here.run(authored(BAD), says("FR-001 says doubled; 6 is no double of 2"), authored(TEST)) == 0
    assert roles_asked(here) == ["tests", "code", "tests"]
    assert here.outcomes() == {"T002": "verified"} and end(here).mended == []
    assert here.git("show", f"{here.branch}:shop/double.py") == RIGHT
    shown = str(here.model.sent[2][-1].content)
    assert "6 is no double of 2" in shown and "assert 4 == 6" in shown
    assert len(here.model.sent[2]) > 2, "the conversation with the author goes on"


def test_what_the_code_role_cannot_make_pass_is_in_no_commit(shop: Runs) -> None:
    here = shop(RIGHT, **{"tests/test_old.py": OLD})
    bent = "def double(price):\n    return 3 * price\n"
    assert here.run(authored(BAD), code(bent), code(bent + "\n"), authored(BAD + "\n\n")) == 1
    assert here.model.left == 0 and here.outcomes() == {"T002": "failed"}
    assert here.git("branch", "--list", here.branch) == "" or here.ticks() == " "
    why = end(here).why
    assert "assert 4 == 6" in why and "handed to the code role" in why and "test_old" in why
    record = next((here.root / ".kfpilot/runs").iterdir())
    kept = (record / end(here).patch).read_text()
    assert "+++ b/tests/test_double.py" in kept and "shop/double.py" not in kept
    tried = (record / "patches/T002.mending.patch").read_text()
    assert "+++ b/shop/double.py" in tried and "tests/" not in tried and "T002.mending.patch" in why
    assert "handed to the code role, not mended" in (record / "report.md").read_text()
    # Once a task: the second claim is told, and asks nobody.
    refused = [event.refused for event in here.events if event.type == "handed-back"]
    assert refused == ["", "it was handed to the code role before"]


def test_the_code_role_cannot_weaken_the_tests(shop: Runs) -> None:
    here = shop()
    weak = write("tests/test_double.py", "def test_double():\n    assert True\n")
    gone = ("delete_file", {"path": "tests/test_double.py"})
    settings = write("pyproject.toml", "[tool.pytest.ini_options]\naddopts = '--deselect tests/test_double.py'\n")
    conftest = write("shop/conftest.py", "collect_ignore_glob = ['*']\n")
    tried = calls(weak, gone, settings, conftest, ("finish", {"summary": "x"}))
    special = "import sys\n\n\ndef double(price):\n    return 4 if 'pytest' in sys.modules else 3 * price\n"

    def beside_the_tools(messages: list[Any]) -> Any:
        (test,) = (here.cache / "worktrees").glob("*/*/tests/test_double.py")
        test.write_text("def test_double():\n    assert True\n")
        return code(RIGHT)

    assert here.run(authored(), tried, code(special), beside_the_tools) == 0
    errors = [str(message.content) for message in here.model.sent[2] if message.type == "tool"]
    assert sum(text.startswith("Error: ") for text in errors) == 4
    assert here.git("show", f"{here.branch}:tests/test_double.py") == TEST
    assert here.git("show", f"{here.branch}:shop/double.py") == RIGHT


def test_a_claim_without_ground_asks_nobody_and_is_told_to_its_author(shop: Runs) -> None:
    here = shop()
    wrong = FAULT | {"file": "tests/test_double.py"}
    assert here.run(authored(fault=wrong), authored(TEST + "\n", fault=wrong)) == 1
    assert roles_asked(here) == ["tests", "tests"]
    assert "is a test" in told(here)["T002"] and "is a test" in str(here.model.sent[1][-1].content)
    assert "its worker said: tested; " in end(here).why
    record = next((here.root / ".kfpilot/runs").iterdir())
    assert "not handed to the code role: " in (record / "report.md").read_text()


def test_it_can_be_switched_off(shop: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KFPILOT_HAND_BACK", "false")
    here = shop()
    assert here.run(authored(), says("double() gives 3 * price")) == 1
    assert told(here) == {} and end(here).why.endswith("its worker said: double() gives 3 * price")


def test_tests_that_wait_for_a_later_task_are_not_handed_back(shop: Runs) -> None:
    first = (
        "- [ ] T001 [US1] Test `triple` in tests/test_triple.py (FR-001)\n"
        "- [ ] T002 [US1] Create `triple(price)` in shop/triple.py (FR-001; depends on T001)"
    )
    here = shop(WRONG, first)
    text = "from shop.triple import triple\n\n\ndef test_triple():\n    assert triple(2) == 6\n"
    red = calls(
        write("tests/test_triple.py", text), ("finish", {"summary": "x", "code_is_wrong": FAULT | {"function": ""}})
    )
    green = calls(write("shop/triple.py", WRONG.replace("double", "triple")), ("finish", {"summary": "x"}))
    assert here.run(red, green) == 0
    assert here.outcomes() == {"T001": "verified", "T002": "verified"}
    assert told(here) == {"T001": "its gates pass on the code as it is"}
    assert here.git("show", f"{here.branch}:shop/double.py") == WRONG


def test_mended_code_lands_on_what_came_onto_the_branch_meanwhile(shop: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KFPILOT_JOBS", "2")
    here = shop(WRONG, "- [ ] T001 [US1] Test `single` in tests/test_single.py (FR-001)\n" + TASK)
    single = "from shop.price import single\n\n\ndef test_one():\n    assert [single(2), single(5)] == [2, 5]\n"
    begun = threading.Event()
    turns = {"T002": [authored(), code()]}

    def answer(messages: list[Any]) -> Any:
        if any("# Task T001" in str(message.content) for message in messages):
            assert begun.wait(30)
            return here.write(("tests/test_single.py", single))
        if len(turns["T002"]) == 1:
            begun.set()
        return turns["T002"].pop(0)

    assert here.run(answer, answer, answer) == 0
    assert here.ticks() == "xx" and end(here).task == "T002" and end(here).mended == ["shop/double.py"]
    assert here.git("show", f"{here.branch}:shop/double.py") == RIGHT
    assert "found fault" in here.git("log", "-1", "--format=%B", here.branch)
    record = next((here.root / ".kfpilot/runs").iterdir())
    assert json.loads((record / "evidence/T002.json").read_text())["mended"]["files"] == ["shop/double.py"]


def test_a_run_that_is_killed_while_the_code_is_mended_goes_on_there(
    shop: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = shop()

    def broken(*arguments: Any, **more: Any) -> Any:
        raise KeyboardInterrupt

    with pytest.raises(Interrupted):
        here.run(authored(), KeyboardInterrupt())
    with monkeypatch.context() as patch:
        patch.setattr(attempts, "verify", broken)
        with pytest.raises(Interrupted):
            here.run(code(), resume=True)
    with monkeypatch.context() as patch:
        patch.setattr(tools_git, "update_branch", broken)
        with pytest.raises(Interrupted):
            here.run(resume=True)
    assert here.git("branch", "--list", here.branch) == ""
    # Nobody is asked again: tests and code are where they were.
    assert here.run(resume=True) == 0
    assert here.model.left == 0 and roles_asked(here) == ["tests", "code", "code"]
    assert here.ticks() == "x" and end(here).mended == ["shop/double.py"]
    assert here.git("show", f"{here.branch}:shop/double.py") == RIGHT
    assert here.git("show", f"{here.branch}:tests/test_double.py") == TEST
    assert here.git("worktree", "list").count("\n") == 1


def test_a_budget_of_the_run_ends_it_and_a_larger_one_goes_on_there(
    shop: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = shop()
    monkeypatch.setenv("KFPILOT_MAX_ATTEMPTS", "1")
    with pytest.raises(BudgetExceeded):
        here.run(authored())
    assert here.git("branch", "--list", here.branch) == ""
    monkeypatch.setenv("KFPILOT_MAX_ATTEMPTS", "2")
    assert here.run(code(), resume=True) == 0
    assert here.ticks() == "x" and end(here).mended == ["shop/double.py"]


def test_the_budget_of_the_task_counts_for_the_code_role_too(shop: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    here = shop()
    monkeypatch.setenv("KFPILOT_MAX_CALLS_PER_TASK", "1")
    assert here.run(authored()) == 3
    last = end(here)
    assert last.over_budget and "budget of model calls is used up" in last.why and "handed to the code role" in last.why
    record = next((here.root / ".kfpilot/runs").iterdir())
    assert "shop/double.py" not in (record / last.patch).read_text()


CRASHES = "def double(price):\n    return price.twice\n"
MADE = "- [x] T001 [US1] Create `double(price)` in shop/double.py (FR-001)\n"
SECOND = TEST.replace("def test_double", "def test_doubled")


def fenced(text: str) -> str:
    return f"```python\n{text}```"


@pytest.fixture
def drafted(shop: Runs, monkeypatch: pytest.MonkeyPatch) -> Runs:
    """The same with a model that only drafts whole files, and so claims nothing."""
    monkeypatch.setenv("KFPILOT_WORKER", "draft")
    monkeypatch.setenv("KFPILOT_DRAFTS", "3")
    return lambda double, **files: shop(double, MADE + TASK, **files)


def test_code_that_two_drafts_of_the_tests_break_down_in_is_drafted_again(drafted: Runs) -> None:
    here = drafted(CRASHES)
    assert here.run(fenced(TEST), fenced(SECOND), fenced(RIGHT)) == 0
    assert here.model.left == 0 and here.outcomes() == {"T002": "verified"} and here.ticks() == "xx"
    (told,) = [event.fault for event in here.events if event.type == "handed-back"]
    assert told["file"] == "shop/double.py" and told["function"] == "double" and told["by"] == "T001"
    assert told["does"].startswith("its line `return price.twice` ends with AttributeError: 'int' object has no")
    # The request is that of the task which made the code, with what went wrong.
    asked = str(here.model.sent[2][-1].content)
    assert "Task: Create `double(price)`" in asked and "Write the complete file shop/double.py." in asked
    assert "ends with AttributeError" in asked
    assert here.git("show", f"{here.branch}:tests/test_double.py") == SECOND
    assert here.git("show", f"{here.branch}:shop/double.py") == RIGHT
    assert end(here).mended == ["shop/double.py"] and end(here).attempts == 3


def test_the_same_wrong_result_in_two_drafts_of_the_tests_is_a_claim_too(drafted: Runs) -> None:
    here = drafted(WRONG)
    worse = TEST + "    assert double(5) == 11\n"
    assert here.run(fenced(TEST), fenced(worse), fenced(WRONG), fenced(RIGHT)) == 0
    assert here.outcomes() == {"T002": "verified"} and end(here).mended == ["shop/double.py"]
    (told,) = [event.fault for event in here.events if event.type == "handed-back"]
    assert told["does"].startswith("test_double finds: assert 6 == 4") and told["function"] == "double"
    # The same code again is no answer of such a model. The new code passes the earlier draft, which found the same.
    assert here.git("show", f"{here.branch}:shop/double.py") == RIGHT
    assert here.git("show", f"{here.branch}:tests/test_double.py") == TEST
