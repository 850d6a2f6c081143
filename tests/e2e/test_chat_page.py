"""The commands of docs/chat.md, with recorded answers of a capable model; and the conversation in a real terminal."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e

QUICK = "KFPILOT_TEST_COMMAND"
ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/chat.md").read_text(encoding="utf-8")
RECORD = Path(__file__).parent / "records" / "weekly_drops.jsonl"
BLOCK = re.compile(r"(?:<!-- not run: (?P<why>.+?) -->\n)?^```(?P<kind>bash|console)\n(?P<text>.*?)^```$", re.M | re.S)
REQUEST = "a weekly report pipeline that flags customers whose orders dropped by half"


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of one's own with the example in it."""
    root = tmp_path_factory.mktemp("chat") / "daily-summary"
    shutil.copytree(ROOT / "examples/daily-summary", root, ignore=shutil.ignore_patterns("__pycache__", ".kfpilot"))
    author = ["-c", "user.name=test", "-c", "user.email=test@kfpilot.invalid"]
    for command in (["init", "-q", "-b", "main"], ["add", "-A"], [*author, "commit", "-q", "-m", "start"]):
        subprocess.run(["git", *command], cwd=root, check=True)
    return root


def environment(root: Path) -> dict[str, str]:
    """Nothing configured but the record as the model."""
    foreign = ("OPENAI_", "KFPILOT_", "GIT_")
    env = {key: value for key, value in os.environ.items() if key == QUICK or not key.startswith(foreign)}
    env["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), env.get("PATH", "")])
    return env | {"KFPILOT_CACHE_DIR": str(root.parent / "cache"), "KFPILOT_MODEL": f"replay:{RECORD}"}


def test_the_tutorial_does_what_the_page_shows(example: Path) -> None:
    ran = 0
    for block in BLOCK.finditer(PAGE):
        if block["why"]:
            continue
        command, *expected = block["text"].splitlines()
        done = subprocess.run(
            ["bash", "-c", command.removeprefix("$ ")],
            cwd=example, env=environment(example), capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        lines = iter(done.stdout.splitlines())
        for line in expected:
            start = line.removesuffix("…").rstrip()
            assert not start or any(
                real.startswith(start) if line.endswith("…") else real == start for real in lines
            ), f"{command}: the page shows {line!r}, the output is\n{done.stdout}"
        ran += 1
    assert ran == 3
    status = subprocess.run(["git", "status", "--short"], cwd=example, capture_output=True, text=True).stdout
    assert status == "?? specs/002-weekly-drop-report/\n"


class Terminal:
    """A program in a terminal of its own."""

    def __init__(self, command: list[str], root: Path) -> None:
        self.text = ""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:  # pragma: no cover - the child
            os.chdir(root)
            os.execvpe(command[0], command, {**environment(root), "TERM": "xterm", "COLUMNS": "100", "LINES": "40"})

    def wait_for(self, text: str, seconds: float = 60.0) -> None:
        """Read until the text comes."""
        end = time.monotonic() + seconds
        while text not in self.plain():
            self.read(end, text)

    def read(self, end: float, wanted: str) -> None:
        """Take in what comes next."""
        ready, _, _ = select.select([self.fd], [], [], max(0.0, end - time.monotonic()))
        assert ready, f"{wanted!r} did not come:\n{self.plain()}"
        try:
            part = os.read(self.fd, 65536).decode("utf-8", "replace")
        except OSError:
            part = ""
        assert part, f"it ended before {wanted!r} came:\n{self.plain()}"
        if "\x1b[6n" in part:
            # The line editor asks where the cursor is.
            os.write(self.fd, b"\x1b[1;1R")
        self.text += part

    def wait_for_prompt(self) -> None:
        """Read until nothing but the prompt is at the end: what was typed is taken, the next line can come."""
        end = time.monotonic() + 60.0
        while not self.plain().rstrip().endswith("kfpilot>"):
            self.read(end, "the prompt")

    def plain(self) -> str:
        """What was shown since the last line was typed, without the terminal's own codes."""
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07|[\r\x08]", "", self.text)

    def type(self, keys: str) -> None:
        """Press keys."""
        self.text = ""
        os.write(self.fd, keys.encode())

    def end(self) -> int:
        """The exit code; a program that does not end is killed."""
        for _ in range(600):
            done, status = os.waitpid(self.pid, os.WNOHANG)
            if done:
                self.pid = 0
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.05)
        raise AssertionError("it did not end")

    def close(self) -> None:
        """Leave nothing behind."""
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.fd)


@pytest.fixture
def terminal(example: Path) -> Iterator[Terminal]:
    made = Terminal(["kfpilot", "chat", "--no-questions"], example)
    yield made
    made.close()


def test_in_a_terminal_keys_complete_and_ctrl_c_does_not_leave(terminal: Terminal) -> None:
    terminal.wait_for_prompt()
    terminal.type("/stat\t")
    terminal.wait_for("us")
    terminal.type("\r")
    terminal.wait_for("001-customer-summary")
    terminal.wait_for_prompt()
    terminal.type("half a line\x03")
    terminal.wait_for("Ctrl-D or /quit leaves")
    terminal.wait_for_prompt()
    terminal.type(f"{REQUEST}\r")
    terminal.wait_for("Say what to change")
    assert "T005 code" in terminal.plain()
    terminal.wait_for_prompt()
    terminal.type("\x04")
    assert terminal.end() == 0
