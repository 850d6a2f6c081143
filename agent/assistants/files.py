"""Writes, checks and takes back command files and MCP configuration; what a user has changed stays."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from ..errors import UserError
from ..reports.write import write_whole
from .commands import is_marked, is_ours, read_command, render
from .known import COMMANDS, Assistant
from .mcp_config import merged, without

State = Literal["missing", "current", "stale", "changed", "foreign"]
Action = Literal["written", "updated", "overwritten", "unchanged", "kept", "removed", "absent", "missing", "stale"]


class Done(BaseModel):
    """What was done with one file, or would be."""

    model_config = ConfigDict(extra="forbid")

    assistant: str
    path: str
    action: Action
    note: str = ""
    ours: bool = Field(default=True, description="False for a file that kfpilot did not write and leaves alone")


class Options(BaseModel):
    """What `kfpilot init` was asked for."""

    model_config = ConfigDict(extra="forbid")

    force: bool = False
    remove: bool = False
    check: bool = False
    dry_run: bool = False
    mcp: bool = Field(default=False, description="The project's MCP configuration as well")


def apply(root: Path, assistants: list[Assistant], options: Options) -> list[Done]:
    """Do it for every assistant and command.

    Args:
        root: The repository.
        assistants: Whose files.
        options: What is to be done; with `check` and `dry_run` nothing is written.

    Raises:
        UserError: A file lies outside the repository by a link, or cannot be read or written.
    """
    sources = [read_command(name) for name in COMMANDS]
    done: list[Done] = []
    for assistant in assistants:
        for source in sources:
            file = inside(root, assistant.file(source.name))
            wanted, path = render(source, assistant), assistant.file(source.name)
            foreign = state_of(file, wanted) == "foreign"
            action, note = command_file(root, file, wanted, options)
            ours = not (foreign and action == "kept")
            done.append(Done(assistant=assistant.key, path=path, action=action, note=note, ours=ours))
        if options.mcp and assistant.mcp:
            action, note = mcp_file(root, assistant, options)
            done.append(Done(assistant=assistant.key, path=assistant.mcp.path, action=action, note=note))
    return done


def command_file(root: Path, file: Path, wanted: str, options: Options) -> tuple[Action, str]:
    """One command file."""
    state = state_of(file, wanted)
    idle = options.dry_run
    foreign = state == "foreign"
    if options.check:
        if foreign:
            return "kept", "not written by kfpilot; --force overwrites it"
        if state == "changed":
            return "kept", "changed by somebody; kfpilot leaves it alone"
        return {"missing": "missing", "stale": "stale", "current": "unchanged"}[state], ""  # type: ignore[return-value]
    if options.remove:
        if state == "missing":
            return "absent", ""
        if state in ("changed", "foreign") and not options.force:
            return "kept", f"{'not written by kfpilot' if foreign else 'changed since'}; --force removes it"
        if not idle:
            remove(root, file)
        return "removed", ""
    if state == "current":
        return "unchanged", ""
    if state in ("changed", "foreign") and not options.force:
        return "kept", f"{'not written by kfpilot' if foreign else 'changed since'}; --force overwrites it"
    if not idle:
        write(file, wanted)
    return {"missing": "written", "stale": "updated"}.get(state, "overwritten"), ""  # type: ignore[return-value]


def mcp_file(root: Path, assistant: Assistant, options: Options) -> tuple[Action, str]:
    """The MCP configuration: our entry alone is ours, the rest of the file stays as it is."""
    assert assistant.mcp is not None
    file = inside(root, assistant.mcp.path)
    before = read(file)
    if options.remove:
        after, note = without(before, assistant.mcp, file, force=options.force)
        if after == before:
            return ("kept", note) if note else ("absent", "")
        if not options.dry_run:
            if after is None:
                remove(root, file)
            else:
                write(file, after)
        return "removed", ""
    after, note = merged(before, assistant.mcp, file, force=options.force)
    if note:
        return "kept", note
    if after == before:
        return "unchanged", ""
    if options.check:
        return "missing", "no entry for kfpilot"
    if not options.dry_run:
        write(file, after)
    return ("written" if before is None else "updated"), ""


def state_of(file: Path, wanted: str) -> State:
    """How a file stands to what would be written."""
    text = read(file)
    if text is None:
        return "missing"
    if text.replace("\r\n", "\n") == wanted:
        return "current"
    return "stale" if is_ours(text) else "changed" if is_marked(text) else "foreign"


def read(file: Path) -> str | None:
    """The text; None when there is no file.

    Raises:
        UserError: It cannot be read.
    """
    try:
        return file.read_bytes().decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UserError(f"cannot be read: {error.strerror}", where=file, mend="Mend or move it.") from None


def write(file: Path, text: str) -> None:
    """Write the file and its folders.

    Raises:
        UserError: It cannot be written.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, text)
    except OSError as error:
        raise UserError(f"cannot be written: {error.strerror}", where=file, mend="Mend that, then try again.") from None


def remove(root: Path, file: Path) -> None:
    """Remove the file, and the folders that are empty without it."""
    file.unlink()
    for folder in file.parents:
        if folder == root:
            break
        with contextlib.suppress(OSError):
            folder.rmdir()


def inside(root: Path, path: str) -> Path:
    """The file, which must lie in the repository also when links are followed.

    Raises:
        UserError: A link leads out of it.
    """
    file = root / path
    if not file.parent.resolve().is_relative_to(root.resolve()):
        raise UserError(
            "a link leads out of the repository, and nothing is written there",
            where=file,
            mend="Replace the link by a folder, or leave this assistant out.",
        )
    return file
