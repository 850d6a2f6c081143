"""Processes that outlive their parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from kfpilot.tools import detached
from kfpilot.tools.errors import ToolFailure

MARK = "mark-of-this-test"


def until(condition: object, seconds: float = 20.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():  # type: ignore[operator]
            return True
        time.sleep(0.02)
    return False


def test_it_lives_until_it_is_stopped_and_is_not_taken_for_another(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "out"
    code = f"import time; print('here', flush=True); time.sleep(60)  # {MARK}"
    pid = detached.start([sys.executable, "-c", code], cwd=tmp_path, log=log)
    assert until(lambda: log.exists() and log.read_text() == "here\n")
    assert log.stat().st_mode & 0o077 == 0
    assert os.getsid(pid) == pid != os.getsid(0)
    assert detached.is_alive(pid, MARK)
    # The same number with another command line is somebody else: it is not stopped.
    assert not detached.is_alive(pid, "another mark") and not detached.stop(pid, "another mark")
    assert not detached.is_alive(0, "")
    assert detached.stop(pid, MARK)
    assert until(lambda: not detached.is_alive(pid, MARK))
    assert not detached.stop(pid, MARK)


def test_a_process_that_had_no_time_for_the_first_signal_knows_of_the_second(tmp_path: Path) -> None:
    log = tmp_path / "out"
    code = (
        "import signal, time\n"
        "for number in (signal.SIGINT, signal.SIGTERM):\n"
        "    signal.signal(number, lambda number, frame: print('told', flush=True))\n"
        "print('here', flush=True)\n"
        f"time.sleep(60)  # {MARK}"
    )
    pid = detached.start([sys.executable, "-c", code], cwd=tmp_path, log=log)
    assert until(lambda: log.exists() and log.read_text() == "here\n")
    os.kill(pid, signal.SIGSTOP)
    assert detached.stop(pid, MARK) and detached.stop(pid, MARK, again=True)
    os.kill(pid, signal.SIGCONT)
    assert until(lambda: log.read_text() == "here\ntold\ntold\n")
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def test_what_cannot_be_started(tmp_path: Path) -> None:
    with pytest.raises(ToolFailure, match="no-such-program"):
        detached.start(["no-such-program"], cwd=tmp_path, log=tmp_path / "log")


def test_who_started_it_ends_without_a_word_about_it(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from kfpilot.tools import detached; "
        f"own = [sys.executable, '-c', 'import time; time.sleep(60)  # {MARK}']; "
        "print(detached.start(own, cwd=Path(sys.argv[1]), log=Path(sys.argv[1], 'out')))"
    )
    command = [sys.executable, "-W", "always", "-c", code, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == "" and until(lambda: detached.is_alive(int(done.stdout), MARK))
    assert detached.stop(int(done.stdout), MARK)
