"""Options of `kfpilot chat` and `kfpilot new`; light to import."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import Json, NoColor, Repo

Model = Annotated[str | None, typer.Option("--model", "-m", help="auto, embedded, NAME, provider:NAME, replay:FILE.")]
BaseUrl = Annotated[str | None, typer.Option(help="OpenAI-compatible endpoint (default: OPENAI_BASE_URL).")]
Worker = Annotated[
    str | None, typer.Option(help="auto, tool, or draft (for small models: drafts in small steps as well).")
]
NoQuestions = Annotated[bool, typer.Option("--no-questions", help="Ask nothing; assumptions stand in the draft.")]
MaxTokens = Annotated[str | None, typer.Option(help="Tokens of the conversation, and of each run, like 500k.")]
MaxCost = Annotated[float | None, typer.Option(help="Money of the conversation, and of each run.")]
Record = Annotated[Path | None, typer.Option(help="Keep every exchange with the model in this file.")]
Plain = Annotated[bool, typer.Option("--plain", help="Lines instead of a live table.")]


def chat(
    go_on: Annotated[bool, typer.Option("--continue", "-c", help="Go on with the latest conversation.")] = False,
    no_questions: NoQuestions = False,
    model: Model = None,
    base_url: BaseUrl = None,
    worker: Worker = None,
    max_tokens: MaxTokens = None,
    max_cost: MaxCost = None,
    record: Record = None,
    plain: Plain = False,
    no_color: NoColor = False,
    repo: Repo = Path(),
) -> None:
    """Talk about a feature: draft its documents, correct them, run them, ask what came of it."""
    from .chat import chat_command

    overrides: dict[str, object] = {
        "model": model, "base_url": base_url, "worker": worker, "max_tokens": max_tokens, "max_cost": max_cost,
        "record": record,
    }  # fmt: skip
    raise typer.Exit(
        chat_command(repo, go_on=go_on, questions=not no_questions, overrides=overrides, plain=plain, no_color=no_color)
    )


def new(
    request: Annotated[list[str] | None, typer.Argument(help="What is to be built, in your own words.")] = None,
    words_file: Annotated[Path | None, typer.Option(help="The request from this file (- is standard input).")] = None,
    no_questions: NoQuestions = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the draft; write nothing.")] = False,
    run: Annotated[bool, typer.Option("--run", help="Go on and run it.")] = False,
    model: Model = None,
    base_url: BaseUrl = None,
    worker: Worker = None,
    max_tokens: MaxTokens = None,
    max_cost: MaxCost = None,
    record: Record = None,
    json: Json = False,
    plain: Plain = False,
    no_color: NoColor = False,
    repo: Repo = Path(),
) -> None:
    """Draft a new feature's documents from a request, in the repository's convention, and write them."""
    from .chat import new_command

    overrides: dict[str, object] = {
        "model": model, "base_url": base_url, "worker": worker, "max_tokens": max_tokens, "max_cost": max_cost,
        "record": record,
    }  # fmt: skip
    raise typer.Exit(
        new_command(
            repo, request or [], overrides=overrides, questions=not no_questions, dry_run=dry_run, run=run, json=json,
            plain=plain, no_color=no_color, words_file=words_file,
        )
    )  # fmt: skip
