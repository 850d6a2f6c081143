"""Child processes: limits hold, nothing is left behind, nothing secret is passed on."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest
from kfpilot.tools import processes
from kfpilot.tools.errors import ToolFailure
from kfpilot.tools.processes import clean_env, run


def python(code: str) -> list[str]:
    return [sys.executable, "-S", "-E", "-c", code]


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def assert_gone(pid: int) -> None:
    until = time.monotonic() + 3
    while is_alive(pid):
        assert time.monotonic() < until, f"process {pid} is still there"
        time.sleep(0.01)


def test_output_exit_code_and_folder_come_back(tmp_path: Path) -> None:
    done = run(["sh", "-c", "pwd; echo wrong >&2; exit 3"], cwd=tmp_path)

    assert (done.exit_code, done.stdout, done.stderr) == (3, f"{tmp_path}\n", "wrong\n")
    assert not done.timed_out
    assert not done.truncated
    assert done.command[0] == "sh"


def test_input_larger_than_a_pipe_arrives_complete(tmp_path: Path) -> None:
    text = "é" * 300_000

    assert run(["cat"], cwd=tmp_path, stdin=text, output_limit=2_000_000).stdout == text


def test_without_input_the_standard_input_is_empty(tmp_path: Path) -> None:
    assert run(["cat"], cwd=tmp_path, timeout=5).exit_code == 0


def test_a_program_that_does_not_read_its_input_is_no_error(tmp_path: Path) -> None:
    assert run(["true"], cwd=tmp_path, stdin="x" * 1_000_000).exit_code == 0


def test_a_program_that_closes_its_output_is_still_waited_for(tmp_path: Path) -> None:
    done = run(["sh", "-c", "exec >&- 2>&-; sleep 0.2; exit 4"], cwd=tmp_path)

    assert done.exit_code == 4


def test_output_keeps_its_head_and_its_tail(tmp_path: Path) -> None:
    done = run(python("print('first'); print('x' * 5_000_000); print('last')"), cwd=tmp_path, output_limit=1000)

    assert done.truncated
    assert done.stdout.startswith("first\n")
    assert done.stdout.endswith("last\n")
    assert "bytes left out" in done.stdout
    assert len(done.stdout) < 1100


def test_output_at_the_limit_is_left_whole(tmp_path: Path) -> None:
    done = run(python("print('x' * 999)"), cwd=tmp_path, output_limit=1000)

    assert done.stdout == "x" * 999 + "\n"
    assert not done.truncated


def test_an_endless_flood_ends_at_the_time_limit(tmp_path: Path) -> None:
    done = run(["yes"], cwd=tmp_path, timeout=0.3, output_limit=1000)

    assert done.timed_out
    assert done.truncated
    assert len(done.stdout) < 1100


def test_bytes_that_are_no_text_do_not_break_it(tmp_path: Path) -> None:
    assert run(["printf", r"a\377b"], cwd=tmp_path).stdout == "a\ufffdb"


def test_the_time_limit_kills_grandchildren_too(tmp_path: Path) -> None:
    done = run(["sh", "-c", "sleep 60 & echo $!; wait"], cwd=tmp_path, timeout=1.0)

    assert done.timed_out
    assert done.exit_code < 0
    assert_gone(int(done.stdout))


def test_a_process_that_ignores_term_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "GRACE", 0.2)

    done = run(["sh", "-c", "trap '' TERM; while :; do sleep 0.05; done"], cwd=tmp_path, timeout=0.7)

    assert done.timed_out
    assert done.exit_code == -9
    assert done.seconds < 30


def test_a_process_may_tidy_up_when_it_is_told_to_stop(tmp_path: Path) -> None:
    done = run(["sh", "-c", "trap 'echo tidied; exit 7' TERM; sleep 60 & wait"], cwd=tmp_path, timeout=1.0)

    assert done.timed_out
    assert done.exit_code == 7
    assert done.stdout == "tidied\n"


def test_what_is_left_after_a_normal_end_is_killed_at_once(tmp_path: Path) -> None:
    done = run(["sh", "-c", "sleep 60 & echo $!"], cwd=tmp_path)

    assert done.exit_code == 0
    assert done.seconds < 30
    assert_gone(int(done.stdout))


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc")
def test_a_daemon_in_a_session_of_its_own_is_killed(tmp_path: Path) -> None:
    code = "import os,time\nif os.fork(): os._exit(0)\nos.setsid()\nif os.fork(): os._exit(0)\n"
    code += "print(os.getpid(), flush=True)\ntime.sleep(60)"
    # The shell waits until the daemon has spoken.
    done = run(["sh", "-c", 'exec 3<&0; "$0" -S -E -c "$1" | head -n 1', sys.executable, code], cwd=tmp_path)

    assert done.seconds < 30
    assert_gone(int(done.stdout))


def test_an_interrupt_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> bool:
        until = time.monotonic() + 3
        while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text().strip():
            assert time.monotonic() < until
            time.sleep(0.01)
        monkeypatch.undo()
        raise KeyboardInterrupt

    monkeypatch.setattr(processes._Exchange, "until_exit", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run(["sh", "-c", "sleep 60 & echo $! > pid; wait"], cwd=tmp_path)

    assert_gone(int((tmp_path / "pid").read_text()))


def test_many_runs_leak_no_file_descriptor(tmp_path: Path) -> None:
    before = len(list(Path("/dev/fd").iterdir()))
    for _ in range(5):
        run(["true"], cwd=tmp_path, stdin="x")

    assert len(list(Path("/dev/fd").iterdir())) == before


@pytest.mark.parametrize(
    ("command", "said"),
    [(["no-such-program-here"], "no such program"), ([], "no command"), (["./data"], "Permission denied")],
)
def test_what_cannot_be_run_is_said(tmp_path: Path, command: list[str], said: str) -> None:
    (tmp_path / "data").write_text("x")

    with pytest.raises(ToolFailure, match=said):
        run(command, cwd=tmp_path)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ToolFailure, match="nowhere does not exist"):
        run(["true"], cwd=tmp_path / "nowhere")


def test_the_clean_environment_holds_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret-one")
    monkeypatch.setenv("GITHUB_TOKEN", "secret-two")
    monkeypatch.setenv("PYTHONPATH", "secret-three")
    monkeypatch.setenv("LC_TIME", "C")

    seen = run(["env"], cwd=tmp_path, env=clean_env({"PYTHONPATH": "src"})).stdout.splitlines()

    assert not any("secret" in line for line in seen)
    assert {"PYTHONPATH=src", "LC_TIME=C", "PIP_NO_INDEX=1", "PYTHONHASHSEED=0", "NO_COLOR=1"} <= set(seen)
    assert "PYTHONDONTWRITEBYTECODE=1" in seen
    assert f"PATH={os.environ['PATH']}" in seen
