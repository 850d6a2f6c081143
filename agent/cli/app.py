"""`kfpilot`: the commands and how errors end them."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from ..errors import EXIT_NOT_VERIFIED, Interrupted, KfpilotError, ToolFailure
from .model import model_app

app = typer.Typer(
    name="kfpilot",
    help="Carries out spec.md, plan.md and tasks.md of a Kubeflow Pipelines feature, and ticks only what it saw pass.",
    epilog="Start with: kfpilot doctor, then kfpilot plan, then kfpilot run. Exit codes: 0 all verified, 1 some not, "
    "2 bad input, 3 budget, 4 no usable model, 130 interrupted.",
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(model_app, name="model")

Feature = Annotated[str | None, typer.Argument(help="Feature: a folder, its name, its number, or a part of its name.")]
Json = Annotated[bool, typer.Option("--json", help="Machine-readable output on standard output.")]
Repo = Annotated[Path, typer.Option("--repo", "-C", help="The repository (default: where you are).")]
Tasks = Annotated[list[str] | None, typer.Option("--task", "-t", help="Only this task (repeat, or T003-T006).")]
Stories = Annotated[list[str] | None, typer.Option("--story", "-s", help="Only this user story (repeat).")]
NoColor = Annotated[bool, typer.Option("--no-color", help="No colours; NO_COLOR=1 does the same.")]


@app.command(
    epilog='Examples:  kfpilot run 001   ·   kfpilot run 001 "only US1, keep pandas out"   ·   kfpilot run --resume'
)
def run(
    feature: Feature = None,
    words: Annotated[list[str] | None, typer.Argument(help="Your own words: what matters, or which tasks.")] = None,
    task: Annotated[
        list[str] | None, typer.Option("--task", "-t", help="Only this task (repeat, or T003-T006).")
    ] = None,
    story: Stories = None,
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="auto, embedded, NAME, provider:NAME, replay:FILE.")
    ] = None,
    base_url: Annotated[str | None, typer.Option(help="OpenAI-compatible endpoint (default: OPENAI_BASE_URL).")] = None,
    worker: Annotated[str | None, typer.Option(help="auto, tool (calls tools) or draft (for small models).")] = None,
    attempts: Annotated[int | None, typer.Option(help="Attempts a task, tool worker (default 3).")] = None,
    drafts: Annotated[int | None, typer.Option(help="Drafts a task, draft worker (default 8).")] = None,
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
    record: Annotated[Path | None, typer.Option(help="Keep every exchange with the model in this file.")] = None,
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
    }
    raise typer.Exit(
        run_command(
            repo, feature, words or [], tasks=task or [], stories=story or [], overrides=settings, land=land,
            resume=resume, dry_run=dry_run, json=json, plain=plain, quiet=quiet, no_color=no_color,
        )
    )  # fmt: skip


@app.command(epilog="Examples:  kfpilot plan 001 --no-llm   ·   kfpilot plan --json | jq '.waves[0]'")
def plan(
    feature: Feature = None,
    words: Annotated[list[str] | None, typer.Argument(help="Your own words; may select tasks.")] = None,
    task: Annotated[
        list[str] | None, typer.Option("--task", "-t", help="Only this task (repeat, or T003-T006).")
    ] = None,
    story: Stories = None,
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
            no_color=no_color,
        )
    )  # fmt: skip


@app.command(
    epilog="Examples:  kfpilot verify   ·   kfpilot verify T003 T004 --feature 001 --json   ·   "
    "kfpilot verify --acceptance   ·   kfpilot verify --kfp-versions 2.14.6,2.16.1"
)
def verify(
    tasks: Annotated[list[str] | None, typer.Argument(help="Task ids (default: every ticked task).")] = None,
    feature: Annotated[str | None, typer.Option("--feature", "-f", help="The feature, if it is not clear.")] = None,
    base: Annotated[
        str | None, typer.Option(help="Commit to compare with (default: where the task's files began).")
    ] = None,
    acceptance: Annotated[
        bool, typer.Option("--acceptance", help="Instead: run the tests and say of each requirement what shows it.")
    ] = False,
    kfp_versions: Annotated[
        str, typer.Option(help="Compile under these versions of kfp as well, such as 2.14.6,2.16.1.")
    ] = "",
    json: Json = False,
    no_color: NoColor = False,
    repo: Repo = Path(),
) -> None:
    """Run the gates of tasks on the current tree, without a model. Writes nothing."""
    if acceptance:
        from .acceptance import acceptance_command

        raise typer.Exit(acceptance_command(repo, tasks or [], feature=feature, json=json, no_color=no_color))
    from .verify import verify_command

    raise typer.Exit(
        verify_command(
            repo, tasks or [], feature=feature, base=base, kfp_versions=kfp_versions, json=json, no_color=no_color
        )
    )


@app.command(
    "diff-ir",
    epilog="Examples:  kfpilot diff-ir   ·   kfpilot diff-ir --base main pipelines/daily.py   ·   "
    "kfpilot diff-ir --base v1.2 --json",
)
def diff_ir(
    paths: Annotated[list[str] | None, typer.Argument(help="Files or folders (default: all that changed).")] = None,
    base: Annotated[str, typer.Option(help="Commit, branch or tag to compare with.")] = "HEAD",
    json: Json = False,
    no_color: NoColor = False,
    repo: Repo = Path(),
) -> None:
    """Show what changed in compiled pipelines: inputs, defaults, images, limits. Exit code 1 if callers break."""
    from .ir import diff_ir_command

    raise typer.Exit(diff_ir_command(repo, paths or [], base=base, json=json, no_color=no_color))


@app.command(epilog="Examples:  kfpilot report   ·   kfpilot report 20261125 --json")
def report(
    run: Annotated[str | None, typer.Argument(help="Run id or its beginning (default: the latest).")] = None,
    json: Json = False,
    no_color: NoColor = False,
    repo: Repo = Path(),
) -> None:
    """Show the report of a run."""
    from .common import console_for, root_of
    from .report import report_command

    raise typer.Exit(report_command(root_of(repo), console_for(no_color), run, as_json=json))


@app.command(epilog="Examples:  kfpilot status   ·   kfpilot status --json")
def status(json: Json = False, no_color: NoColor = False, repo: Repo = Path()) -> None:
    """Show each feature's tasks, its latest run, and how to go on."""
    from .common import console_for, root_of
    from .report import status_command

    raise typer.Exit(status_command(root_of(repo), console_for(no_color), as_json=json))


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


def register_doctor() -> None:
    """`doctor` lives in a module of its own; its function is light to import."""
    from .doctor import doctor

    app.command(epilog="Examples:  kfpilot doctor   ·   kfpilot doctor --json")(doctor)


register_doctor()


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


def on_terminate(number: int, frame: object) -> None:
    """SIGTERM ends a run as Ctrl-C does: in order, saying how to go on."""
    raise KeyboardInterrupt


def say(message: str, code: int) -> int:
    """The message on standard error; returns the code. What ends well is no error."""
    text = message if code == 0 else f"kfpilot: {message}"
    print(text, file=sys.stderr if code else sys.stdout)
    return code
