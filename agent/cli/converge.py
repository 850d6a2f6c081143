"""`kfpilot converge`: what a run left to do, as tasks for tasks.md."""

from __future__ import annotations

import json as jsonlib
import sys
from pathlib import Path
from typing import Annotated

import typer

from .options import Json, NoColor, Repo

EPILOG = "Examples:  kfpilot converge   ·   kfpilot converge 001 --append   ·   kfpilot converge 20261125 --json"


def converge(
    run: Annotated[
        str | None, typer.Argument(help="A run's id or a feature's name, or its beginning (default: the latest run).")
    ] = None,
    append: Annotated[
        bool, typer.Option("--append", help="Write them to the end of the feature's tasks.md (not committed).")
    ] = False,
    json: Json = False,
    no_color: NoColor = False,
    repo: Repo = Path(),
) -> None:
    """Show what a run's review and acceptance table left to do, as tasks in the form of the feature's own.

    Without --append nothing is written. No model is asked.
    """
    raise typer.Exit(converge_command(repo, run, append=append, json=json, no_color=no_color))


def converge_command(
    folder: Path, run: str | None, *, append: bool = False, json: bool = False, no_color: bool = False
) -> int:
    """Show the tasks, or append them; returns 0.

    Raises:
        UserError: There is no such run, its feature is not in this checkout, or tasks.md cannot be written.
    """
    from ..documents import load_feature, resolve_feature
    from ..errors import EXIT_OK, UserError
    from ..reports import converge as form
    from ..reports.find import find_run
    from ..reports.summarise import summarise
    from .common import console_for, root_of

    root = root_of(folder)
    report = summarise(find_run(root, run).journal)
    feature = load_feature(resolve_feature(root, report.feature, {}, None), root)
    found = form.converge(report, feature)
    where = found.path.relative_to(root).as_posix()
    written = append and bool(found.tasks)
    if written:
        try:
            append_to(found.path, found.markdown)
        except OSError as error:
            raise UserError(f"{where} cannot be written: {error.strerror or error}", where=found.path) from None
    if json:
        whole = {**found.model_dump(mode="json"), "path": where, "markdown": found.markdown, "appended": written}
        sys.stdout.write(jsonlib.dumps(whole, indent=2, ensure_ascii=False) + "\n")
        return EXIT_OK
    console, told = console_for(no_color), console_for(no_color, stderr=True)
    if found.tasks and not written:
        console.file.write(found.markdown)
    end = f", appended to {where}; read them, then: kfpilot run {feature.name}" if written else ""
    if found.tasks and not written:
        end = f" for {where}; write them there: kfpilot converge {report.run} --append"
    told.print(f"{report.run}: {form.say_converge(found)}{end}", markup=False, highlight=False, soft_wrap=True)
    if report.review is None or not report.review.done:
        told.print("The run was not reviewed, so only its acceptance table counts.", markup=False, highlight=False)
    return EXIT_OK


def append_to(path: Path, text: str) -> None:
    """Add lines after a blank one to the end of a file, with its own line ends; the rest stays as it is.

    Raises:
        OSError: It cannot be read or written.
    """
    data = path.read_bytes()
    end = b"\r\n" if b"\r\n" in data else b"\n"
    gap = b"" if not data or data.endswith(end * 2) else end if data.endswith(b"\n") else end * 2
    with path.open("ab") as out:
        out.write(gap + text.encode().replace(b"\n", end))
