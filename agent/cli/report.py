"""`kfpilot report` and `kfpilot status`: what runs did, and where the features stand."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import EXIT_OK, UserError
from ..reports.standing import as_it_stands
from ..reports.status import RunStatus, Status
from ..reports.summarise import summarise
from ..reports.words import OUTCOMES, Form, bare, one_line, plural
from ..reports.write import in_form, write_whole

if TYPE_CHECKING:
    from rich.console import Console

    from ..reports.models import Report


UNFINISHED = {
    None: "not finished: it is running now, or was killed",
    True: "working now",
    False: "not finished: its process has ended",
}
"""What is said of a run that has not come to its end, by what is known of its process."""


def report_command(
    root: Path,
    console: Console,
    run: str | None = None,
    *,
    form: Form = "md",
    out: Path | None = None,
) -> int:
    """`kfpilot report [RUN]`: the report of a run, made from its journal now.

    Args:
        root: The repository's root.
        console: Where to print.
        run: A run's id, the beginning of one, or a feature's name; None is the latest run.
        form: What it is written as.
        out: A file to write it to; standard output if it is not given.

    Raises:
        UserError: There is no such run, it ended before it began (says why), or the file cannot be written.
    """
    from ..workflow.background_runs import find_told

    report = summarise(find_told(root, run).journal)
    text = in_form(as_it_stands(root, report, worker_on(root, report)), form)
    if out is not None:
        try:
            write_whole(out, text)
        except OSError as error:
            raise UserError(
                f"{out} cannot be written: {error.strerror or error}", mend="Name a file in a folder that exists."
            ) from None
        console.print(f"Report: {out}", markup=False, highlight=False, soft_wrap=True)
    elif form == "md" and console.is_terminal:
        from rich.markdown import Markdown

        console.print(Markdown(text))
    else:
        console.file.write(text)
    return EXIT_OK


def worker_on(root: Path, report: Report) -> int | None:
    """The process that works on a run now."""
    from ..workflow.locks import worker_of

    worker = worker_of(root) if report.state == "unfinished" else None
    mine = worker and worker.what == report.feature and (report.last_event or 0) >= worker.since
    return worker.pid if worker and mine else None


def status_command(root: Path, console: Console, *, as_json: bool = False) -> int:
    """`kfpilot status [--json]`: every feature with its tasks, its latest run, and how to go on.

    Args:
        root: The repository's root.
        console: Where to print; its file takes the JSON.
        as_json: Print `Status` as JSON.
    """
    from ..workflow.background_runs import full_status

    status = full_status(root)
    if as_json:
        console.file.write(json.dumps(status.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n")
        return EXIT_OK
    for line in _lines(status):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    return EXIT_OK


def _lines(status: Status) -> Iterator[str]:
    if not status.features and not status.other_runs:
        yield "No feature here: kfpilot looks for specs/NNN-name/tasks.md (spec-kit), .kiro/specs, openspec/changes."
        yield 'Have one drafted: kfpilot new "what is to be built"'
        return
    width = max((len(feature.feature) for feature in status.features), default=0)
    for feature in status.features:
        if feature.problem:
            yield bare(f"{feature.feature:<{width}}  cannot be read: {feature.problem}")
        else:
            deferred = f", {feature.deferred} deferred" if feature.deferred else ""
            yield bare(
                f"{feature.feature:<{width}}  {plural(feature.open, 'task')} open, {feature.done} done{deferred}"
            )
        if feature.run:
            yield from _run_lines(feature.run)
    for run in status.other_runs:
        yield f"run of a feature that is not here: {run.id}"
        yield from _run_lines(run)


def _run_lines(run: RunStatus) -> Iterator[str]:
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(run.active))
    if run.outcome == "unreadable":
        yield f"  run {run.id}: its journal cannot be read"
        return
    outcome = UNFINISHED[run.working] if run.outcome == "unfinished" else OUTCOMES[run.outcome]
    if run.working and run.background:
        outcome = "working in the background"
    if run.working and run.pid:
        outcome += f" (process {run.pid})"
    if run.message:
        outcome += f" ({bare(one_line(run.message))})"
    yield f"  run {run.id} ({when}): {outcome}; {run.verified} of {run.tasks} verified"
    if run.not_verified:
        yield "    not verified: " + ", ".join(run.not_verified[:10]) + (" …" if len(run.not_verified) > 10 else "")
    if run.merge:
        yield f"    verified on {run.branch}, not merged here: {', '.join(run.unmerged[:10])}"
        yield f"    merge:  {run.merge}"
    if run.taken_back:
        yield f"    taken back since: {', '.join(run.taken_back[:10])}"
    if run.missing and not run.working:
        yield f"    every task is verified; missing: {run.missing}"
    if run.resume:
        yield f"    go on:  {run.resume}"
