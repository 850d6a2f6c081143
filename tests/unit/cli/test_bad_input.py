"""What a user mistypes is refused with its name, before anything is done, and never taken for something else."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from kfpilot.agent.cli.app import main
from kfpilot.agent.cli.verify import planned_tasks
from kfpilot.agent.documents import load_feature
from kfpilot.agent.workflow.place import Place, Request
from kfpilot.tools import git
from kfpilot.tools.errors import ToolFailure

TASKS = """# Tasks

- [x] T001 [US3] Write docs/a.md
- [ ] T002 [US1] Write docs/b.md
- [ ] T003 [US2] Write docs/c.md
"""
Call = Callable[..., tuple[int, str]]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("OPENAI_BASE_URL", "OPENAI_API_KEY", "OPENAI_MODEL", "KFPILOT_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KFPILOT_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("KFPILOT_SANDBOX", "off")
    folder = tmp_path / "repo"
    (folder / "specs/001-pages").mkdir(parents=True)
    (folder / "specs/001-pages/spec.md").write_text("# Pages\n")
    (folder / "specs/001-pages/tasks.md").write_text(TASKS)
    (folder / "README.md").write_text("# Pages\n")
    given = ["git", "-c", "user.name=t", "-c", "user.email=t@example.com", "-C", str(folder)]
    for arguments in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "one"]):
        subprocess.run([*given, *arguments], check=True)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def call(root: Path, capsys: pytest.CaptureFixture[str]) -> Call:
    def run(*arguments: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        code = ended.value.code
        assert isinstance(code, int)
        told = capsys.readouterr()
        return code, told.out + told.err

    return run


@pytest.mark.parametrize(
    "command",
    [
        ["status"], ["plan", "001"], ["run", "001"], ["report"], ["undo"], ["clean"], ["land"], ["deliver"], ["verify"],
        ["diff-ir"], ["lint"], ["init"], ["doctor"], ["mcp"], ["acp"], ["cancel"], ["chat"], ["new", "x"], ["nightly"],
        ["converge"],
    ],
)  # fmt: skip
@pytest.mark.parametrize(("folder", "why"), [("./typo", "does not exist"), ("README.md", "is no folder")])
def test_a_folder_that_is_none_is_not_taken_for_its_parent(
    command: list[str], folder: str, why: str, call: Call
) -> None:
    code, told = call(*command, "-C", folder)
    assert code == 2
    assert Path(folder).name in told and why in told and "git init" not in told


def test_the_tool_itself_does_not_look_at_the_parent(root: Path) -> None:
    for path, why in ((root / "typo", "does not exist"), (root / "README.md", "is no folder")):
        with pytest.raises(ToolFailure, match=why):
            git.open_repo(path)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["diff-ir", "nosuch.py"], ["nosuch.py does not exist"]),
        (["clean", "--older-than", "-1"], ["--older-than"]),
        (["audit", "README.md"], ["README.md", "no tasks file"]),
        (["audit", "--sarif", "/nosuch/a.sarif"], ["--sarif", "/nosuch"]),
        (["lint", "--sarif", "/nosuch/a.sarif"], ["--sarif", "/nosuch"]),
        (["run", "001", "--record", "/nosuch/x"], ["--record", "/nosuch"]),
        (["plan", "001", "--no-llm", "--story", "US7"], ["Known stories: US1, US2, US3."]),
    ],
)
def test_what_cannot_be_is_refused_at_once(command: list[str], words: list[str], call: Call, root: Path) -> None:
    code, told = call(*command)
    assert code == 2, told
    assert all(word in told for word in words), told
    assert not (root / ".kfpilot").exists()


def test_a_file_that_was_deleted_can_be_compared(call: Call, root: Path) -> None:
    (root / "README.md").unlink()
    assert call("diff-ir", "README.md")[0] == 0


@pytest.mark.parametrize("names", [["T002,T003"], ["t2", "t003"], ["T002-T003"]])
def test_tasks_may_be_named_as_a_list(names: list[str], call: Call) -> None:
    code, told = call("plan", "001", "--no-llm", *(part for name in names for part in ("-t", name)))
    assert code == 0 and "T002" in told and "T003" in told and "left out" not in told


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("KFPILOT_PYTHON", "/nosuch", ["/nosuch", "KFPILOT_PYTHON", "pyproject.toml"]),
        ("OPENAI_BASE_URL", "foo", ["'foo' is not the URL of an endpoint", "OPENAI_BASE_URL"]),
        ("KFPILOT_PRICES", "abc", ["KFPILOT_PRICES is not JSON", '"prompt"']),
        ("KFPILOT_MODEL", "replay:nosuch.jsonl", ["nosuch.jsonl"]),
    ],
)
@pytest.mark.parametrize("detach", [[], ["--detach"]])
def test_settings_with_which_no_run_can_begin_leave_none(
    name: str, value: str, words: list[str], detach: list[str], call: Call, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if detach and name == "KFPILOT_MODEL":
        return
    monkeypatch.setenv(name, value)
    code, told = call("run", "001", "-t", "T002", *detach)
    assert code == 2, told
    assert all(word in told for word in words) and "--resume" not in told, told
    assert not list((root / ".kfpilot").glob("*/*"))
    assert subprocess.check_output(["git", "worktree", "list"], text=True).count("\n") == 1


def test_a_variable_that_nobody_reads_is_told(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KFPILOT_ATTEMPT", "2")
    monkeypatch.setenv("OPENAI_BASE_URL", "foo")
    assert "KFPILOT_ATTEMPT is no setting; did you mean KFPILOT_ATTEMPTS?" in call("run", "001")[1]


@pytest.mark.parametrize("more", [["-t", "T003"], ["--story", "US2"], ["make it short"]])
def test_a_run_that_goes_on_keeps_its_selection(more: list[str], call: Call, root: Path) -> None:
    place = Place(
        run="20261128-101500", feature="001-pages", directory="specs/001-pages", branch="kfpilot/001-pages",
        start=git.head(git.open_repo(root)), root=root, worktree=root / "none",
        record=root / ".kfpilot/runs/20261128-101500", request=Request(feature="001", tasks=["T002"]),
    )  # fmt: skip
    place.record.mkdir(parents=True)
    (place.record / "run.json").write_text(place.model_dump_json())
    for detach in ([], ["--detach"]):
        code, told = call("run", "001", *more, "--resume", *detach)
        assert code == 2
        assert "20261128-101500, which has its own selection (--task T002)" in told
        assert "kfpilot run 001-pages --resume" in told


def test_the_same_selection_is_no_other(call: Call, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    test_a_run_that_goes_on_keeps_its_selection(["-t", "T003"], call, root)
    monkeypatch.setenv("OPENAI_BASE_URL", "foo")
    code, told = call("run", "001", "-t", "t2", "--resume")
    assert code == 2 and "is not the URL" in told and "selection" not in told


@pytest.mark.parametrize("names", [["t001"], ["T1"], ["T001,T003"]])
def test_verify_knows_tasks_as_plan_does(names: list[str], root: Path) -> None:
    feature = load_feature(root / "specs/001-pages", root)
    assert [task.id for task in planned_tasks(feature, names)] == (["T001", "T003"] if "," in names[0] else ["T001"])


def test_verify_of_a_group_judges_its_sub_tasks(root: Path) -> None:
    path = root / "specs/001-pages/tasks.md"
    path.write_text("- [x] 1. Pages\n- [x] 1.1 Write docs/a.md\n- [x]* 1.2 Write docs/b.md\n")
    feature = load_feature(path.parent, root)
    assert [task.id for task in planned_tasks(feature, ["1"])] == ["1.1"]
    assert [task.id for task in planned_tasks(feature, [])] == ["1.1", "1.2"]
