"""`kfpilot audit`: is there evidence for every tick? Without a model."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ..audit.audit import audit
from ..audit.models import RULES, Audit, FeatureAudit, TickAudit, near_words
from ..audit.untick import take_away
from ..errors import EXIT_NOT_VERIFIED, EXIT_OK, UserError
from .common import console_for, settings_for
from .options import existing_parent

if TYPE_CHECKING:
    from rich.console import Console

STYLES = {"verified": "green", "unsupported": "yellow", "contradicted": "bold red"}


def audit_command(
    path: Path,
    features: list[str],
    *,
    run: bool = True,
    fix: bool = False,
    strict: bool = False,
    archived: bool = False,
    time_limit: float = 900.0,
    every: bool = False,
    json: bool = False,
    sarif: Path | None = None,
    quiet: bool = False,
    no_color: bool = False,
) -> int:
    """Judge all ticks, print what was found, untick if asked to.

    Returns:
        1 when a tick is contradicted (with `strict`: or unsupported), 2 when a tasks file could not be read, else 0.
    """
    output = sarif is not None and str(sarif) == "-"
    if json and output:
        raise UserError("--json and --sarif - both want the standard output", mend="Name a file: --sarif audit.sarif")
    existing_parent(sarif, "--sarif")
    console, errors = console_for(no_color), console_for(no_color, stderr=True)

    def say(text: str) -> None:
        if not quiet:
            errors.print(f"{text} …", markup=False, highlight=False, style="dim", soft_wrap=True)

    result, tree, found = audit(
        path, features, lambda root: settings_for(root, {}), run=run, archived=archived, time_limit=time_limit, say=say
    )
    left = take_away(tree, found) if fix else []
    if sarif is not None:
        write_sarif(result, sarif, strict=strict)
    if json:
        sys.stdout.write(result.model_dump_json(indent=2) + "\n")
    elif not output:
        show(result, console, every=every, quiet=quiet)
    for text in [*left, *(f"not read: {item}" for item in result.skipped)]:
        errors.print(text, markup=False, highlight=False, soft_wrap=True)
    totals = result.totals
    if totals.contradicted or (strict and totals.unsupported):
        return EXIT_NOT_VERIFIED
    return UserError.exit_code if result.skipped else EXIT_OK


def write_sarif(result: Audit, target: Path, *, strict: bool) -> None:
    """The findings for a code scanning service.

    Raises:
        UserError: The file cannot be written.
    """
    from importlib.metadata import version

    from ...tools.findings import in_order, sarif

    text = sarif(in_order(result.findings(strict=strict)), RULES, version=version("kfpilot")) + "\n"
    if str(target) == "-":
        sys.stdout.write(text)
        return
    try:
        target.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot write: {error.strerror}", where=target, mend="Name a file in a folder.") from None


def show(result: Audit, console: Console, *, every: bool, quiet: bool) -> None:
    """A line a tick that matters, a line a feature, the summary last."""
    for feature in result.features:
        show_feature(feature, console, every=every, quiet=quiet)
    for note in [] if quiet else result.notes:
        _line(console, f"note: {note}", "dim")
    _line(console, summary(result), "bold")


def show_feature(feature: FeatureAudit, console: Console, *, every: bool, quiet: bool) -> None:
    """The ticks of one feature, those that are verified only if asked for."""
    if not quiet:
        _line(console, f"{feature.path}: {len(feature.ticks)} of {feature.tasks} tasks are ticked", "bold")
    for tick in feature.ticks:
        if tick.verdict == "contradicted" or every or (tick.verdict == "unsupported" and not quiet):
            _line(console, f"  {tick.path}:{tick.line}: {tick.verdict} {tick.key}: {said(tick)}", STYLES[tick.verdict])


def said(tick: TickAudit) -> str:
    """The reason, with what is near for what is false, and what --fix did."""
    near = "".join(near_words(check) for check in tick.checks if check.outcome == "false")
    return (
        (tick.reason + "." if near or tick.unticked else tick.reason) + near + (" Unticked." if tick.unticked else "")
    )


def summary(result: Audit) -> str:
    """`34 ticks: 30 verified, 3 unsupported, 1 contradicted`."""
    totals = result.totals
    words = f"{totals.ticked} tick{'' if totals.ticked == 1 else 's'}: {totals.verified} verified, "
    words += f"{totals.unsupported} unsupported, {totals.contradicted} contradicted"
    undone = sum(tick.unticked for tick in result.contradicted)
    return words + (f" ({undone} unticked)" if undone else "") + ("" if result.ran else "; nothing was run")


def _line(console: Console, text: str, style: str) -> None:
    console.print(text, markup=False, highlight=False, style=style, soft_wrap=True)
