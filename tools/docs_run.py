"""Run the examples of a page: blocks that are marked, and doctests, in a copy of the project."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from . import processes, search
from .sandbox import Reach, Sandbox
from .scratch import scratch_folder
from .strange_files import text_of

MARK = re.compile(r"<!--\s*kfpilot:\s*run\s*-->")
RUNNER = Path(__file__).parent / "checks" / "docs_runner.py"
PYTHON = {"python", "py", "python3", "pycon"}
SHELL = {"bash", "sh", "shell"}
PROMPT = re.compile(r"^\s*>>> ", re.M)

Kind = Literal["python", "doctest", "shell", "other"]
Outcome = Literal["passed", "failed", "mismatch", "not run"]


class Block(BaseModel):
    """A block of a page that is to be run."""

    model_config = ConfigDict(extra="forbid")

    kind: Kind
    text: str
    line: int = Field(description="The first line of the block's text in the page")
    marked: bool


class BlockResult(BaseModel):
    """What came of one block."""

    model_config = ConfigDict(extra="forbid")

    block: Block
    outcome: Outcome
    line: int = Field(description="Where in the page it went wrong")
    said: str = ""


def blocks(text: str) -> list[Block]:
    """The blocks of a page that have the mark `<!-- kfpilot: run -->` before them, and its doctests."""
    if not MARK.search(text) and not PROMPT.search(text):
        return []
    from markdown_it import MarkdownIt

    found, marked = [], False
    for token in MarkdownIt("commonmark").parse(text):
        if token.type == "html_block":
            marked = bool(MARK.search(token.content))
            continue
        if token.type == "fence":
            language = token.info.strip().partition(" ")[0].strip("{}.").lower()
            kind = kind_of(language, token.content)
            if marked or kind == "doctest":
                line = token.map[0] + 2 if token.map else 1
                found.append(Block(kind=kind, text=token.content, line=line, marked=marked))
        marked = False
    return found


def kind_of(language: str, text: str) -> Kind:
    """How a block is run; sessions and data are not."""
    if language in PYTHON:
        return "doctest" if PROMPT.search(text) else "python"
    return "shell" if language in SHELL else "other"


def run_page(
    python: Path,
    root: Path,
    page: str,
    *,
    source_roots: Callable[[Path], Sequence[Path]],
    timeout: float = 120,
    sandbox: Sandbox | None = None,
) -> list[BlockResult]:
    """Run the examples of one page in their order, in a copy of the project that is thrown away.

    The Python blocks of a page share their names, and all blocks share the folder, as when a reader follows the page.
    After the first marked block that fails the others are not run.

    Args:
        python: The project's interpreter.
        root: The project; nothing in it is written.
        page: The page, relative to it.
        source_roots: The folders that come first on the import path, for the copy.
        timeout: Seconds for all blocks of the page.
        sandbox: The means and limits of the sandbox they run in.
    """
    wanted = blocks((root / page).read_text(encoding="utf-8-sig", errors="replace"))
    runnable = [block for block in wanted if block.kind != "other"]
    results: dict[int, BlockResult] = {
        block.line: BlockResult(block=block, outcome="not run", line=block.line, said="only Python and bash are run")
        for block in wanted
        if block.kind == "other"
    }
    if runnable:
        with scratch_folder("docs") as folder:
            tree = folder / "tree"
            copy(root, tree)
            answer = folder / "answer.jsonl"
            job = {"page": page, "answer": str(answer), "blocks": [block.model_dump() for block in runnable]}
            done = processes.run(
                [str(python), str(RUNNER)],
                cwd=tree,
                env=environment(python, source_roots(tree)),
                timeout=timeout,
                stdin=json.dumps(job),
                reach=Reach(python=python, write=[folder]),
                sandbox=sandbox,
            )
            said = text_of(answer).splitlines()
        for line, block in zip(said, runnable, strict=False):
            results[block.line] = BlockResult(block=block, **json.loads(line))
        if len(said) < len(runnable) and not any(item.outcome == "failed" for item in results.values()):
            block = runnable[len(said)]
            why = f"it did not end within {timeout:g} s" if done.timed_out else "it ended the interpreter"
            results[block.line] = BlockResult(block=block, outcome="failed", line=block.line, said=why)
        for block in runnable:
            results.setdefault(
                block.line,
                BlockResult(block=block, outcome="not run", line=block.line, said="a block before it failed"),
            )
    return [results[line] for line in sorted(results)]


def copy(root: Path, target: Path) -> None:
    """The files of a project that git does not ignore."""
    target.mkdir(parents=True)
    for name in search.files(root):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        # A link stays a link: what it leads to may be outside, and the examples must not see that.
        shutil.copy2(root / name, target / name, follow_symlinks=False)


def environment(python: Path, roots: Sequence[Path]) -> dict[str, str]:
    """The environment of the examples: the project's programs first on the path, its sources first on the imports."""
    path = os.pathsep.join([str(python.parent), os.environ.get("PATH", os.defpath)])
    return processes.clean_env({"PATH": path, "PYTHONPATH": os.pathsep.join(map(str, roots))})
