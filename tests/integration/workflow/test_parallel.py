"""Several tasks side by side, on real git and pytest: the outcome is that of one after another."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from kfpilot.agent.errors import Interrupted, ModelError
from kfpilot.agent.events import FinalCheck, Notice, TaskFinished, TaskStarted, read_journal
from kfpilot.agent.models.handle import Handle
from kfpilot.agent.models.scripted import ScriptedModel, calls
from kfpilot.agent.settings import Settings
from kfpilot.agent.workflow import driver
from kfpilot.agent.workflow.driver import implement
from kfpilot.agent.workflow.place import Request
from kfpilot.tools import git as tools_git

# langchain silences this one in a way that another thread can undo.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

TASKS_FILE = "specs/001-prices/tasks.md"
BRANCH = "kfpilot/001-prices"
LIGHT = [word for name in ("hypothesispytest", "syrupy", "anyio") for word in ("-p", f"no:{name}")]


def git(root: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True, text=True).stdout


def write(path: str, content: str) -> Any:
    return calls(("write_file", {"path": path, "content": content}), ("finish", {"summary": "x"}))


class Author:
    """A model that answers by the task it is asked about; tasks that `meet` wait for each other once."""

    def __init__(self, answers: Mapping[str, list[Any]], meet: int = 0) -> None:
        self.answers = {task: list(turns) for task, turns in answers.items()}
        self.barrier = threading.Barrier(meet) if meet else None
        self.met: set[str] = set()
        self.asked: list[str] = []
        self.lock = threading.Lock()

    def __call__(self, messages: list[Any]) -> Any:
        found = next(m for m in (re.search(r"# Task (T\d+)", str(x.content)) for x in messages) if m)
        task = found.group(1)
        with self.lock:
            self.asked.append(task)
            first = task not in self.met
            self.met.add(task)
            turns = self.answers[task]
            turn = turns.pop(0) if len(turns) > 1 else turns[0]
        if first and self.barrier is not None:
            self.barrier.wait(60)
        if isinstance(turn, BaseException):
            raise turn
        return turn(messages) if callable(turn) else turn


class World:
    def __init__(self, root: Path, cache: Path, patch: pytest.MonkeyPatch) -> None:
        self.root, self.cache, self.patch = root, cache, patch
        self.events: list[Any] = []

    def run(self, author: Author, jobs: int, *, resume: bool = False) -> int:
        model = ScriptedModel([author] * 60)

        @contextmanager
        def opened(settings: Settings, **more: Any) -> Iterator[Handle]:
            yield Handle(model=model, name="author", tools=True, kind="fake")

        self.patch.setattr(driver, "open_model", opened)
        settings = Settings(
            cache_dir=self.cache,
            python=Path(sys.executable),
            attempts=2,
            refine="never",
            test_command=LIGHT,
            jobs=jobs,
            local_runs=False,
        )
        self.events.clear()
        return implement(self.root, Request(feature="001"), settings, [self.events.append], resume=resume)

    def show(self, path: str) -> str:
        return git(self.root, "show", f"{BRANCH}:{path}")

    def tree(self) -> str:
        return git(self.root, "rev-parse", f"{BRANCH}^{{tree}}").strip()

    def tasks(self) -> list[str]:
        log = git(self.root, "log", "--format=%(trailers:key=Kfpilot-Task,valueonly)", f"main..{BRANCH}")
        return sorted(log.split())

    def outcomes(self) -> dict[str, str]:
        return {event.task: event.outcome for event in self.events if isinstance(event, TaskFinished)}

    def notices(self) -> list[str]:
        return [event.code for event in self.events if isinstance(event, Notice)]


@pytest.fixture
def world(make_repository: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    def make(tasks: str, files: dict[str, str] | None = None, name: str = "repo") -> World:
        return World(make_repository(tasks, files, name=name), tmp_path / f"cache-{name}", monkeypatch)

    return make


def module(name: str, factor: int) -> Any:
    return write(f"shop/{name}.py", f"def {name}(price):\n    return {factor} * price\n")


def check_of(name: str, factor: int) -> Any:
    text = f"from shop.{name} import {name}\n\n\ndef test_{name}():\n    assert {name}(2) == {2 * factor}\n"
    return write(f"tests/test_{name}.py", text)


FAN = """- [ ] T001 [P] [US1] Create `twice(price)` in shop/twice.py (FR-001)
- [ ] T002 [P] [US1] Create `thrice(price)` in shop/thrice.py (FR-001)
- [ ] T003 [P] [US1] Describe the prices in docs/prices.md
- [ ] T004 [US1] Test `twice` in tests/test_twice.py (FR-001; depends on T001)
- [ ] T005 [US1] Test `thrice` in tests/test_thrice.py (FR-001; depends on T002)
"""
FAN_ANSWERS = {
    "T001": [module("twice", 2)],
    "T002": [write("shop/thrice.py", "def thrice(price):\n    return 3 * prise\n"), module("thrice", 3)],
    "T003": [write("docs/prices.md", "# Prices\n\n`single()` in `shop/price.py` keeps a price.\n")],
    "T004": [check_of("twice", 2)],
    "T005": [check_of("thrice", 3)],
}


def test_side_by_side_ends_as_one_after_another(world: Any) -> None:
    one, many = world(FAN, name="one"), world(FAN, name="many")
    assert one.run(Author(FAN_ANSWERS), jobs=1) == 0
    author = Author({key: value for key, value in FAN_ANSWERS.items() if key < "T004"} | FAN_ANSWERS)
    assert many.run(author, jobs=3) == 0
    assert many.tree() == one.tree()
    assert git(many.root, "log", "--format=%s", BRANCH) == git(one.root, "log", "--format=%s", BRANCH)
    assert many.tasks() == one.tasks() == ["T001", "T002", "T003", "T004", "T005"]
    assert many.show(TASKS_FILE).count("[x]") == 5
    # Each commit changed its own file and its own box, whatever came between.
    for sha in git(many.root, "log", "--format=%H", f"main..{BRANCH}").split():
        stat = git(many.root, "show", "--numstat", "--format=", sha).splitlines()
        assert len(stat) == 2
        assert [line.split()[:2] for line in stat if TASKS_FILE in line] == [["1", "1"]]
    journal = list(read_journal(next((many.root / ".kfpilot/runs").iterdir()) / "journal.jsonl"))
    assert [event.seq for event in journal] == list(range(1, len(journal) + 1))
    assert [event.at for event in journal] == sorted(event.at for event in journal)
    assert tools_git.list_worktrees(tools_git.open_repo(many.root)) == []
    assert list((many.cache / "worktrees").glob("*/*")) == []


def test_independent_tasks_really_are_at_work_at_once(world: Any) -> None:
    here = world(FAN)
    # Both wait in their model call until the other is there too.
    answers = {key: turns[-1:] for key, turns in FAN_ANSWERS.items()}
    author = Author(answers, meet=2)
    author.met |= {"T003", "T004", "T005"}
    assert here.run(author, jobs=3) == 0
    started = [event.task for event in here.events if isinstance(event, TaskStarted)]
    assert set(started[:2]) == {"T001", "T002"}


CLASH = """- [ ] T001 [P] Create `twice(price)` in shop/twice.py
- [ ] T002 [P] Create `thrice(price)` in shop/thrice.py
"""


def exported(name: str, factor: int) -> Any:
    """Writes its module, and its name into the package's one line of exports, which the task does not name."""

    def answer(messages: list[Any]) -> Any:
        return calls(
            (
                "write_file",
                {"path": f"shop/{name}.py", "content": f"def {name}(price):\n    return {factor} * price\n"},
            ),
            ("read_file", {"path": "shop/__init__.py"}),
        )

    def second(messages: list[Any]) -> Any:
        seen = str(messages[-1].content)
        names = sorted({*re.findall(r"\"(\w+)\"", seen), name})
        text = f"NAMES = {names!r}\n".replace("'", '"')
        return write("shop/__init__.py", text)

    def turn(messages: list[Any]) -> Any:
        return answer(messages) if getattr(messages[-1], "type", "") == "human" else second(messages)

    return turn


def test_a_conflict_sends_the_task_back_to_the_new_base(world: Any) -> None:
    here = world(CLASH, {"shop/__init__.py": 'NAMES = ["single"]\n'})
    author = Author({"T001": [exported("twice", 2)], "T002": [exported("thrice", 3)]}, meet=2)
    assert here.run(author, jobs=2) == 0
    assert "new-base" in here.notices()
    assert here.show("shop/__init__.py") == 'NAMES = ["single", "thrice", "twice"]\n'
    assert here.tasks() == ["T001", "T002"]
    assert here.outcomes() == {"T001": "verified", "T002": "verified"}


def test_a_task_that_fails_before_its_turn_is_tried_again_on_what_came_before_it(world: Any) -> None:
    """T002 needs T001 and does not say so: one after another it finds the other's module."""

    def needs(messages: list[Any]) -> Any:
        if getattr(messages[-1], "type", "") == "human":
            return calls(("outline", {"path": "shop"}))
        name = "twice" if "twice.py" in str(messages[-1].content) else "never"
        return write(
            "shop/four.py", f"from shop.{name} import {name}\n\n\ndef four(price):\n    return {name}({name}(price))\n"
        )

    tasks = (
        "- [ ] T001 [P] Create `twice(price)` in shop/twice.py\n- [ ] T002 [P] Create `four(price)` in shop/four.py\n"
    )
    here = world(tasks)
    assert here.run(Author({"T001": [module("twice", 2)], "T002": [needs]}, meet=2), jobs=2) == 0
    assert "from shop.twice" in here.show("shop/four.py")


def test_what_only_fails_together_is_not_landed_as_it_is(world: Any) -> None:
    """The one task lowers a limit that the other's new test relies on; git merges both without a conflict."""
    limit = {
        "shop/limit.py": "LIMIT = 10\n",
        "shop/cap.py": "from shop.limit import LIMIT\n\n\ndef cap(price):\n    return min(price, LIMIT)\n",
    }
    tasks = "- [ ] T001 [P] Set LIMIT in shop/limit.py to 5\n- [ ] T002 [P] Test `cap` in tests/test_cap.py\n"
    head = "from shop.cap import cap\n\n\ndef test_cap():\n    assert cap(3) == 3\n"

    def by_the_limit(messages: list[Any]) -> Any:
        # What the model sees of the repository decides what it writes.
        now = 5 if "LIMIT = 5" in "\n".join(str(message.content) for message in messages) else 10
        if getattr(messages[-1], "type", "") == "human":
            return calls(("read_file", {"path": "shop/limit.py"}))
        return write("tests/test_cap.py", head + f"    assert cap(99) == {now}\n")

    here = world(tasks, limit)
    author = Author({"T001": [write("shop/limit.py", "LIMIT = 5\n")], "T002": [by_the_limit]}, meet=2)
    assert here.run(author, jobs=2) == 0
    final = next(event for event in here.events if isinstance(event, FinalCheck))
    assert final.passed, final.failures
    assert here.tasks() == ["T001", "T002"]


FIRST = """**Tests first**: they must fail before the implementation.

- [ ] T001 [US1] Write the failing tests of twice and thrice in tests/test_both.py
- [ ] T002 [US1] Create `twice(price)` in shop/twice.py (depends on T001)
- [ ] T003 [US1] Create `thrice(price)` in shop/thrice.py (depends on T001)
"""
BOTH = (
    "def test_twice():\n    from shop.twice import twice\n\n    assert twice(2) == 4\n\n\n"
    "def test_thrice():\n    from shop.thrice import thrice\n\n    assert thrice(2) == 6\n"
)


def test_tasks_that_one_test_file_waits_for_are_worked_in_turn(world: Any) -> None:
    here = world(FIRST)
    answers = {
        "T001": [write("tests/test_both.py", BOTH)],
        "T002": [module("twice", 2)],
        "T003": [module("thrice", 8), module("thrice", 3)],
    }
    assert here.run(Author(answers), jobs=2) == 0
    assert here.tasks() == ["T001", "T002", "T003"]
    started = [event.task for event in here.events if isinstance(event, TaskStarted)]
    ended = [event.task for event in here.events if isinstance(event, TaskFinished)]
    assert started == ended == ["T001", "T002", "T003"], "both decide about one test file, so one comes after the other"


def test_one_dead_model_call_ends_the_run_after_the_steps_of_the_others(world: Any) -> None:
    here = world(FAN)
    answers = {key: turns[-1:] for key, turns in FAN_ANSWERS.items()}
    broken = Author({**answers, "T001": [ModelError("the endpoint is gone")]}, meet=2)
    with pytest.raises(ModelError, match="gone"):
        here.run(broken, jobs=3)
    assert here.run(Author(answers), jobs=3, resume=True) == 0
    assert here.tasks() == ["T001", "T002", "T003", "T004", "T005"]


def test_an_interrupt_ends_all_and_the_run_goes_on(world: Any) -> None:
    here = world(FAN)
    answers = {key: turns[-1:] for key, turns in FAN_ANSWERS.items()}
    with pytest.raises(Interrupted, match="--resume"):
        here.run(Author({**answers, "T002": [KeyboardInterrupt()]}, meet=2), jobs=3)
    assert here.run(Author(answers), jobs=2, resume=True) == 0
    assert here.tasks() == ["T001", "T002", "T003", "T004", "T005"]
