"""Whole runs on real git, pytest and KFP. Only the model is a fake: it says what the test's script says."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import filelock
import pytest
from kfpilot.agent.cli.run import run_command
from kfpilot.agent.errors import Interrupted, ModelError, UserError
from kfpilot.agent.events import FinalCheck, RunFinished, TaskFinished, read_journal
from kfpilot.agent.models.handle import Handle
from kfpilot.agent.models.scripted import ScriptedModel, calls
from kfpilot.agent.settings import Settings
from kfpilot.agent.verifier.bench import Bench
from kfpilot.agent.workflow import attempts, driver, landing
from kfpilot.agent.workflow.driver import NothingToDo, implement
from kfpilot.agent.workflow.place import Request
from kfpilot.tools import git as tools_git
from kfpilot.tools.pytest_run import TestRun

TASKS_FILE = "specs/001-prices/tasks.md"
THREE = """- [ ] T001 [US1] Create `double(price)` in shop/double.py (FR-001)
- [ ] T002 [US1] Test `double` in tests/test_double.py (FR-001; depends on T001)
- [ ] T003 [US1] Describe the prices in docs/prices.md
"""
DOUBLE = ("shop/double.py", "def double(price):\n    return 2 * price\n")
WRONG = ("shop/double.py", "def double(price):\n    return 2 * prise\n")
TEST = ("tests/test_double.py", "from shop.double import double\n\n\ndef test_double():\n    assert double(2) == 4\n")
PAGE = ("docs/prices.md", "# Prices\n\n`single()` in `shop/price.py` keeps a price.\n")
PAGES = """- [ ] T001 Describe the prices in docs/first.md
- [ ] T002 Describe the prices in docs/second.md
- [ ] T003 Describe the prices in docs/prices.md
"""
ONE = ("docs/first.md", PAGE[1])
TWO = ("docs/second.md", PAGE[1])
BRANCH = "kfpilot/001-prices"
LIGHT = [word for name in ("hypothesispytest", "syrupy", "anyio") for word in ("-p", f"no:{name}")]
"""Plugins of our own environment that cost most of a second in every run of pytest."""


def git(root: Path, *arguments: str, data: str | None = None) -> str:
    return subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True, text=True, input=data).stdout


def write(*files: tuple[str, str]) -> Any:
    """An answer that writes whole files and finishes."""
    return calls(
        *(("write_file", {"path": path, "content": text}) for path, text in files), ("finish", {"summary": "x"})
    )


@dataclass
class World:
    """A repository and a model whose answers are queued."""

    root: Path
    cache: Path
    model: ScriptedModel
    events: list[Any] = field(default_factory=list)

    def run(self, *turns: Any, resume: bool = False, tools: bool = True, **request: Any) -> int:
        self.model.add(*turns)
        settings = Settings(
            cache_dir=self.cache, python=Path(sys.executable), attempts=2, refine="never", test_command=LIGHT
        )
        self.events.clear()
        request.setdefault("feature", "001")
        return implement(self.root, Request(**request), settings, [self.events.append], resume=resume)

    def log(self, what: str = "%s", span: str = f"main..{BRANCH}") -> list[str]:
        if not git(self.root, "branch", "--list", BRANCH):
            return []
        return git(self.root, "log", "--reverse", f"--format={what}", span).splitlines()

    def trailers(self, key: str) -> list[str]:
        return [value for value in self.log(f"%(trailers:key={key},valueonly,separator=%x2c)") if value]

    def show(self, path: str, commit: str = BRANCH) -> str:
        return git(self.root, "show", f"{commit}:{path}")

    def outcomes(self) -> dict[str, str]:
        return {event.task: event.outcome for event in self.events if isinstance(event, TaskFinished)}

    def records(self) -> list[Path]:
        return sorted((self.root / ".kfpilot/runs").iterdir())

    def journal(self) -> list[Any]:
        return list(read_journal(self.records()[-1] / "journal.jsonl"))

    def ticks(self) -> str:
        return "".join(line[3] for line in self.show(TASKS_FILE).splitlines() if line.startswith("- ["))


MakeWorld = Callable[..., World]


@pytest.fixture
def world(
    make_repository: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., World]:
    def make(
        tasks: str = THREE, files: dict[str, str] | None = None, *, tools: bool = True, quick: bool = False
    ) -> World:
        made = World(make_repository(tasks, files), tmp_path / "cache", ScriptedModel())

        @contextmanager
        def opened(settings: Settings, **more: Any) -> Iterator[Handle]:
            yield Handle(model=made.model, name="scripted", tools=tools, kind="fake")

        monkeypatch.setattr(driver, "open_model", opened)
        if quick:
            # Where only documents are written the suite is not what is tested, and takes most of the time.
            empty = TestRun(
                tests=[], exit_code=5, counts={}, command=["pytest"], seconds=0.0, timed_out=False, collected=0
            )
            monkeypatch.setattr(Bench, "run_tests", lambda self, *arguments, **more: empty.model_copy(deep=True))
        return made

    return make


def snapshot(root: Path) -> dict[str, Any]:
    """All of the user's checkout that a run must leave alone, git's index and branch included."""
    files = {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and not path.relative_to(root).parts[0].startswith((".git", ".kfpilot"))
    }
    return {
        "files": files,
        "status": git(root, "status", "--porcelain", "--ignored"),
        "staged": git(root, "diff", "--cached"),
        "head": (root / ".git/HEAD").read_bytes(),
        "main": git(root, "rev-parse", "main"),
    }


def text_of(messages: Sequence[Any]) -> str:
    return "\n".join(str(message.content) for message in messages)


def test_a_feature_becomes_verified_commits(world: MakeWorld) -> None:
    here = world()
    (here.root / "shop/price.py").write_text("def single(price):\n    return price  # mine\n")
    (here.root / "staged.txt").write_text("staged\n")
    git(here.root, "add", "staged.txt")
    before = snapshot(here.root)

    assert here.run(write(DOUBLE), write(TEST), write(PAGE)) == 0

    assert here.model.left == 0
    assert here.outcomes() == {"T001": "verified", "T002": "verified", "T003": "verified"}
    assert here.trailers("Kfpilot-Task") == ["T001", "T002", "T003"]
    assert here.trailers("Kfpilot-Run") == [here.records()[0].name] * 3
    assert here.trailers("Kfpilot-Feature") == ["001-prices"] * 3
    evidence = here.trailers("Kfpilot-Evidence")
    assert [event.evidence for event in here.events if isinstance(event, TaskFinished)] == evidence
    assert len({*evidence}) == 3 and all(len(digest) == 64 for digest in evidence)
    subjects = here.log()
    assert [subject.split(":")[0] for subject in subjects] == ["feat", "test", "docs"]
    assert all(len(subject) <= 72 for subject in subjects)
    # Each commit holds the task's files and a tick of exactly one byte.
    commits = here.log("%H")
    for commit, files in zip(commits, ([DOUBLE[0]], [TEST[0]], [PAGE[0]]), strict=True):
        changed = git(here.root, "diff", "--name-only", f"{commit}~1", commit).split()
        assert sorted(changed) == sorted([*files, TASKS_FILE])
        old, new = here.show(TASKS_FILE, f"{commit}~1").encode(), here.show(TASKS_FILE, commit).encode()
        assert len(old) == len(new)
        assert [(a, b) for a, b in zip(old, new, strict=True) if a != b] == [(ord(" "), ord("x"))]
    # What a person had in the checkout is as it was; only the records are new, and git ignores them.
    after = snapshot(here.root)
    assert after.pop("status") == before.pop("status") + "!! .kfpilot/\n"
    assert after == before
    assert tools_git.list_worktrees(tools_git.open_repo(here.root)) == []
    record = here.records()[0]
    assert (record / "report.md").is_file() and (record / "report.json").is_file()
    assert {file.name for file in (record / "evidence").iterdir()} == {"T001.json", "T002.json", "T003.json"}
    assert isinstance(here.journal()[-1], RunFinished) and here.journal()[-1].outcome == "verified"


def test_a_task_that_never_passes_is_left_open_and_its_work_is_kept(world: MakeWorld) -> None:
    here = world()
    assert here.run(write(WRONG), write(WRONG), write(PAGE)) == 1
    assert here.outcomes() == {"T001": "failed", "T002": "skipped", "T003": "verified"}
    assert here.ticks() == "  x"
    assert here.trailers("Kfpilot-Task") == ["T003"]
    failed = next(event for event in here.events if isinstance(event, TaskFinished) and event.task == "T001")
    assert failed.attempts == 2 and "prise" in failed.why
    patch = (here.records()[0] / failed.patch).read_text()
    git(here.root, "apply", "-", data=patch)
    assert (here.root / DOUBLE[0]).read_text() == WRONG[1]
    # What the verifier found was told to the model.
    assert "prise" in text_of(here.model.sent[1]) and "prise" not in text_of(here.model.sent[0][:1])
    assert "shop/double.py" not in git(here.root, "ls-tree", "-r", "--name-only", BRANCH)


def test_what_the_author_of_refused_tests_says_is_told(world: MakeWorld) -> None:
    here = world()
    three = (DOUBLE[0], "def double(price):\n    return 3 * price\n")
    said = calls(("finish", {"summary": "double() in shop/double.py\ngives 3 * price, FR-001 demands 2 * price"}))
    assert here.run(write(three), write(TEST), said, tasks=["T001", "T002"]) == 1
    assert here.outcomes() == {"T001": "verified", "T002": "failed"}
    failed = next(event for event in here.events if isinstance(event, TaskFinished) and event.task == "T002")
    assert failed.why.endswith(
        "; its worker said: double() in shop/double.py gives 3 * price, FR-001 demands 2 * price"
    )
    assert "FR-001 demands 2 * price" in (here.records()[0] / "report.md").read_text()


def test_a_second_attempt_may_mend_the_first(world: MakeWorld) -> None:
    here = world()
    assert here.run(write(WRONG), write(DOUBLE), tasks=["T001"]) == 0
    assert here.ticks() == "x  "
    assert here.show(DOUBLE[0]) == DOUBLE[1]
    assert "undefined" in text_of(here.model.sent[1]).lower()


def test_words_alone_are_not_work(world: MakeWorld) -> None:
    here = world(quick=True)
    assert here.run(*["All done, every test passes and T001 is complete."] * 6, tasks=["T001"]) == 1
    assert here.model.left == 0
    assert here.outcomes() == {"T001": "failed"}
    assert here.log() == []


def test_a_finish_without_work_is_refused(world: MakeWorld) -> None:
    here = world(quick=True)
    assert here.run(write(), write(), tasks=["T001"]) == 1
    assert here.log() == []
    assert "does not exist" in text_of(here.model.sent[1])


def test_a_weakened_test_is_never_committed(world: MakeWorld) -> None:
    here = world("- [ ] T001 Test `single` in tests/test_price.py\n")
    weak = ("tests/test_price.py", "from shop.price import single\n\n\ndef test_single():\n    assert single(2) == 2\n")
    assert here.run(write(weak), write(weak)) == 1
    assert here.log() == []


def test_documents_that_are_not_committed_go_along(world: MakeWorld) -> None:
    here = world(quick=True)
    tasks = here.root / TASKS_FILE
    tasks.write_bytes(tasks.read_bytes().replace(b"T003 [US1]", b"T007 [US1]"))
    (here.root / "specs/001-prices/research.md").write_text("# Research\n")
    before = snapshot(here.root)
    assert here.run(write(PAGE), tasks=["T007"]) == 0
    assert here.trailers("Kfpilot-Task") == ["T007"]
    assert here.log()[0].startswith("docs: the documents of 001-prices")
    assert here.show("specs/001-prices/research.md") == "# Research\n"
    after = snapshot(here.root)
    assert after["files"] == before["files"] and after["main"] == before["main"]


def test_a_document_with_a_secret_is_never_committed(world: MakeWorld) -> None:
    here = world(quick=True)
    token = "gh" + "p_" + "wWPw5k4aXcaT4fNP" + "0UcnZwJUVFk6LO0pINUx"
    spec = here.root / "specs/001-prices/spec.md"
    spec.write_text(spec.read_text() + f"\nUse the token {token}.\n")
    with pytest.raises(UserError, match="holds a secret") as caught:
        here.run()
    assert token not in str(caught.value)
    log = ["git", "log", "--all", "-p"]
    assert token not in subprocess.run(log, cwd=here.root, capture_output=True, text=True, check=True).stdout


def test_the_run_branch_must_be_free(world: MakeWorld) -> None:
    here = world(quick=True)
    git(here.root, "checkout", "-q", "-b", BRANCH)
    with pytest.raises(UserError, match="checked out"):
        here.run()
    assert here.model.sent == []


def test_a_second_run_goes_on_after_the_first(world: MakeWorld) -> None:
    here = world(PAGES, quick=True)
    assert here.run(write(ONE), tasks=["T001"]) == 0
    # The user's own tasks.md is still without ticks, and is changed meanwhile: the verified tick is not lost.
    tasks = here.root / TASKS_FILE
    tasks.write_bytes(tasks.read_bytes().replace(b"prices in docs/prices", b"shop in docs/prices"))
    assert here.run(write(TWO), write(PAGE)) == 0
    assert here.trailers("Kfpilot-Task") == ["T001", "T002", "T003"]
    assert here.ticks() == "xxx"
    assert here.outcomes() == {"T002": "verified", "T003": "verified"}
    with pytest.raises(NothingToDo) as ended:
        here.run()
    assert ended.value.exit_code == 0
    assert "nothing left to do" in str(ended.value)
    assert len(here.records()) == 2, "a run with nothing to do leaves no record"
    assert tools_git.list_worktrees(tools_git.open_repo(here.root)) == []


def test_a_task_the_user_rewrote_or_reopened_is_worked_again(world: MakeWorld) -> None:
    here = world(quick=True)
    assert here.run(write(PAGE), tasks=["T003"]) == 0
    tasks = here.root / TASKS_FILE
    tasks.write_bytes(tasks.read_bytes().replace(b"Describe the prices", b"Describe all prices"))
    more = (PAGE[0], PAGE[1] + "\nAll of them.\n")
    assert here.run(write(more), tasks=["T003"]) == 0
    assert here.outcomes() == {"T003": "verified"}
    tasks.write_text(git(here.root, "show", f"main:{TASKS_FILE}"))
    git(here.root, "merge", "-q", "--ff-only", BRANCH)
    tasks.write_bytes(tasks.read_bytes().replace(b"[x] T003", b"[ ] T003"))
    again = (PAGE[0], PAGE[1] + "\nEach one.\n")
    assert here.run(write(again), tasks=["T003"]) == 0
    assert here.show(PAGE[0]).endswith("Each one.\n")


def test_the_commits_of_another_feature_tick_nothing(world: MakeWorld) -> None:
    here = world(PAGES, quick=True)
    assert here.run(write(ONE), tasks=["T001"], land=True) == 0
    other = here.root / "specs/002-names/tasks.md"
    other.parent.mkdir()
    other.write_text("# Tasks: Names\n\n- [ ] T001 Describe the names in docs/names.md\n")
    assert here.run(write(("docs/names.md", "# Names\n\nNone yet.\n")), feature="002") == 0
    assert git(here.root, "show", "kfpilot/002-names:docs/names.md") == "# Names\n\nNone yet.\n"


def test_land_brings_the_users_branch_forward(world: MakeWorld) -> None:
    here = world(quick=True)
    assert here.run(write(PAGE), tasks=["T003"], land=True) == 0
    assert git(here.root, "rev-parse", "main") == git(here.root, "rev-parse", BRANCH)
    assert (here.root / PAGE[0]).read_text() == PAGE[1]
    assert git(here.root, "status", "--porcelain") == ""
    assert here.journal()[-1].landed


def test_land_leaves_both_branches_when_it_cannot_be(world: MakeWorld) -> None:
    here = world(quick=True)
    (here.root / "docs").mkdir()
    (here.root / PAGE[0]).write_text("mine\n")
    before = snapshot(here.root)
    assert here.run(write(PAGE), tasks=["T003"], land=True) == 0
    after = snapshot(here.root)
    assert after["files"] == before["files"] and after["main"] == before["main"]
    assert not here.journal()[-1].landed
    assert [event.code for event in here.events if event.type == "notice"] == ["not-landed"]


def finished_once(here: World) -> None:
    """Every task is done, exactly once."""
    assert here.trailers("Kfpilot-Task") == ["T001", "T002", "T003"]
    assert here.ticks() == "xxx"
    assert here.model.left == 0
    assert here.journal()[-1].outcome == "verified"
    assert len(here.records()) == 1
    assert tools_git.list_worktrees(tools_git.open_repo(here.root)) == []


def test_an_interrupted_run_goes_on_where_it_was(world: MakeWorld) -> None:
    here = world(PAGES, quick=True)
    with pytest.raises(Interrupted, match="--resume"):
        here.run(write(ONE), KeyboardInterrupt())
    assert here.trailers("Kfpilot-Task") == ["T001"]
    assert here.journal()[-1].outcome == "interrupted"
    assert here.run(write(TWO), write(PAGE), resume=True) == 0
    finished_once(here)
    with pytest.raises(UserError, match="no unfinished run"):
        here.run(resume=True)


@pytest.mark.parametrize("lost", [False, True], ids=["worktree-there", "worktree-lost"])
@pytest.mark.parametrize("at", ["verify", "tick", "commit", "branch", "checkpoint"])
def test_a_run_that_breaks_anywhere_does_each_task_once(
    world: MakeWorld, monkeypatch: pytest.MonkeyPatch, at: str, lost: bool
) -> None:
    here = world(PAGES, quick=True)
    state = {"left": 1}

    def breaking(real: Any, *, after: bool = False) -> Any:
        def call(*arguments: Any, **more: Any) -> Any:
            done = real(*arguments, **more) if after else None
            if state["left"]:
                state["left"] = 0
                raise OSError("pulled the plug")
            return done if after else real(*arguments, **more)

        return call

    with monkeypatch.context() as patch:
        if at == "verify":
            patch.setattr(attempts, "verify", breaking(attempts.verify))
        elif at == "tick":
            patch.setattr(landing, "tick_file", breaking(landing.tick_file))
        elif at == "commit":
            patch.setattr(tools_git, "commit_all", breaking(tools_git.commit_all))
        elif at == "branch":
            patch.setattr(tools_git, "update_branch", breaking(tools_git.update_branch))
        else:
            patch.setattr(tools_git, "update_branch", breaking(tools_git.update_branch, after=True))
        with pytest.raises(OSError, match="plug"):
            here.run(write(ONE))
    assert here.journal()[-1].outcome == "error"
    if lost:
        repo = tools_git.open_repo(here.root)
        for worktree in tools_git.list_worktrees(repo):
            tools_git.remove_worktree(repo, worktree)
    assert here.run(write(TWO), write(PAGE), resume=True) == 0
    finished_once(here)


def test_a_broken_checkpoint_and_a_cut_journal_lose_nothing(world: MakeWorld) -> None:
    here = world(PAGES, quick=True)
    with pytest.raises(Interrupted):
        here.run(write(ONE), KeyboardInterrupt())
    record = here.records()[0]
    (record / "checkpoint.sqlite").write_bytes(b"SQLite format 3\0" + b"\xff" * 5000)
    (record / "evidence/T001.json").write_text('{"task": "T0')
    lines = (record / "journal.jsonl").read_text().splitlines(keepends=True)
    # The end of the first task was never told, and the last line is cut.
    kept = [line for line in lines if "task-finished" not in line]
    (record / "journal.jsonl").write_text("".join(kept[:-1]) + kept[-1][:20])
    assert here.run(write(TWO), write(PAGE), resume=True) == 0
    assert here.outcomes() == {"T001": "verified", "T002": "verified", "T003": "verified"}
    assert here.trailers("Kfpilot-Task") == ["T001", "T002", "T003"]
    assert here.ticks() == "xxx"


def test_a_run_killed_before_its_first_word_goes_on(world: MakeWorld) -> None:
    here = world(PAGES, quick=True)
    with pytest.raises(Interrupted):
        here.run(KeyboardInterrupt())
    (here.records()[0] / "journal.jsonl").unlink()
    assert here.run(write(ONE), write(TWO), write(PAGE), resume=True) == 0
    assert len(here.records()) == 1


def test_a_run_killed_in_its_report_gets_it(world: MakeWorld) -> None:
    here = world(PAGES, quick=True)
    assert here.run(write(ONE), tasks=["T001"]) == 0
    report = here.records()[0] / "report.json"
    report.unlink()
    assert here.run(resume=True) == 0
    assert report.is_file()
    with pytest.raises(UserError, match="no unfinished run"):
        here.run(resume=True)


def test_tests_whose_code_never_came_are_told(world: MakeWorld) -> None:
    here = world(FIRST)
    bad = ("shop/triple.py", "def triple(price):\n    return prise\n")
    assert here.run(write(FIRST_TEST), write(DOUBLE), write(bad), write(bad)) == 1
    told = [event.message for event in here.events if event.type == "notice" and event.code == "tests-wait"]
    assert len(told) == 1 and "tests/test_double.py" in told[0] and "T003" in told[0]


def test_a_resumed_run_may_be_told_to_land(world: MakeWorld) -> None:
    here = world(PAGES, quick=True)
    with pytest.raises(Interrupted):
        here.run(write(ONE), KeyboardInterrupt())
    assert here.run(write(TWO), write(PAGE), resume=True, land=True) == 0
    assert git(here.root, "rev-parse", "main") == git(here.root, "rev-parse", BRANCH)


def test_a_new_run_clears_away_what_a_broken_one_left(world: MakeWorld) -> None:
    here = world(PAGES, quick=True)
    with pytest.raises(Interrupted):
        here.run(write(ONE), KeyboardInterrupt())
    repo = tools_git.open_repo(here.root)
    assert len(tools_git.list_worktrees(repo)) == 1
    assert here.run(write(TWO), write(PAGE)) == 0
    assert here.trailers("Kfpilot-Task") == ["T001", "T002", "T003"]
    assert tools_git.list_worktrees(repo) == []


def test_a_shell_in_the_worktree_outlives_the_clearing_and_a_stray_test_does_not(world: MakeWorld) -> None:
    here = world(PAGES, quick=True)
    with pytest.raises(Interrupted):
        here.run(write(ONE), KeyboardInterrupt())
    (worktree,) = tools_git.list_worktrees(tools_git.open_repo(here.root))
    sleep = [sys.executable, "-c", "import time; time.sleep(60)"]
    shell = subprocess.Popen(sleep, cwd=worktree)
    stray = subprocess.Popen(sleep, cwd=worktree, env={**os.environ, "KFPILOT_JOB": "x"})
    try:
        assert here.run(write(TWO), write(PAGE), resume=True) == 0
        assert stray.wait(10) == -signal.SIGKILL
        assert shell.poll() is None
    finally:
        shell.kill()
        stray.kill()
        shell.wait()
        stray.wait()


def test_what_the_tests_write_is_not_taken_for_work_after_a_resume(
    world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    litter = (
        "from pathlib import Path\n\n\ndef test_litter():\n"
        "    Path('shop/left.py').write_text('A = 1\\n')\n    assert 1 + 1 == 2\n"
    )
    here = world(files={"tests/test_litter.py": litter})
    with monkeypatch.context() as patch:
        patch.setattr(attempts, "verify", lambda *a, **b: (_ for _ in ()).throw(KeyboardInterrupt()))
        with pytest.raises(Interrupted):
            here.run(write(DOUBLE), tasks=["T001"])
    assert here.run(resume=True) == 0
    assert "shop/left.py" not in git(here.root, "ls-tree", "-r", "--name-only", BRANCH).split()


def test_a_dead_endpoint_ends_the_run_and_it_can_go_on(world: MakeWorld) -> None:
    here = world(PAGES, quick=True)
    with pytest.raises(ModelError) as ended:
        here.run(write(ONE), ModelError("the endpoint is gone"))
    assert ended.value.exit_code == 4
    last = here.journal()[-1]
    assert isinstance(last, RunFinished) and (last.outcome, last.exit_code) == ("error", 4)
    assert "the endpoint is gone" in last.message
    assert here.ticks() == "x  "
    assert here.run(write(TWO), write(PAGE), resume=True) == 0
    finished_once(here)


def test_no_model_at_the_start_loses_no_documents(world: MakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    here = world(PAGES, quick=True)
    tasks = here.root / TASKS_FILE
    tasks.write_bytes(tasks.read_bytes().replace(b"the prices in docs/prices", b"all prices in docs/prices"))

    def none(settings: Settings, **more: Any) -> Any:
        raise ModelError("no model answers")

    with monkeypatch.context() as patch:
        patch.setattr(driver, "open_model", none)
        with pytest.raises(ModelError):
            here.run()
    assert here.run(write(ONE), write(TWO), write(PAGE), resume=True) == 0
    assert "Describe all prices" in text_of(here.model.sent[2])
    assert "Describe all prices" in here.show(TASKS_FILE)
    finished_once(here)


def test_two_runs_at_once_are_refused(world: MakeWorld) -> None:
    here = world(quick=True)
    (here.root / ".kfpilot").mkdir()
    with filelock.FileLock(here.root / ".kfpilot/lock"), pytest.raises(UserError, match="another run"):
        here.run()
    assert here.model.sent == []


FIRST = """**Tests first**: they must fail before the implementation.

- [ ] T001 [US1] Write the failing tests of double and triple in tests/test_double.py
- [ ] T002 [US1] Create `double(price)` in shop/double.py (depends on T001)
- [ ] T003 [US1] Create `triple(price)` in shop/triple.py (depends on T001)
"""
FIRST_TEST = (
    "tests/test_double.py",
    "def test_double():\n    from shop.double import double\n\n    assert double(2) == 4\n\n\n"
    "def test_triple():\n    from shop.triple import triple\n\n    assert triple(2) == 6\n",
)
TRIPLE = ("shop/triple.py", "def triple(price):\n    return 3 * price\n")
BAD_TRIPLE = ("shop/triple.py", "def triple(price):\n    return price\n")


def test_tests_written_first_are_due_with_the_last_task_they_wait_for(world: MakeWorld) -> None:
    here = world(FIRST)
    assert here.run(write(FIRST_TEST), write(DOUBLE), write(BAD_TRIPLE), write(TRIPLE)) == 0
    assert here.outcomes() == {"T001": "verified", "T002": "verified", "T003": "verified"}
    assert "waits for this task" in text_of(here.model.sent[3])
    assert next(event for event in here.events if isinstance(event, FinalCheck)).passed


def test_tests_that_are_red_before_the_run_are_due_too(world: MakeWorld) -> None:
    here = world(FIRST.replace("[ ] T001", "[x] T001").replace("[ ] T002", "[x] T002"), dict([FIRST_TEST, DOUBLE]))
    assert here.run(write(BAD_TRIPLE), write(TRIPLE)) == 0
    assert here.outcomes() == {"T003": "verified"}
    assert "waits for this task" in text_of(here.model.sent[-1])


def test_a_model_without_tools_drafts_whole_files(world: MakeWorld) -> None:
    here = world(tools=False)
    assert (
        here.run(
            "No code at all.", f"```python\n{WRONG[1]}```", f"Here:\n\n```python\n{DOUBLE[1]}```\n", tasks=["T001"]
        )
        == 0
    )
    assert here.show(DOUBLE[0]) == DOUBLE[1]
    assert here.ticks() == "x  "


def test_a_dry_run_changes_nothing(world: MakeWorld, capsys: pytest.CaptureFixture[str]) -> None:
    here = world()
    before = snapshot(here.root)
    code = run_command(here.root, "001", [], tasks=[], stories=[], overrides={}, dry_run=True)
    assert code == 0
    assert "nothing was changed" in capsys.readouterr().out
    assert snapshot(here.root) == before
    assert here.model.sent == []


def test_the_command_reports_what_was_done(world: MakeWorld, capsys: pytest.CaptureFixture[str]) -> None:
    here = world(quick=True)
    here.model.add(write(PAGE))
    overrides = {"cache_dir": here.cache, "python": Path(sys.executable), "refine": "never"}
    code = run_command(here.root, "001", [], tasks=["T003"], stories=[], overrides=overrides, plain=True)
    out = capsys.readouterr().out
    assert code == 0
    assert "T003" in out and "report.md" in out and BRANCH in out
