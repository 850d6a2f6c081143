"""A machine to break out into: a home with keys, a repository with a worktree, servers, and somebody's process."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import textwrap
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread

import pytest
from kfpilot.tools import git, processes, sandbox
from kfpilot.tools.processes import Completed
from kfpilot.tools.sandbox import Reach, Sandbox

SECRET = "canary-5f1e0c9a"


@dataclass
class Machine:
    """Everything that an escape could reach.

    Attributes:
        reached: What servers of the machine have heard.
    """

    home: Path
    outside: Path
    repo: Path
    worktree: Path
    mode: sandbox.Mode
    port: int = 0
    udp: int = 0
    path: str = ""
    abstract: str = ""
    victim: int = 0
    reached: list[str] = field(default_factory=list)

    def run(self, code: str, *, timeout: float = 30, output_limit: int = 200_000, **limits: int) -> Completed:
        """Run Python as a gate runs the tests of a project."""
        names = {
            "HOME": str(self.home), "OUTSIDE": str(self.outside), "GIT": str(self.repo / ".git"), "PORT": self.port,
            "UDP": self.udp, "SOCKET": self.path, "ABSTRACT": self.abstract, "VICTIM": self.victim,
            "WORKTREE": str(self.worktree), "PARENT": os.getpid(),
        }  # fmt: skip
        start = "".join(f"{name} = {value!r}\n" for name, value in names.items())
        done = processes.run(
            [sys.executable, "-c", start + "print('tried', flush=True)\n" + textwrap.dedent(code)],
            cwd=self.worktree,
            env=processes.clean_env(),
            timeout=timeout,
            output_limit=output_limit,
            reach=Reach(python=Path(sys.executable), write=[self.worktree]),
            sandbox=Sandbox(mode=self.mode, **limits),
        )
        assert "tried" in done.stdout, done.stderr
        return done


def listen(server: socket.socket, heard: list[str], name: str) -> None:
    """Note whoever calls, and tell the secret."""
    server.settimeout(0.1)

    def serve() -> None:
        while True:
            try:
                if server.type == socket.SOCK_DGRAM:
                    server.recv(10)
                else:
                    caller, _ = server.accept()
                    caller.sendall(SECRET.encode())
                    caller.close()
            except TimeoutError:
                continue
            except OSError:  # it was closed
                return
            heard.append(name)

    Thread(target=serve, daemon=True).start()


@pytest.fixture
def mode(request: pytest.FixtureRequest) -> sandbox.Mode:
    """The mechanism under test; the test is skipped where the machine does not have it."""
    wanted: sandbox.Mode = getattr(request, "param", "landlock")
    if wanted in ("landlock", "bubblewrap"):
        reason = sandbox.obstacle(wanted)
        if reason:
            pytest.skip(f"{wanted}: {reason}")
    return wanted


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: sandbox.Mode) -> Iterator[Machine]:
    home = tmp_path / "home"
    for name in (".ssh/id_rsa", ".aws/credentials", ".netrc", ".config/gh/hosts.yml", "notes.txt"):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(f"{SECRET}\n")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    monkeypatch.setenv("MY_DATABASE_PASSWORD", SECRET)
    repo = tmp_path / "repo"
    repo.mkdir()
    for arguments in (
        ["init", "-q", "-b", "main"],
        ["remote", "add", "origin", f"https://me:{SECRET}@example.invalid/x.git"],
        ["commit", "-q", "--allow-empty", "-m", "start"],
    ):
        subprocess.run(["git", *arguments], cwd=repo, check=True)
    (repo / ".env").write_text(f"TOKEN={SECRET}\n")
    opened = git.open_repo(repo)
    worktree = tmp_path / "cache" / "run"
    git.add_worktree(opened, worktree, git.head(opened))
    outside = tmp_path / "outside"
    outside.mkdir()
    found = Machine(home=home, outside=outside, repo=repo, worktree=worktree, mode=mode)
    tcp, udp = socket.socket(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    named, abstract = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
    found.abstract = f"\0kfpilot-{uuid.uuid4().hex}"
    # The address of a socket is short; the folder of a test is not.
    monkeypatch.chdir(outside)
    found.path = "s"
    for server, address in ((tcp, ("127.0.0.1", 0)), (udp, ("127.0.0.1", 0)), (named, found.path)):
        server.bind(address)
    abstract.bind(found.abstract)
    found.port, found.udp, found.path = tcp.getsockname()[1], udp.getsockname()[1], str(outside / "s")
    for server in (tcp, named, abstract):
        server.listen()
    for server, name in ((tcp, "tcp"), (udp, "udp"), (named, "socket"), (abstract, "abstract")):
        listen(server, found.reached, name)
    victim = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], env={"OWN_KEY": SECRET})
    found.victim = victim.pid
    yield found
    victim.kill()
    victim.wait()
    for server in (tcp, udp, named, abstract):
        server.close()
