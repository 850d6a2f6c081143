"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Feature = Annotated[str | None, typer.Argument(help="Feature: a folder, its name, its number, or a part of its name.")]
Json = Annotated[bool, typer.Option("--json", help="Machine-readable output on standard output.")]
Repo = Annotated[Path, typer.Option("--repo", "-C", help="The repository (default: where you are).")]
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
