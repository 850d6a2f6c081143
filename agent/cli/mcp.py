"""`kfpilot mcp` and `kfpilot cancel`."""

from __future__ import annotations

import json as jsonlib
import signal
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from .options import Repo

Json = Annotated[bool, typer.Option("--json", help="Machine-readable output on standard output.")]


def mcp(
    context: typer.Context,
    http: Annotated[bool, typer.Option("--http", help="Streamable HTTP on 127.0.0.1 instead of stdio.")] = False,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of --http; 0 takes a free one.")] = 8377,
    token_file: Annotated[
        Path | None, typer.Option(help="Holds the bearer token of --http; made if missing (default: printed).")
    ] = None,
    model: Annotated[str | None, typer.Option("--model", "-m", help="Model of the runs it starts.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Instead: what an assistant's configuration needs.")] = False,
    repo: Repo = Path(),
) -> None:
    """Serve kfpilot's tools, prompts and documents to an assistant by the Model Context Protocol (MCP)."""
    from .common import root_of

    if json:
        sys.stdout.write(jsonlib.dumps({"kfpilot": {"command": "kfpilot", "args": ["mcp"]}}, indent=2) + "\n")
        return
    root = root_of(repo)
    from ..mcp.server import Options, build_server

    assert context.parent is not None
    group: Any = context.parent.command
    commands = {
        name: [option for parameter in group.get_command(context, name).params for option in parameter.opts]
        for name in group.list_commands(context.parent)
    }
    server = build_server(Options(root=root, overrides={"model": model}, commands=commands))
    if http:
        from ..mcp.http import serve

        serve(server, port, token_file)
    else:
        from ..workflow.children import leave

        # The loop would wait for the thread that reads standard input, and that ends only with the client.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, leave)
        server.run()


def cancel(
    run: Annotated[str | None, typer.Argument(help="Run id or its beginning (default: the one that works).")] = None,
    json: Json = False,
    repo: Repo = Path(),
) -> None:
    """Stop a run that works in the background; what is verified stays, and --resume goes on."""
    from ..workflow.background import cancel as stop
    from .common import root_of

    job = stop(root_of(repo), run)
    if json:
        sys.stdout.write(jsonlib.dumps({"run": job.run, "feature": job.feature}, indent=2) + "\n")
        return
    print(f"run {job.run} was told to stop; go on with: kfpilot run {job.feature} --resume")
