"""Commands that judge what is there and need no model: verify, diff-ir, lint, audit."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import Json, NoColor, Repo, Sandbox


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
    sandbox: Sandbox = None,
    json: Json = False,
    no_color: NoColor = False,
    repo: Repo = Path(),
) -> None:
    """Run the gates of tasks on the current tree, without a model. Writes nothing."""
    if acceptance:
        from .acceptance import acceptance_command

        raise typer.Exit(
            acceptance_command(repo, tasks or [], feature=feature, sandbox=sandbox, json=json, no_color=no_color)
        )
    from .verify import verify_command

    raise typer.Exit(
        verify_command(
            repo,
            tasks or [],
            feature=feature,
            base=base,
            kfp_versions=kfp_versions,
            sandbox=sandbox,
            json=json,
            no_color=no_color,
        )
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


def lint(
    paths: Annotated[list[str] | None, typer.Argument(help="Files or folders (default: where you are).")] = None,
    output_format: Annotated[str, typer.Option(help="concise, full, json, sarif or github.")] = "concise",
    json: Json = False,
    sarif: Annotated[Path | None, typer.Option(help="Write SARIF into this file as well.")] = None,
    select: Annotated[str, typer.Option(help="Only these rules, such as K01,K02.")] = "",
    ignore: Annotated[str, typer.Option(help="Not these rules.")] = "",
    policy: Annotated[str, typer.Option(help="Also: limits, retries, docstrings, base-image.")] = "",
    fail_on: Annotated[str, typer.Option(help="Exit code 1 from this severity on: error, warning, note.")] = "warning",
    compile: Annotated[
        bool | None,
        typer.Option("--compile/--no-compile", help="Also compile modules with pipelines (default)."),
    ] = None,
    statistics: Annotated[bool, typer.Option("--statistics", help="Counts a rule instead of findings.")] = False,
    explain: Annotated[str, typer.Option(help="What a rule is about; `all` lists them.")] = "",
    no_color: NoColor = False,
    repo: Repo = Path(),
) -> None:
    """Find KFP code that compiles and goes wrong in the cluster. Changes nothing; exit code 1 if it finds something."""
    if explain:
        from .common import console_for
        from .lint import explain as explain_rules

        raise typer.Exit(explain_rules(explain, console_for(no_color)))
    from .lint import lint_command

    raise typer.Exit(
        lint_command(
            repo, paths or [], output_format="json" if json else output_format, sarif_file=sarif, select=select,
            ignore=ignore, policies=policy, fail_on=fail_on, compile=compile, statistics=statistics, no_color=no_color,
        )
    )  # fmt: skip


def audit(
    path: Annotated[Path, typer.Argument(help="A repository, a folder in it, or a feature's tasks.md.")] = Path(),
    feature: Annotated[
        list[str] | None, typer.Option("--feature", "-f", help="Only this feature (repeat): name, number, path.")
    ] = None,
    no_run: Annotated[bool, typer.Option("--no-run", help="Only read: run no tests, compile no pipelines.")] = False,
    fix: Annotated[bool, typer.Option("--fix", help="Take the contradicted ticks away, one byte each.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Fail on unsupported ticks too.")] = False,
    archived: Annotated[bool, typer.Option("--archived", help="Also OpenSpec's archived changes.")] = False,
    time_limit: Annotated[
        float, typer.Option(min=1, help="Seconds for all that is run; what is left over is only read.")
    ] = 900.0,
    every: Annotated[bool, typer.Option("--all", "-a", help="Show the verified ticks too.")] = False,
    json: Json = False,
    sarif: Annotated[Path | None, typer.Option(help="Write the findings as SARIF to this file (- for output).")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only contradictions and the summary.")] = False,
    no_color: NoColor = False,
) -> None:
    """Say of every ticked task whether anything shows it: verified, unsupported, contradicted. Needs no model.

    Exit codes: 0 nothing contradicted, 1 something is (with --strict: or unsupported), 2 bad input.
    """
    from .audit import audit_command

    raise typer.Exit(
        audit_command(
            path, feature or [], run=not no_run, fix=fix, strict=strict, archived=archived, time_limit=time_limit,
            every=every, json=json, sarif=sarif, quiet=quiet, no_color=no_color,
        )
    )  # fmt: skip


def register_checks(app: typer.Typer) -> None:
    """Add them to the program."""
    app.command(
        epilog="Examples:  kfpilot verify   ·   kfpilot verify T003 T004 --feature 001 --json   ·   "
        "kfpilot verify --acceptance   ·   kfpilot verify --kfp-versions 2.14.6,2.16.1"
    )(verify)
    app.command(
        "diff-ir",
        epilog="Examples:  kfpilot diff-ir   ·   kfpilot diff-ir --base main pipelines/daily.py   ·   "
        "kfpilot diff-ir --base v1.2 --json",
    )(diff_ir)
    app.command(
        epilog="Examples:  kfpilot lint   ·   kfpilot lint pipelines --select K01,K02   ·   "
        "kfpilot lint --sarif lint.sarif   ·   kfpilot lint --explain K06"
    )(lint)
    app.command(
        epilog="Examples:  kfpilot audit   ·   kfpilot audit services/prices --feature 003 --no-run   ·   "
        "kfpilot audit --fix   ·   kfpilot audit --sarif audit.sarif"
    )(audit)
