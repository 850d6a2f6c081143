"""Code in the sandbox really tries to get out, by every means there is; each try is a row of the reliability table.

The rows of `OPEN` are also run without a sandbox and must succeed there: a try that never works would show nothing.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from kfpilot.tools import sandbox

from .conftest import SECRET, Machine

pytestmark = [pytest.mark.integration, pytest.mark.chaos]

BOTH = pytest.mark.parametrize("mode", ["landlock", "bubblewrap"], indirect=True)

READ = """
import glob
for name in {names}:
    for path in glob.glob(name):
        try:
            print(open(path, errors='replace').read())
        except OSError as error:
            print(error)
"""

OPEN = {
    "read-ssh-key": READ.format(names="[HOME + '/.ssh/id_rsa']"),
    "read-cloud-credentials": READ.format(
        names="[HOME + '/.aws/credentials', HOME + '/.config/gh/*', HOME + '/.netrc']"
    ),
    "read-a-file-beside-the-worktree": READ.format(names="[HOME + '/notes.txt']"),
    "read-dotenv-of-the-checkout": READ.format(names="[GIT[:-5] + '/.env']"),
    "read-through-a-link-in-the-worktree": """
        import os
        os.symlink(HOME + '/.ssh', 'keys')
        print(open('keys/id_rsa').read())
    """,
    "read-through-proc-root": READ.format(
        names="['/proc/*/root' + HOME + '/.ssh/id_rsa', '/proc/*/cwd/../../home/.netrc']"
    ),
    "read-the-password-of-the-remote": READ.format(names="[GIT + '/config']"),
    "ask-git-for-the-remote": "import subprocess; print(subprocess.run(['git', 'remote', '-v'], capture_output=True))",
    "read-the-environment-of-another-process": READ.format(names="[f'/proc/{VICTIM}/environ']"),
    "read-every-environment": READ.format(names="['/proc/[0-9]*/environ']"),
    "call-a-server-on-loopback": """
        import socket
        print(socket.create_connection(('127.0.0.1', PORT), 3).recv(100))
    """,
    "send-a-datagram": """
        import socket, time
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', UDP))
        time.sleep(0.2)
    """,
    "call-a-socket-in-a-folder": """
        import os, socket
        os.chdir(os.path.dirname(SOCKET))
        s = socket.socket(socket.AF_UNIX); s.connect('s'); print(s.recv(100))
    """,
    "call-an-abstract-socket": """
        import socket
        s = socket.socket(socket.AF_UNIX); s.connect(ABSTRACT); print(s.recv(100))
    """,
    "write-outside": "open(OUTSIDE + '/escaped', 'w').write('x')",
    "write-into-the-home": "open(HOME + '/.bashrc', 'a').write('x')",
    "write-through-a-link": """
        import os
        os.symlink(OUTSIDE, 'out')
        open('out/escaped', 'w').write('x')
    """,
    "link-a-file-of-the-outside-into-the-worktree": """
        import os
        os.link(HOME + '/.ssh/id_rsa', 'key')
        print(open('key').read())
    """,
    "edit-a-git-hook": """
        import os
        os.makedirs(GIT + '/hooks', exist_ok=True)
        open(GIT + '/hooks/post-checkout', 'w').write('#!/bin/sh')
    """,
    "edit-the-git-configuration": "open(GIT + '/config', 'a').write('[core]\\n\\tfsmonitor = /bin/false\\n')",
    "have-git-edit-its-configuration": """
        import subprocess
        subprocess.run(['git', 'config', 'core.fsmonitor', '/bin/false'])
    """,
    "replace-the-git-configuration": """
        import os
        open(GIT + '/new', 'w').write('[core]\\n')
        os.replace(GIT + '/new', GIT + '/config')
    """,
    "turn-the-worktree-to-another-repository": """
        import os
        os.mkdir('mine'); os.replace('.git', 'mine/old')
        open('.git', 'w').write('gitdir: ' + WORKTREE + '/mine')
    """,
    "move-a-branch": "open(GIT + '/refs/heads/main', 'w').write('0' * 40)",
    "signal-a-process-outside": """
        import os, signal
        os.kill(VICTIM, signal.SIGKILL)
    """,
    "kill-kfpilot": "import os; os.kill(PARENT, 0); open(OUTSIDE + '/escaped', 'w')",
    "trace-a-process-outside": """
        import ctypes, os
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.ptrace(16, VICTIM, 0, 0) == 0:
            open(OUTSIDE + '/escaped', 'w')
    """,
    "read-the-memory-of-a-process-outside": """
        with open(f'/proc/{VICTIM}/maps') as maps, open(f'/proc/{VICTIM}/mem', 'rb') as memory:
            for line in maps:
                if '[stack]' in line:
                    low, high = (int(part, 16) for part in line.split()[0].split('-'))
                    memory.seek(low); print(memory.read(high - low))
    """,
    "list-what-else-is-running": "import os; os.listdir(f'/proc/{VICTIM}'); open(OUTSIDE + '/escaped', 'w')",
    "leave-a-daemon": """
        import os, sys, time
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                os.environ.clear()
                time.sleep(1.5)
                open(WORKTREE + '/late', 'w').write('still here')
            os._exit(0)
        time.sleep(0.2)
    """,
}
"""Tries that succeed without a sandbox. (A daemon is found by its mark there, and ends too.)"""

SHUT = {
    "become-somebody-in-new-namespaces": """
        import ctypes, os
        libc = ctypes.CDLL(None)
        if libc.unshare(0x10000000 | 0x20000) == 0:
            print('ESCAPED')
    """,
    "clone-into-new-namespaces": """
        import ctypes, os, signal
        pid = ctypes.CDLL(None).syscall(56 if os.uname().machine == 'x86_64' else 220, 0x10000000 | 17, 0, 0, 0, 0)
        if pid == 0:
            os._exit(0)
        if pid > 0:
            print('ESCAPED')
    """,
    "mount-over-the-system": """
        import ctypes
        if ctypes.CDLL(None).mount(b'tmpfs', b'/usr', b'tmpfs', 0, None) == 0:
            print('ESCAPED')
    """,
    "make-the-system-writable": """
        import ctypes
        if ctypes.CDLL(None).mount(b'', b'/usr', b'', 4096 | 32, None) == 0:
            print('ESCAPED')
    """,
    "unmount-the-guard-of-git": """
        import ctypes
        if ctypes.CDLL(None).umount2((WORKTREE + '/.git').encode(), 2) == 0:
            print('ESCAPED')
    """,
    "write-to-the-system": """
        for path in ('/usr/escaped', '/etc/escaped', '/escaped', '/proc/sys/kernel/core_pattern', '/proc/sysrq-trigger',
                     '/sys/fs/cgroup/escaped', '/dev/escaped'):
            try:
                open(path, 'w').close()
                print('ESCAPED', path)
            except OSError:
                pass
    """,
    "make-a-device": """
        import os, stat
        for name, number in (('disk', os.makedev(254, 0)), ('memory', os.makedev(1, 1))):
            try:
                os.mknod('/tmp/' + name, stat.S_IFBLK | 0o600, number)
                open('/tmp/' + name, 'rb').read(1)
                print('ESCAPED')
            except OSError:
                pass
    """,
    "read-the-disk": """
        import glob
        for path in [*glob.glob('/dev/[vsh]d*'), *glob.glob('/dev/nvme*'), '/dev/mem', '/proc/kcore']:
            try:
                open(path, 'rb').read(1)
                print('ESCAPED', path)
            except OSError:
                pass
    """,
    "find-a-descriptor-that-was-left-open": """
        import os
        own = os.listdir('/proc/self/fd')
        for name in own:
            if int(name) > 2:
                try:
                    print('ESCAPED', os.readlink('/proc/self/fd/' + name))
                except OSError:
                    pass
    """,
    "open-a-file-by-its-handle": """
        import ctypes
        ctypes.CDLL(None, use_errno=True).open_by_handle_at(0, ctypes.create_string_buffer(64), 0)
        import errno
        if ctypes.get_errno() not in (errno.EPERM, 0):
            print('ESCAPED')
    """,
    "take-keys-from-the-keyring": """
        import ctypes, os
        number = {'x86_64': 250, 'aarch64': 219}.get(os.uname().machine, 250)
        if ctypes.CDLL(None).syscall(number, 0, -5, 0) >= 0:
            print('ESCAPED')
    """,
    "gain-rights-by-a-program": """
        import subprocess
        status = open('/proc/self/status').read()
        if 'NoNewPrivs:\\t1' not in status or 'CapEff:\\t0000000000000000' not in status:
            print('ESCAPED', status)
        after = subprocess.run(['grep', '-E', 'Cap(Eff|Bnd|Prm)', '/proc/self/status'], capture_output=True, text=True)
        if after.stdout.replace('0', '').split() != ['CapPrm:', 'CapEff:', 'CapBnd:']:
            print('ESCAPED', after.stdout)
    """,
    "stop-the-guardian": """
        import os, signal, time
        os.kill(1, signal.SIGKILL); os.kill(1, signal.SIGSTOP)
        time.sleep(0.3)
        state = open('/proc/1/stat').read().rpartition(')')[2].split()[0]
        if state in 'TtZ':
            print('ESCAPED')
    """,
}
"""Tries against the sandbox itself; success prints ESCAPED."""


def escaped(machine: Machine, said: str) -> list[str]:
    """What has got out."""
    found = ["the secret was read"] if SECRET in said else []
    found += [f"{name} was reached" for name in machine.reached]
    found += [f"{path} was written" for path in machine.outside.iterdir() if path.name != "s"]
    found += ["the home was written"] if (machine.home / ".bashrc").exists() else []
    git = machine.repo / ".git"
    found += ["a hook was made"] if (git / "hooks/post-checkout").exists() else []
    config = (git / "config").read_text()
    found += ["the configuration was changed"] if "fsmonitor" in config or SECRET not in config else []
    found += ["the branch was moved"] if (git / "refs/heads/main").read_text().startswith("0000") else []
    pointer = machine.worktree / ".git"
    found += ["the worktree was turned"] if not pointer.is_file() or "mine" in pointer.read_text() else []
    found += ["the process was killed"] if not alive(machine.victim) else []
    return found + (["the sandbox was broken"] if "ESCAPED" in said else [])


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


@BOTH
@pytest.mark.parametrize("name", [*OPEN, *SHUT])
def test_what_the_model_wrote_does_not_get_out(machine: Machine, name: str) -> None:
    done = machine.run({**OPEN, **SHUT}[name])
    if name == "leave-a-daemon":
        time.sleep(2)
        assert not (machine.worktree / "late").exists()
    assert escaped(machine, done.stdout + done.stderr) == []


@pytest.mark.parametrize("mode", ["off"], indirect=True)
@pytest.mark.parametrize("name", [name for name in OPEN if name not in ("leave-a-daemon", "read-through-proc-root")])
def test_without_a_sandbox_it_would(machine: Machine, name: str) -> None:
    done = machine.run(OPEN[name])
    assert escaped(machine, done.stdout + done.stderr), done.stderr


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
