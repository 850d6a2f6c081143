"""`kfpilot init`: the slash commands for the assistants that a team uses."""

from __future__ import annotations

import json as jsonlib
import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from .options import Repo


def init(
    assistant: Annotated[
        list[str] | None,
        typer.Option(
            "--assistant", "-a", help="claude, copilot, cursor, codex, gemini, … or all (default: those in use here)."
        ),
    ] = None,
    mcp: Annotated[
        bool, typer.Option("--mcp", help="Also put kfpilot's MCP server into the project's configuration.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Overwrite or remove files that somebody has changed.")
    ] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Take back what kfpilot wrote and nobody changed.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit code 1 if a file is missing, old or not kfpilot's.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done; change nothing.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Machine-readable output on standard output.")] = False,
    repo: Repo = Path(),
) -> None:
    """Write the slash commands kfpilot.implement, .plan, .verify, .audit and .report for your coding assistants."""
    raise typer.Exit(
        init_command(
            repo, assistant or [], mcp=mcp, force=force, remove=remove, check=check, dry_run=dry_run, json=json
        )
    )


def init_command(
    folder: Path,
    named: list[str],
    *,
    mcp: bool = False,
    force: bool = False,
    remove: bool = False,
    check: bool = False,
    dry_run: bool = False,
    json: bool = False,
) -> int:
    """Write, check or take back the files; returns the exit code."""
    from ...tools import git
    from ...tools.errors import ToolFailure
    from ..assistants.files import Done, Options, apply
    from ..assistants.known import ASSISTANTS, BY_KEY, choose
    from ..errors import EXIT_NOT_VERIFIED, EXIT_OK, UserError

    if check and remove:
        raise UserError("--check and --remove exclude each other", mend="Give one of them.")
    try:
        root = git.top_of(folder)
    except ToolFailure as error:
        raise UserError(str(error)) from None
    # Without a name everything is taken back: an assistant's folder may be gone but for our files.
    assistants = ASSISTANTS if remove and not named else choose(root, named)
    options = Options(force=force, remove=remove, check=check, dry_run=dry_run, mcp=mcp)
    done = [item for item in apply(root, assistants, options) if item.action != "absent"]
    missing = [item for item in done if check and item.action in ("missing", "stale")]
    foreign = [item for item in done if not item.ours]
    code = EXIT_NOT_VERIFIED if missing or (check and foreign) else EXIT_OK
    if json:
        rows = [item.model_dump(mode="json") for item in done]
        sys.stdout.write(jsonlib.dumps({"dry_run": dry_run or check, "files": rows}, indent=2) + "\n")
        return code

    def line(item: Done) -> str:
        return f"{item.action:<11} {item.path}" + (f"  ({item.note})" if item.note else "")

    for item in done:
        print(line(item))
    if missing:
        keys = ",".join(dict.fromkeys(item.assistant for item in missing))
        print(f"{len(missing)} of {len(done)} files are missing or old; write them: kfpilot init --assistant {keys}")
    elif remove and not done:
        print("There is nothing that kfpilot wrote.")
    elif dry_run:
        print("Nothing was changed.")
    elif not (check or remove):
        theirs = [item.path for item in foreign]
        for key in dict.fromkeys(item.assistant for item in done):
            if BY_KEY[key].file("implement") not in theirs:
                print(f"{BY_KEY[key].name}: {BY_KEY[key].typed('implement')}")
        if shutil.which("kfpilot") is None:
            print("kfpilot is not on your PATH: put it there, or the assistant will not find it.", file=sys.stderr)
    for item in foreign if not remove else []:
        print(f"{item.path} is a file of your own: its command is not kfpilot's. Take ours with --force, or move yours")
    return code
