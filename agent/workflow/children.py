"""Commands of kfpilot as child processes: they print, work for minutes and may be killed; a server must not."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
from anyio.abc import ByteReceiveStream, Process

from ..errors import Interrupted, UserError
from ..reports.words import bare, one_line

LIMIT = 8_000_000
"""Bytes that a command may print."""

_living: set[Process] = set()

Tell = Callable[[float, str], Awaitable[None]]
"""Is told of progress: the number of lines so far (with a fraction for time that passes), and the line."""


async def run_json(
    root: Path, arguments: list[str], *, timeout: float | None = None, tell: Tell | None = None
) -> tuple[int, Any, str]:
    """Run `kfpilot … --json` in the repository.

    Args:
        root: The repository.
        arguments: The command and its arguments, without --json.
        timeout: Seconds after which it is stopped; None for no limit.
        tell: Is told each line that it prints to standard error.

    Returns:
        Exit code, what it printed, parsed (None if that is nothing), and its messages.

    Raises:
        UserError: Bad input (exit code 2), or it took longer than allowed.
    """
    command = [arguments[0], "--json", *arguments[1:]]
    code, out, message = await run_command(root, command, timeout=timeout, tell=tell)
    if code == UserError.exit_code:
        raise UserError(message.removeprefix("kfpilot: "))
    try:
        return code, json.loads(out) if out.strip() else None, message
    except ValueError:
        raise UserError(f"kfpilot {arguments[0]} printed no JSON: {one_line(out)}", mend=message) from None


async def run_command(
    root: Path, arguments: list[str], *, timeout: float | None = None, tell: Tell | None = None
) -> tuple[int, str, str]:
    """Run `kfpilot …` in the repository.

    Args:
        root: The repository.
        arguments: The command and its arguments.
        timeout: Seconds after which it is stopped; None for no limit.
        tell: Is told each line that it prints to standard error.

    Returns:
        Exit code, what it printed, and its messages.

    Raises:
        UserError: It took longer than allowed.
    """
    # -P: no module of the user's repository stands in for one of ours.
    command = [sys.executable, "-P", "-m", "kfpilot.agent.cli", *arguments]
    process = await anyio.open_process(command, cwd=root, stdin=subprocess.DEVNULL, start_new_session=True)
    _living.add(process)
    out, told = bytearray(), bytearray()
    try:
        with anyio.move_on_after(timeout) as scope:
            async with anyio.create_task_group() as group:
                group.start_soon(collect, process.stdout, out)
                group.start_soon(listen, process.stderr, told, tell)
                group.start_soon(process.wait)
        if scope.cancelled_caught:
            raise UserError(
                f"kfpilot {arguments[0]} takes longer than {timeout:g} s here",
                mend=f"Run it in a terminal: kfpilot {arguments[0]}",
            )
    finally:
        await end(process)
    code = process.returncode if process.returncode is not None else 1
    return code, out.decode("utf-8", "replace"), bare_lines(told.decode("utf-8", "replace"))


async def collect(stream: ByteReceiveStream | None, into: bytearray) -> None:
    """Everything that comes, within bounds."""
    assert stream is not None
    async for data in stream:
        into += data[: max(0, LIMIT - len(into))]


async def listen(stream: ByteReceiveStream | None, into: bytearray, tell: Tell | None) -> None:
    """The same, telling of each line, and every two seconds that it goes on."""
    assert stream is not None
    lines, latest, started = 0, "", time.monotonic()
    while True:
        data = None
        with anyio.move_on_after(2.0):
            try:
                data = await stream.receive()
            except (anyio.EndOfStream, anyio.ClosedResourceError):
                return
        if data:
            into += data[: max(0, LIMIT - len(into))]
            lines, latest = into.count(b"\n"), one_line(into.decode("utf-8", "replace").rstrip().rpartition("\n")[2])
        if tell:
            seconds = time.monotonic() - started
            # Progress must grow with every message.
            await tell(lines + seconds / (seconds + 100.0), f"{bare(latest)} ({seconds:.0f} s)".strip())


async def end(process: Process) -> None:
    """Stop it in order if it still runs (it has a worktree to remove), by force if it does not listen."""
    with anyio.CancelScope(shield=True):
        if process.returncode is None:
            process.terminate()
            with anyio.move_on_after(10.0):
                await process.wait()
        if process.returncode is None:
            process.kill()
            await process.wait()
        await process.aclose()
    _living.discard(process)


def leave(number: int, frame: object) -> None:
    """A handler of signals: end at once, telling the commands that still run to stop. Runs go on."""
    for process in list(_living):
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
    os._exit(Interrupted.exit_code)


def bare_lines(text: str) -> str:
    """Without control characters, lines kept."""
    return "\n".join(bare(line) for line in text.strip().splitlines())
