"""`kfpilot clean`: removes what runs left, and neither what others made nor work that is nowhere else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kfpilot.agent.chat.session import Session, chat_folder, keep, latest_session
from kfpilot.agent.cli.clean import clean_command
from kfpilot.agent.drafting.draft import Draft
from kfpilot.agent.drafting.outline import Outline
from kfpilot.agent.errors import Interrupted, UserError
from kfpilot.agent.events import read_journal
from kfpilot.agent.workflow.background_runs import Background, full_status
from kfpilot.agent.workflow.clean import Cleaning, carry_out, home_of, look
from kfpilot.agent.workflow.locks import one_run
from kfpilot.agent.workflow.place import Request
from kfpilot.tools import git as tools_git
from kfpilot.tools import leftovers, scratch
from kfpilot.tools.leftovers import orphans

TWO = "- [ ] T001 Describe the prices in docs/first.md\n- [ ] T002 Describe the prices in docs/second.md\n"
TEXT = "# Prices\n\n`single()` in `shop/price.py` keeps a price.\n"
FIRST, SECOND = [("docs/first.md", TEXT)], [("docs/second.md", TEXT)]
WRONG = [("docs/second.md", "# Prices\n\nSee `shop/no_such_file.py`.\n")]

Runs = Any

DRAFT = Draft(
    request="a",
    outline=Outline.model_validate(
        {
            "title": "X",
            "summary": "A page.",
            "stories": [
                {
                    "title": "X",
                    "text": "x",
                    "why": "x",
                    "test": "x",
                    "scenarios": [{"given": "a", "when": "b", "then": "c"}],
                }
            ],
            "requirements": [{"text": "A page MUST say x.", "story": 1}],
            "pieces": [{"kind": "docs", "name": "X", "does": "says x"}],
        }
    ),
    folder="002-x",
    directory="specs/002-x",
    documents={"spec.md": "# A\n", "plan.md": "# B\n"},
)


@pytest.fixture
def runs(scripted_runs: Callable[..., Runs], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runs:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    # Those of the machine, which other tests may be making right now.
    monkeypatch.setattr(leftovers, "orphans", list)
    return scripted_runs(TWO)


def find(runs: Runs, **more: Any) -> Cleaning:
    return look(tools_git.open_repo(runs.root), runs.cache, **more)


def names(items: Any) -> list[str]:
    return [f"{item.kind} {Path(item.name).name}" for item in items]


def age(runs: Runs, days: float) -> None:
    """Let all that the journals tell have happened so many days earlier."""
    for journal in (runs.root / ".kfpilot/runs").glob("*/journal.jsonl"):
        events = list(read_journal(journal))
        for event in events:
            event.at -= days * 24 * 3600
        journal.write_text("".join(event.model_dump_json() + "\n" for event in events))


def put_back(folder: Path, days: float) -> None:
    """Let the files of a folder be so many days old."""
    for path in [*folder.iterdir(), folder]:
        os.utime(path, (time.time() - days * 24 * 3600,) * 2)


def test_after_a_run_there_is_nothing_to_remove(runs: Runs) -> None:
    assert runs.run(FIRST, SECOND) == 0
    found = find(runs)
    assert found.remove == []
    assert [(item.kind, item.unmerged) for item in found.keep] == [("record", False), ("branch", True)]


def test_a_merged_branch_goes_and_can_be_brought_back(runs: Runs, capsys: pytest.CaptureFixture[str]) -> None:
    assert runs.run(FIRST, SECOND) == 0
    runs.git("merge", "-q", "--ff-only", runs.branch)
    tip = runs.git("rev-parse", runs.branch).strip()
    assert clean_command(runs.root, yes=True) == 0
    assert f"git branch {runs.branch} {tip[:12]}" in capsys.readouterr().out
    assert runs.git("branch", "--list", "kfpilot/*") == ""
    assert find(runs).remove == []


def test_an_unmerged_branch_goes_only_when_told(runs: Runs, capsys: pytest.CaptureFixture[str]) -> None:
    assert runs.run(FIRST, SECOND) == 0
    assert clean_command(runs.root, yes=True) == 0
    assert "not merged; goes with --all" in capsys.readouterr().out
    assert runs.git("branch", "--list", "kfpilot/*").strip() == runs.branch
    assert clean_command(runs.root, everything=True, yes=True) == 0
    assert "NOT MERGED" in capsys.readouterr().out
    assert runs.git("branch", "--list", "kfpilot/*") == ""
    assert list((runs.root / ".kfpilot/runs").iterdir()) == []


def test_a_branch_that_exists_only_at_a_remote_or_at_another_run_is_not_merged(runs: Runs) -> None:
    assert runs.run(FIRST, SECOND) == 0
    runs.git("branch", "-q", "kfpilot/copy", runs.branch)
    runs.git("update-ref", "refs/remotes/origin/kfpilot/001-prices", runs.branch)
    assert names(find(runs).remove) == []


def test_old_records_go_and_those_that_keep_unverified_work_stay(runs: Runs) -> None:
    assert runs.run(FIRST, WRONG, WRONG) == 1
    age(runs, 40)
    kept = next(item for item in find(runs).keep if item.kind == "record")
    assert kept.unmerged and "T002.patch" in kept.why
    (next((runs.root / ".kfpilot/runs").glob("*/patches/*.patch"))).unlink()
    assert [item.kind for item in find(runs).remove] == ["record"]
    assert [item.kind for item in find(runs, days=50).remove] == []
    assert [item.kind for item in find(runs, everything=True).remove] == ["record", "branch"]


def test_an_unfinished_run_keeps_its_worktree_and_can_go_on_after_a_cleaning(runs: Runs) -> None:
    with pytest.raises(Interrupted):
        runs.run(FIRST, KeyboardInterrupt())
    age(runs, 40)
    found = find(runs)
    assert found.remove == []
    assert [(item.kind, item.unmerged) for item in found.keep] == [
        ("worktree", True),
        ("record", True),
        ("branch", True),
    ]
    carry_out(tools_git.open_repo(runs.root), found)
    assert runs.run(SECOND, resume=True) == 0
    assert runs.ticks() == "xx"


def test_worktrees_of_runs_that_are_over_go_whatever_is_in_them(runs: Runs) -> None:
    assert runs.run(FIRST, SECOND) == 0
    repo, run = tools_git.open_repo(runs.root), next((runs.root / ".kfpilot/runs").iterdir()).name
    home = home_of(repo, runs.cache)
    kept = tools_git.add_worktree(repo, home / run, "HEAD")
    (kept / "locked").mkdir()
    (kept / "locked/file").write_text("x")
    (kept / "locked").chmod(0o500)
    (home / "forgotten").mkdir()
    (home / "forgotten/file").write_text("x" * 1000)
    found = find(runs)
    assert names(found.remove) == [f"worktree {run}", "worktree forgotten"]
    assert found.bytes > 1000
    carry_out(repo, found)
    assert not home.exists() and tools_git.list_worktrees(repo) == []


def test_conversations_go_when_old_unless_their_draft_is_nowhere_else(runs: Runs) -> None:
    written, changed = DRAFT.digests(), {**DRAFT.digests(), "specs/002-x/plan.md": "0"}
    talks = [
        Session(id="1-asked", request="a"),
        Session(id="2-changed", draft=DRAFT, saved=changed),
        Session(id="3-written", draft=DRAFT, saved=written),
        Session(id="4-drafted", draft=DRAFT),
        Session(id="7-later", request="nothing came of it"),
    ]
    for back, talk in zip((43, 42, 41, 1, 0), talks, strict=True):
        keep(runs.root, talk)
        put_back(chat_folder(runs.root) / talk.id, back)
    (chat_folder(runs.root) / "5-broken-off").mkdir()
    (chat_folder(runs.root) / "5-broken-off/session.json").write_text("{")
    put_back(chat_folder(runs.root) / "5-broken-off", 50)
    found = find(runs)
    gone = ["conversation 1-asked", "conversation 3-written", "conversation 5-broken-off"]
    assert names(found.remove) == gone and found.bytes > 0
    why = "holds a draft of 002-x that was not written"
    assert [(item.name, item.why, item.unmerged) for item in found.keep] == [
        ("2-changed", why, True),
        ("4-drafted", f"{why}; go on with: kfpilot chat --continue", True),
        ("7-later", "0 days old, less than 30", False),
    ]
    assert names(find(runs, days=60).remove) == []
    carry_out(tools_git.open_repo(runs.root), found)
    assert sorted(path.name for path in chat_folder(runs.root).iterdir()) == ["2-changed", "4-drafted", "7-later"]
    assert latest_session(runs.root).draft == DRAFT
    carry_out(tools_git.open_repo(runs.root), find(runs, everything=True))
    assert list(chat_folder(runs.root).iterdir()) == []


def test_what_the_user_made_is_in_no_list(runs: Runs, tmp_path: Path) -> None:
    runs.git("branch", "kfpilot/mine")
    runs.git("worktree", "add", "-q", "-b", "side", str(tmp_path / "side"))
    (tmp_path / "temporary/kfpilot-demo-abc").mkdir()
    (tmp_path / "temporary/kfpilot-notes").mkdir()
    for folder in (tmp_path / "temporary").iterdir():
        os.utime(folder, (0, 0))
    before = runs.git("show-ref") + runs.git("worktree", "list")
    found = find(runs, everything=True)
    assert found.remove == [] and found.keep == []
    assert clean_command(runs.root, everything=True, yes=True) == 0
    assert runs.git("show-ref") + runs.git("worktree", "list") == before
    assert len(list((tmp_path / "temporary").iterdir())) == 2


def test_locks_and_temporary_folders_of_killed_processes(runs: Runs, tmp_path: Path) -> None:
    assert runs.run(FIRST, SECOND) == 0
    young, old = tmp_path / "temporary/kfpilot-index-a", tmp_path / "temporary/kfpilot-index-b"
    young.mkdir(), old.mkdir()
    os.utime(old, (0, 0))
    lock = runs.root / ".git/refs/heads" / f"{runs.branch}.lock"
    lock.touch()
    os.utime(lock, (0, 0))
    (runs.root / ".kfpilot/holder.json").write_text('{"pid": 1, "host": "gone", "since": 0}')
    found = find(runs)
    assert names(found.remove) == ["lock 001-prices.lock", "lock holder.json", "temporary kfpilot-index-b"]
    with pytest.raises(Exception, match="lock"):
        tools_git.update_branch(
            tools_git.open_repo(runs.root), runs.branch, "main", runs.git("rev-parse", runs.branch).strip()
        )
    carry_out(tools_git.open_repo(runs.root), found)
    assert young.is_dir() and not old.exists() and not lock.exists()
    assert find(runs).remove == []


KILLED = """
import os, signal, sys
from kfpilot.tools.scratch import make_folder
from kfpilot.tools.sandbox_child import Territory
print(Territory(sys.executable).scratch.parent, make_folder("verify"), flush=True)
sys.stdin.read() if sys.argv[1:] else os.kill(os.getpid(), signal.SIGKILL)
"""


def test_temporary_folders_of_a_killed_process_go_with_the_next_run(
    runs: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "temporary"
    environment = os.environ | {"TMPDIR": str(home)}
    killed = subprocess.run([sys.executable, "-c", KILLED], env=environment, capture_output=True, text=True)
    left = {Path(name) for name in killed.stdout.split()}
    assert len(left) == 2 and set(home.iterdir()) == left
    assert list(leftovers.temporary()) == [], "one that is just being made is not locked yet"
    monkeypatch.setattr(scratch, "MAKING", -1.0)
    command = [sys.executable, "-c", KILLED, "wait"]
    with subprocess.Popen(command, env=environment, stdin=-1, stdout=-1, text=True) as living:
        used = {Path(name) for name in living.stdout.readline().split()} if living.stdout else set()
        for folder in used:
            os.utime(folder, (0, 0))
        assert set(leftovers.temporary()) == left
        assert runs.run(FIRST, SECOND) == 0
        assert set(home.iterdir()) == used, "those of a living process stay, however old they are"
        living.communicate("")
    assert list(runs.cache.glob("worktrees/*")) == [], "no empty folder stays either"


def test_what_is_kept_of_a_process_goes_with_the_record_of_its_run(
    runs: Runs, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KFPILOT_CACHE_DIR", str(runs.cache))
    with pytest.raises(Interrupted):
        runs.run(FIRST, KeyboardInterrupt())
    (record,) = (runs.root / ".kfpilot/runs").iterdir()
    job = Background(
        run=record.name, feature="001-prices", root=runs.root, request=Request(feature="001"), pid=1, exit_code=130
    )
    job.save()
    job.log.write_text("x\n")
    assert "background" not in [item.kind for item in [*find(runs).remove, *find(runs).keep]]
    assert clean_command(runs.root, everything=True, yes=True) == 0
    assert f"removed background {record.name}" in capsys.readouterr().out
    assert list(job.file.parent.iterdir()) == []
    assert full_status(runs.root).features[0].run is None
    # What an earlier version has left.
    job.save()
    assert names(find(runs).keep) == names(find(runs, days=0).remove) == [f"background {record.name}"]
    assert names(find(runs, everything=True).remove) == [f"background {record.name}"]
    job.exit_code, job.pid, job.started = None, 0, time.time()
    job.save()
    assert find(runs, everything=True).remove == [], "it is only just starting"


ORPHAN = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", "kfpilot.agent.models.llama_child"],
                         start_new_session=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                         stderr=subprocess.DEVNULL)
print(child.pid)
"""


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="processes are looked for in /proc")
def test_orphaned_helpers_are_ended_and_those_with_a_parent_are_not(runs: Runs) -> None:
    own = [sys.executable, "-c", "import time; time.sleep(600)", "kfpilot.agent.models.llama_child"]
    with subprocess.Popen(own) as child:
        try:
            pid = int(subprocess.run([sys.executable, "-c", ORPHAN], capture_output=True, check=True).stdout)
            found = [item for item in orphans() if item.pid == pid]
            if not found:
                os.kill(pid, 9)
                pytest.skip("orphans are taken in by a process that is not known here")
            assert child.pid not in [item.pid for item in orphans()]
            assert leftovers.end(found[0])
            until = time.monotonic() + 10
            while is_running(pid) and time.monotonic() < until:
                time.sleep(0.02)
            assert not is_running(pid) and is_running(child.pid)
            assert not leftovers.end(found[0]), "a number that another process may have by now is not touched"
        finally:
            child.kill()


def test_a_dry_run_changes_nothing_and_says_all(runs: Runs, capsys: pytest.CaptureFixture[str]) -> None:
    assert runs.run(FIRST, SECOND) == 0
    runs.git("merge", "-q", "--ff-only", runs.branch)
    before = runs.git("show-ref")
    assert clean_command(runs.root, dry_run=True, json=True) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["dry_run"] and [item["name"] for item in said["remove"]] == [runs.branch]
    assert [item["kind"] for item in said["keep"]] == ["record"]
    assert runs.git("show-ref") == before


def test_without_a_terminal_nothing_goes_unasked(runs: Runs) -> None:
    assert runs.run(FIRST, SECOND) == 0
    runs.git("merge", "-q", "--ff-only", runs.branch)
    with pytest.raises(UserError, match="--yes"):
        clean_command(runs.root)
    assert runs.git("branch", "--list", "kfpilot/*").strip() == runs.branch


def test_a_run_under_way_is_left_alone(runs: Runs) -> None:
    with one_run(runs.root, "001-prices"):
        for dry_run in (False, True):
            with pytest.raises(UserError, match="another run"):
                clean_command(runs.root, everything=True, yes=True, dry_run=dry_run)
