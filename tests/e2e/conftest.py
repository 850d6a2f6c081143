"""Pages as programs: their blocks of commands, and what the pages say comes out."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

QUICK = "KFPILOT_TEST_COMMAND"
ROOT = Path(__file__).parents[2]
BLOCK = re.compile(
    r"(?:<!-- not run: (?P<why>.+?) -->\n)?^```(?P<kind>bash|sh|console)\n(?P<text>.*?)^```$", re.M | re.S
)


class Block(NamedTuple):
    page: str
    line: int
    kind: str
    text: str
    why: str | None


def blocks(pages: Sequence[str]) -> list[Block]:
    """The pages' blocks of commands, in their order."""
    found = []
    for page in pages:
        text = (ROOT / page).read_text(encoding="utf-8")
        for match in BLOCK.finditer(text):
            line = text[: match.start("kind")].count("\n") + 1
            found.append(Block(page, line, match["kind"], match["text"], match["why"]))
    return found


def name_of(block: Block) -> str:
    """For the names of the tests."""
    return f"{block.page}:{block.line}"


def steps(block: Block) -> list[tuple[str, list[str]]]:
    """Commands, each with the output that the page shows for it."""
    if block.kind != "console":
        return [(line, []) for line in block.text.splitlines() if line.strip() and not line.startswith("#")]
    found: list[tuple[str, list[str]]] = []
    for line in block.text.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        else:
            found[-1][1].append(line)
    return found


def differs(output: str, expected: Sequence[str]) -> str | None:
    """The first line that the page shows and that did not come; None if all did, in this order.

    A lone … stands for any lines; at the end of a line, or in it, it stands for any text.
    """
    lines = iter(output.splitlines())
    for line in expected:
        form = re.compile(re.sub(r"(?:\\ )*…", ".*", re.escape(line.rstrip())))
        if line.strip() not in ("", "…") and not any(form.fullmatch(real.rstrip()) for real in lines):
            return line
    return None


def shell(command: str, cwd: Path, more: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """The command as a newcomer would type it, with nothing configured but what `more` says."""
    foreign = ("OPENAI_", "KFPILOT_", "GIT_")
    env = {key: value for key, value in os.environ.items() if key == QUICK or not key.startswith(foreign)}
    env["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), env.get("PATH", "")])
    env |= {"KFPILOT_CACHE_DIR": str(cwd.parent / "cache"), **(more or {})}
    return subprocess.run(["bash", "-c", command], cwd=cwd, env=env, capture_output=True, text=True, timeout=300)
