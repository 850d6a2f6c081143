"""`kfpilot acp`."""

from __future__ import annotations

import json as jsonlib
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from .options import existing_folder


def acp(
    model: Annotated[str | None, typer.Option("--model", "-m", help="Model of the runs it starts.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Instead: what an editor's configuration needs.")] = False,
    repo: Annotated[
        Path,
        typer.Option(
            "--repo",
            "-C",
            help="Lists the sessions of this repository if the editor names none.",
            callback=existing_folder,
        ),
    ] = Path(),
) -> None:
    """Be an agent in an editor that speaks the Agent Client Protocol (ACP): Zed, JetBrains, Neovim and more."""
    if json:
        entry = {"command": "kfpilot", "args": ["acp"], "env": {}}
        sys.stdout.write(jsonlib.dumps({"agent_servers": {"kfpilot": entry}}, indent=2) + "\n")
        return
    if sys.stdin.isatty():
        sys.stderr.write("kfpilot acp speaks with an editor over standard input and output; see docs/acp.md\n")
    from ..acp.handshake import shake_hands

    # Before anything heavy: the editor waits for this answer.
    if not shake_hands(sys.stdin.fileno(), sys.stdout.fileno()):
        return
    import asyncio

    from ..acp.server import Options, serve
    from ..workflow.children import leave

    # Commands that still work are told to stop; runs go on.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, leave)
    asyncio.run(serve(Options(folder=repo.absolute(), overrides={"model": model})))
