"""Code in the sandbox really tries to get out, by every means there is; each try is a row of the reliability table.

The rows of `OPEN` are also run without a sandbox and must succeed there: a try that never works would show nothing.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest

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
