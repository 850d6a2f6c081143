"""The sandbox bounds memory, processes, files, output and time, and lets through what is meant to work."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from kfpilot.tools import sandbox

from .conftest import Machine

pytestmark = [pytest.mark.integration, pytest.mark.chaos]

BOTH = pytest.mark.parametrize("mode", ["landlock", "bubblewrap"], indirect=True)


@BOTH
def test_a_fork_bomb_fizzles_out(machine: Machine) -> None:
    # Bounded in itself, in case nothing holds it.
    done = machine.run(
        """
        import os, time
        made = 0
        for _ in range(2500):
            try:
                if os.fork() == 0:
                    time.sleep(20)
                    os._exit(0)
                made += 1
            except OSError:
                break
        print('made', made, flush=True)
        time.sleep(0.5)
        """,
        processes=400,
    )
    made = next((int(line.split()[1]) for line in done.stdout.splitlines() if line.startswith("made")), 0)
    assert "more than 400 processes" in done.stderr or made <= 400, done.stderr
    assert done.seconds < 90


@BOTH
def test_the_disk_is_not_filled(machine: Machine) -> None:
    done = machine.run(
        """
        for number in range(400):
            with open(f'part-{number}', 'wb') as file:
                file.write(bytes(2**20))
            import time; time.sleep(0.005)
        """,
        disk=40 * 2**20,
    )
    assert "wrote more than 40 MiB" in done.stderr
    assert sum(path.stat().st_size for path in machine.worktree.glob("part-*")) < 300 * 2**20


@BOTH
@pytest.mark.parametrize(
    "code",
    [
        "open('sparse', 'wb').truncate(2**36)",
        "open('large', 'wb').write(bytes(60 * 2**20))",
        "open('/tmp/large', 'wb').write(bytes(60 * 2**20))",
        "open('/dev/shm/large', 'wb').write(bytes(60 * 2**20))",
    ],
    ids=["one-sparse-file", "one-large-file", "the-scratch-folder", "shared-memory"],
)
def test_a_large_file_is_refused(machine: Machine, code: str) -> None:
    done = machine.run(code, disk=40 * 2**20, scratch=30 * 2**20)
    assert done.exit_code != 0
    assert "File too large" in done.stderr or "No space left" in done.stderr or "to the disk" in done.stderr


@BOTH
def test_memory_is_bounded_for_all_processes_together(machine: Machine) -> None:
    done = machine.run(
        """
        import os, time
        for _ in range(5):
            if os.fork() == 0:
                held = []
                for _ in range(4):
                    held.append(bytearray(os.urandom(2**20) * 20)); time.sleep(0.05)
                time.sleep(10)
                os._exit(0)
        os.wait()
        print('all had it')
        """,
        memory=200 * 2**20,
    )
    assert "used more than 200 MiB" in done.stderr
    assert "all had it" not in done.stdout


@BOTH
def test_what_will_not_end_is_ended(machine: Machine) -> None:
    done = machine.run(
        """
        import os, signal, time
        for number in range(1, 32):
            try: signal.signal(number, signal.SIG_IGN)
            except OSError: pass
        for _ in range(5):
            if os.fork() == 0: os.setsid()
        while True: time.sleep(1)
        """,
        timeout=1,
    )
    assert done.timed_out
    assert [path for path in Path("/proc").glob("[0-9]*/cwd") if linked(path) == str(machine.worktree)] == []


def linked(path: Path) -> str:
    try:
        return str(path.readlink())
    except OSError:
        return ""


@BOTH
def test_a_flood_of_output_is_cut(machine: Machine) -> None:
    done = machine.run("for _ in range(3000): print('x' * 10000)", output_limit=100_000)
    assert done.truncated
    assert len(done.stdout) < 101_000


@BOTH
def test_what_is_meant_to_work_does(machine: Machine) -> None:
    done = machine.run(
        """
        import multiprocessing, os, socket, subprocess, sys, tempfile, threading
        server = socket.create_server(('127.0.0.1', 0))
        caller = socket.create_connection(server.getsockname()); caller.close(); server.close()
        open('made.txt', 'w').write('x'); os.mkdir('folder'); os.rename('made.txt', 'folder/made.txt')
        with tempfile.TemporaryDirectory() as folder:
            open(folder + '/x', 'w').write('x')
        open(os.path.expanduser('~/.cache-of-a-library'), 'w').write('x')
        with multiprocessing.get_context('fork').Pool(2) as pool:
            assert pool.map(abs, [-1, 2]) == [1, 2]
        queue = multiprocessing.Queue(); queue.put(1); assert queue.get() == 1
        assert subprocess.run(['bash', '-c', 'cat <(echo 7)'], capture_output=True, text=True).stdout == '7\\n'
        assert subprocess.run(['git', 'log', '--format=%s'], capture_output=True, text=True).stdout == 'start\\n'
        import pty; pty.openpty()
        import pytest, kfp
        assert os.getuid() == int(os.environ.get('WHO', os.getuid()))
        assert os.path.exists('/proc/self/status') and os.cpu_count()
        sys.exit(7)
        """
    )
    assert done.exit_code == 7, done.stderr
    assert (machine.worktree / "folder/made.txt").exists()


@BOTH
def test_a_signal_is_told_as_such(machine: Machine) -> None:
    assert machine.run("import os; os.kill(os.getpid(), 9)").exit_code == -9
    assert machine.run("import os; os.abort()").exit_code == -6


def test_it_ends_with_whoever_started_it(machine: Machine, tmp_path: Path) -> None:
    import signal
    import subprocess
    import sys

    script = (
        "import sys\nfrom pathlib import Path\nfrom kfpilot.tools import processes\n"
        "from kfpilot.tools.sandbox import Reach, Sandbox\n"
        f"here = Path({str(machine.worktree)!r})\n"
        "processes.run([sys.executable, '-c', \"import time; open('on', 'w'); time.sleep(60)\"], cwd=here,"
        " env=processes.clean_env(), reach=Reach(python=Path(sys.executable), write=[here]),"
        " sandbox=Sandbox(mode='landlock'))\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script])
    try:
        for _ in range(300):
            if (machine.worktree / "on").exists():
                break
            time.sleep(0.05)
        assert (machine.worktree / "on").exists()
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        for _ in range(100):
            if not [path for path in Path("/proc").glob("[0-9]*/cwd") if linked(path) == str(machine.worktree)]:
                return
            time.sleep(0.05)
        pytest.fail("something is still running in the worktree")
    finally:
        parent.kill()
        parent.wait()


def test_there_is_no_run_without_a_sandbox_unless_it_is_wished(monkeypatch: pytest.MonkeyPatch) -> None:
    from kfpilot.agent.errors import UserError
    from kfpilot.agent.settings import load_settings

    monkeypatch.setattr(sandbox, "obstacle", lambda name: "not here")
    with pytest.raises(UserError, match=r"bubblewrap: not here; landlock: not here.*\n.*--sandbox=off"):
        load_settings(None).open_sandbox()
    assert load_settings(None, sandbox="off").open_sandbox().mechanism() == "off"
    monkeypatch.setenv("KFPILOT_SANDBOX", "off")
    assert load_settings(None).open_sandbox().mechanism() == "off"
