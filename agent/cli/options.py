"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import UserError


def existing_folder(folder: Path) -> Path:
    """The folder that was named; what does not exist must not be taken for its parent.

    Raises:
        UserError: It does not exist, or is a file.
    """
    if not folder.is_dir():
        what = "is no folder" if folder.exists() else "does not exist"
        raise UserError(f"--repo {folder} {what}", mend="Name a folder in a git repository with --repo (-C).")
    return folder


def existing_parent(file: Path | None, option: str) -> None:
    """Say at once, not after the work, that what comes of it cannot be written.

    Raises:
        UserError: The folder of the file does not exist, or the file is a folder.
    """
    if file is None or str(file) == "-":
        return
    if file.is_dir():
        raise UserError(f"{option} {file} is a folder", mend="Name a file in it.")
    if not file.expanduser().absolute().parent.is_dir():
        raise UserError(f"{option} {file}: the folder {file.parent} does not exist", mend="Make it, or name another.")


Feature = Annotated[str | None, typer.Argument(help="Feature: a folder, its name, its number, or a part of its name.")]
Json = Annotated[bool, typer.Option("--json", help="Machine-readable output on standard output.")]
Repo = Annotated[
    Path, typer.Option("--repo", "-C", help="The repository (default: where you are).", callback=existing_folder)
]
Tasks = Annotated[list[str] | None, typer.Option("--task", "-t", help="Only this task (repeat, or T003-T006).")]
Stories = Annotated[list[str] | None, typer.Option("--story", "-s", help="Only this user story (repeat).")]
Sandbox = Annotated[
    str | None,
    typer.Option(help="auto, bubblewrap, landlock, or off: the project's code can then do all that you can do."),
]
WordsFile = Annotated[
    Path | None,
    typer.Option(
        help="Your words from this file (- is standard input); they may begin with the feature: 001 only US1."
    ),
]
NoColor = Annotated[bool, typer.Option("--no-color", help="No colours; NO_COLOR=1 does the same.")]
