"""`kfpilot clean`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ...tools import git
from ..errors import EXIT_NOT_VERIFIED, EXIT_OK, UserError
from ..reports.words import bare, plural
from ..workflow.checkout import open_checkout
from ..workflow.clean import Cleaning, Item, carry_out, look
from ..workflow.locks import one_run, require_free
from .common import console_for, settings_for

if TYPE_CHECKING:
    from rich.console import Console


def clean_command(
    folder: Path,
    *,
    days: float = 30.0,
    everything: bool = False,
    dry_run: bool = False,
    yes: bool = False,
    json: bool = False,
    no_color: bool = False,
) -> int:
    """Remove what runs have left; returns the exit code: 1 if something could not be removed."""
    repo = open_checkout(folder)
    root = git.root_of(repo)
    cache = settings_for(root, {}).cache_dir.expanduser()
    console = console_for(no_color)
    if dry_run:
        require_free(root)
        return say(look(repo, cache, days=days, everything=everything), json, console)
    with one_run(root, "clean"):
        found = look(repo, cache, days=days, everything=everything)
        if found.remove and not yes:
            confirm(found, json)
        return say(carry_out(repo, found), json, console)


def confirm(found: Cleaning, json: bool) -> None:
    """Ask at a terminal; elsewhere nobody can answer.

    Raises:
        UserError: The answer is no, or nobody can be asked.
    """
    import typer

    if json or not sys.stdin.isatty():
        count = plural(len(found.remove), "thing")
        raise UserError(
            f"{count} would be removed, and nobody is there to ask", mend="See them with --dry-run, then say --yes."
        )
    for line in lines_of(found):
        typer.echo(bare(line))
    if not typer.confirm("Remove them?"):
        raise UserError("nothing was removed", mend="Take single things out of the list with --older-than.")


def say(found: Cleaning, json: bool, console: Console) -> int:
    """Print what goes and what stays."""
    if json:
        console.file.write(found.model_dump_json(indent=2) + "\n")
    else:
        for line in lines_of(found):
            console.print(bare(line), markup=False, highlight=False, soft_wrap=True)
    return EXIT_NOT_VERIFIED if found.failed else EXIT_OK


def lines_of(found: Cleaning) -> Iterator[str]:
    """What goes, what stays and why, for a person."""
    verb = "would remove" if found.dry_run else "removed"
    for item in found.remove:
        yield f"{verb} {named(item)}"
    for item in found.keep:
        lost = " (not merged; goes with --all)" if item.unmerged else ""
        yield f"kept {item.kind} {item.name}: {item.why}{lost}"
    for text in found.failed:
        yield f"could not remove {text}"
    if not found.remove and not found.failed:
        yield "There is nothing to remove."
    elif found.remove:
        yield f"{plural(len(found.remove), 'thing')}, {found.bytes / 1e6:.1f} MB. " + (
            "Nothing was changed." if found.dry_run else "Done."
        )


def named(item: Item) -> str:
    """One thing with the reason; of lost work how it can be brought back."""
    text = f"{item.kind} {item.name}: {item.why}"
    if item.unmerged:
        text += " NOT MERGED"
    if item.kind == "branch":
        text += f" (again: git branch {item.name} {item.commit[:12]})"
    return text
