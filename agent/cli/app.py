"""`kfpilot`: the commands and how errors end them."""

from __future__ import annotations

import errno
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from ..errors import EXIT_NOT_VERIFIED, Interrupted, KfpilotError, ToolFailure
from ..reports.words import Form
from .checks import register_checks
from .common import say
from .converge import EPILOG as CONVERGE_EXAMPLES
from .converge import converge
from .deliver import EPILOG as DELIVER_EXAMPLES
from .deliver import deliver
from .land import EPILOG as LAND_EXAMPLES
from .land import land
from .model import model_app
from .nightly import nightly_app
from .options import Feature, Json, NoColor, Repo, Sandbox, Stories, WordsFile

app = typer.Typer(
    name="kfpilot",
    help="Carries out spec.md, plan.md and tasks.md of a Kubeflow Pipelines feature, and ticks only what it saw pass.",
    epilog="Exit codes: 0 all verified, 1 some not or not landed, 2 bad input, 3 budget, 4 no usable model, 130 "
    "interrupted. "
    "Examples, in the order of a first day:  kfpilot doctor   ·   kfpilot plan 001 --no-llm   ·   kfpilot run 001",
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(model_app, name="model")
app.add_typer(nightly_app, name="nightly")


@app.command(
    epilog='Examples:  kfpilot run 001   ·   kfpilot run 001 "only US1, keep pandas out"   ·   kfpilot run --resume'
    "   ·   kfpilot run 001 --max-tokens 500k --max-time 8h"
)
def run(
    feature: Feature = None,
    words: Annotated[list[str] | None, typer.Argument(help="Your own words: what matters, or which tasks.")] = None,
    task: Annotated[
        list[str] | None,
        typer.Option("--task", "-t", help="Only this task (repeat, or T003-T006); adds to what your words pick."),
    ] = None,
    story: Stories = None,
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="auto, embedded, NAME, provider:NAME, replay:FILE.")
    ] = None,
    base_url: Annotated[str | None, typer.Option(help="OpenAI-compatible endpoint (default: OPENAI_BASE_URL).")] = None,
    worker: Annotated[str | None, typer.Option(help="auto, tool (calls tools) or draft (for small models).")] = None,
    attempts: Annotated[int | None, typer.Option(help="Attempts a task, tool worker (default 3).")] = None,
    drafts: Annotated[int | None, typer.Option(help="Drafts a task, draft worker (default 8).")] = None,
    words_file: WordsFile = None,
    detach: Annotated[
        bool, typer.Option("--detach", help="Start it in the background and return; see status, report and cancel.")
    ] = False,
    jobs: Annotated[
        int | None, typer.Option("--jobs", "-j", help="Tasks side by side (default: 4 with an endpoint, else 1).")
    ] = None,
    land: Annotated[
        bool, typer.Option("--land", help="Fast-forward your branch to the verified work at the end.")
    ] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run that was interrupted.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be done and where; change nothing.")
    ] = False,
    max_tokens: Annotated[
        str | None, typer.Option(help="Tokens of the run, like 500k; exit code 3 at the end.")
    ] = None,
    max_cost: Annotated[float | None, typer.Option(help="Money of the run, by KFPILOT_PRICES.")] = None,
    max_calls: Annotated[int | None, typer.Option(help="Model calls of the run.")] = None,
    max_attempts: Annotated[int | None, typer.Option(help="Attempts of the run, all tasks together.")] = None,
    max_time: Annotated[str | None, typer.Option(help="Time of the run, like 90m or 8h.")] = None,
    max_tokens_per_task: Annotated[str | None, typer.Option(help="Tokens of each task.")] = None,
    max_cost_per_task: Annotated[float | None, typer.Option(help="Money of each task.")] = None,
    max_calls_per_task: Annotated[int | None, typer.Option(help="Model calls of each task.")] = None,
    max_time_per_task: Annotated[str | None, typer.Option(help="Time of each task, like 20m.")] = None,
    record: Annotated[Path | None, typer.Option(help="Keep every exchange with the model in this file.")] = None,
    sandbox: Sandbox = None,
    json: Json = False,
    plain: Annotated[bool, typer.Option("--plain", help="Lines instead of a live table.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only the summary.")] = False,
    no_color: NoColor = False,
    repo: Repo = Path(),
) -> None:
    """Implement a feature: every open task by its sub-agent, verified, one commit each, on branch kfpilot/FEATURE."""
    from .run import run_command

    settings: dict[str, object] = {
        "model": model,
        "base_url": base_url,
        "worker": worker,
        "attempts": attempts,
        "drafts": drafts,
        "jobs": jobs,
        "record": record,
        "sandbox": sandbox,
        "max_tokens": max_tokens,
        "max_cost": max_cost,
        "max_calls": max_calls,
        "max_attempts": max_attempts,
        "max_time": max_time,
        "max_tokens_per_task": max_tokens_per_task,
        "max_cost_per_task": max_cost_per_task,
        "max_calls_per_task": max_calls_per_task,
        "max_time_per_task": max_time_per_task,
    }
    raise typer.Exit(
        run_command(
            repo, feature, words or [], tasks=task or [], stories=story or [], overrides=settings, land=land,
            resume=resume, dry_run=dry_run, json=json, plain=plain, quiet=quiet, no_color=no_color,
            words_file=words_file, detach=detach,
        )
    )  # fmt: skip


@app.command(epilog="Examples:  kfpilot plan 001 --no-llm   ·   kfpilot plan --json | jq '.waves[0]'")
def plan(
    feature: Feature = None,
    words: Annotated[list[str] | None, typer.Argument(help="Your own words; may select tasks.")] = None,
    task: Annotated[
        list[str] | None,
        typer.Option("--task", "-t", help="Only this task (repeat, or T003-T006); adds to what your words pick."),
    ] = None,
    story: Stories = None,
    words_file: WordsFile = None,
    no_llm: Annotated[bool, typer.Option("--no-llm", help="Only what the documents say; no model is asked.")] = False,
    model: Annotated[str | None, typer.Option("--model", "-m", help="Model of the planner agent.")] = None,
    json: Json = False,
    no_color: NoColor = False,
    repo: Repo = Path(),
) -> None:
    """Show waves, roles, files, gates and warnings without starting work."""
    from .plan import plan_command

    raise typer.Exit(
        plan_command(
            repo, feature, words or [], tasks=task or [], stories=story or [], no_llm=no_llm, model=model, json=json,
            no_color=no_color, words_file=words_file,
        )
    )  # fmt: skip


register_checks(app)


@app.command(
    epilog="Examples:  kfpilot report   ·   kfpilot report 20261125 --json   ·   "
    "kfpilot report --format junit --out kfpilot.xml"
)
def report(
    run: Annotated[str | None, typer.Argument(help="Run id or its beginning (default: the latest).")] = None,
    form: Annotated[
        Form, typer.Option("--format", "-f", help="html is one static page, junit is for CI services.")
    ] = "md",
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Write it to this file.", dir_okay=False)] = None,
    json: Json = False,
    no_color: NoColor = False,
    repo: Repo = Path(),
) -> None:
    """Show the report of a run."""
    from .common import console_for, root_of
    from .report import report_command

    console = console_for(no_color)
    raise typer.Exit(report_command(root_of(repo), console, run, form="json" if json else form, out=out))


app.command(epilog=LAND_EXAMPLES)(land)
app.command(epilog=CONVERGE_EXAMPLES)(converge)


app.command(epilog=DELIVER_EXAMPLES)(deliver)


@app.command(epilog="Examples:  kfpilot status   ·   kfpilot status --json")
def status(json: Json = False, no_color: NoColor = False, repo: Repo = Path()) -> None:
    """Show each feature's tasks, its latest run, and how to go on."""
    from .common import console_for, root_of
    from .report import status_command

    raise typer.Exit(status_command(root_of(repo), console_for(no_color), as_json=json))


@app.command(
    epilog="Examples:  kfpilot undo T003   ·   kfpilot undo 20261125-0315 --dry-run   ·   "
    "kfpilot undo T001 --with-dependents"
)
def undo(
    target: Annotated[
        str | None, typer.Argument(help="A task (T003), or a run's id or its beginning (default: the latest run).")
    ] = None,
    feature: Annotated[
        str | None, typer.Option("--feature", "-f", help="The task's feature, if several have it.")
    ] = None,
    with_dependents: Annotated[
        bool, typer.Option("--with-dependents", help="Take back later tasks that depend on it as well.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done; change nothing.")] = False,
    json: Json = False,
    no_color: NoColor = False,
    repo: Repo = Path(),
) -> None:
    """Take a task or a run back by commits on top, each with its tick; history is never rewritten."""
    from .undo import undo_command

    raise typer.Exit(
        undo_command(
            repo, target, feature=feature, with_dependents=with_dependents, dry_run=dry_run, json=json,
            no_color=no_color,
        )
    )  # fmt: skip


@app.command(
    epilog="Examples:  kfpilot clean --dry-run   ·   kfpilot clean --older-than 7 --yes   ·   kfpilot clean --all"
)
def clean(
    older_than: Annotated[float, typer.Option(min=0, help="Records of runs older than so many days go.")] = 30.0,
    everything: Annotated[
        bool, typer.Option("--all", help="Also what holds unmerged work: young records, patches, branches.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go and what would stay, and why.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json: Json = False,
    no_color: NoColor = False,
    repo: Repo = Path(),
) -> None:
    """Remove what runs have left: worktrees, old records, merged branches, locks, orphaned helpers."""
    from .clean import clean_command

    raise typer.Exit(
        clean_command(
            repo, days=older_than, everything=everything, dry_run=dry_run, yes=yes, json=json, no_color=no_color
        )
    )


@app.command(epilog="Examples:  kfpilot demo   ·   kfpilot demo --task T001 --plain")
def demo(
    folder: Annotated[
        Path | None, typer.Option(help="Where the scratch copy goes (default: a new temporary folder).")
    ] = None,
    task: Annotated[list[str] | None, typer.Option("--task", "-t", help="Only this task (repeat).")] = None,
    model: Annotated[str, typer.Option("--model", "-m", help="The model.")] = "embedded",
    json: Json = False,
    plain: Annotated[bool, typer.Option("--plain", help="Lines instead of a live table.")] = False,
    no_color: NoColor = False,
) -> None:
    """Run the example feature in a scratch copy, with the embedded model unless you name another."""
    from .demo import demo_command

    raise typer.Exit(demo_command(folder, task or [], model=model, json=json, plain=plain, no_color=no_color))


DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)
DISK_MEND = "Free space there, or make it writable. What was verified is committed; go on with: kfpilot run --resume"


def register_doctor() -> None:
    """`doctor` lives in a module of its own; its function is light to import."""
    from .doctor import doctor

    app.command(epilog="Examples:  kfpilot doctor   ·   kfpilot doctor --json")(doctor)


register_doctor()


def register_ways_in() -> None:
    """Commands for assistants and editors; light to import as well."""
    from .acp import acp
    from .init import init
    from .mcp import cancel, mcp

    app.command(
        epilog="Examples:  kfpilot init --assistant claude   ·   kfpilot init --mcp   ·   kfpilot init --check"
    )(init)

    app.command(epilog="Examples:  kfpilot mcp   ·   kfpilot mcp --http --token-file ~/.kfpilot-token")(mcp)
    app.command(epilog="Examples:  kfpilot acp --json   ·   kfpilot acp --model embedded")(acp)
    app.command(epilog="Examples:  kfpilot cancel   ·   kfpilot cancel 20261125-0315")(cancel)


register_ways_in()


def register_conversation() -> None:
    """The conversation and its one-shot form; light to import as well."""
    from .conversation import chat, new

    app.command(epilog="Examples:  kfpilot chat   ·   kfpilot chat --continue   ·   kfpilot chat --model embedded")(
        chat
    )
    app.command(
        epilog='Examples:  kfpilot new "a weekly report that flags customers whose orders dropped by half"   ·   '
        'kfpilot new "…" --dry-run   ·   kfpilot new "…" --run'
    )(new)


register_conversation()


def version_callback(value: bool) -> None:
    """`--version`."""
    if value:
        from importlib.metadata import version

        typer.echo(f"kfpilot {version('kfpilot')}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=version_callback, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Options of the program itself."""


def main(arguments: Sequence[str] | None = None) -> None:
    """The console script: runs a command and turns errors into messages and exit codes."""
    signal.signal(signal.SIGTERM, on_terminate)
    try:
        app(args=list(arguments) if arguments is not None else None, standalone_mode=True)
    except KeyboardInterrupt:
        sys.exit(say("stopped", Interrupted.exit_code))
    except KfpilotError as error:
        sys.exit(say(str(error), error.exit_code))
    except ToolFailure as error:
        sys.exit(say(str(error), EXIT_NOT_VERIFIED))
    except BrokenPipeError:
        # The reader (head, less) went away; that is no error.
        sys.stderr.close()
        sys.exit(0)
    except OSError as error:
        if error.errno not in DISK:
            sys.exit(crashed())
        what = f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror)
        sys.exit(say(f"cannot write {what}\n  {DISK_MEND}", EXIT_NOT_VERIFIED))
    except Exception:
        sys.exit(crashed())


def crashed() -> int:
    """A defect: the stack trace is for its report, and may quote anything, so secrets are taken out of it."""
    import traceback

    from ...tools.redact import redact

    sys.stderr.write(redact(traceback.format_exc()))
    return EXIT_NOT_VERIFIED


def on_terminate(number: int, frame: object) -> None:
    """SIGTERM ends a run as Ctrl-C does: in order, saying how to go on."""
    raise KeyboardInterrupt
