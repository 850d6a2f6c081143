"""`kfpilot run`."""

from __future__ import annotations

import json as jsonlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ...tools import git
from ..errors import EXIT_OK, KfpilotError
from ..events import read_journal
from ..reports.display import choose_display, print_summary
from ..reports.find import JOURNAL, runs_folder
from ..reports.summarise import summarise
from ..settings import unknown_variables
from ..workflow.background import require_possible, size_of
from ..workflow.checkout import find_feature, open_checkout
from ..workflow.driver import NothingToDo, implement
from ..workflow.place import Request, branch_of, choose_start, new_run_id
from ..workflow.resuming import require_same, unfinished
from .common import console_for, say, settings_for
from .model import download_progress
from .options import existing_parent
from .words import words_of

if TYPE_CHECKING:
    from git import Repo

    from ..settings import Settings


def run_command(
    folder: Path,
    feature: str | None,
    words: list[str],
    *,
    tasks: list[str],
    stories: list[str],
    overrides: dict[str, object],
    land: bool = False,
    resume: bool = False,
    dry_run: bool = False,
    json: bool = False,
    plain: bool = False,
    quiet: bool = False,
    no_color: bool = False,
    words_file: Path | None = None,
    detach: bool = False,
) -> int:
    """Implement a feature; returns the exit code. With `json` standard output carries events only."""
    repo = open_checkout(folder)
    root = git.root_of(repo)
    feature, words = words_of(root, feature, words, words_file)
    settings = settings_for(root, overrides)
    existing_parent(settings.record, "--record")
    for text in unknown_variables():
        print(f"kfpilot: warning: {text}", file=sys.stderr)
    request = Request(feature=feature, words=" ".join(words), tasks=tasks, stories=stories, land=land)
    if dry_run:
        refuse_as_run(repo, request, settings, resume=resume)
        return dry(folder, request, json=json, no_color=no_color)
    if detach:
        return in_background(folder, request, overrides, resume=resume, json=json)
    if resume:
        require_same(root, find_feature(repo, feature).name, request)
    console = console_for(no_color, stderr=json)
    display = choose_display(console, json=json, plain=plain, quiet=quiet)
    code, failure = EXIT_OK, None
    name = find_feature(repo, feature).name
    # Another run's record is not this one's: it is known beforehand which is, and what it has told before.
    request.run = "" if resume else new_run_id()
    record = unfinished(root, name) if resume else runs_folder(root) / request.run
    before = size_of(record / JOURNAL)
    if resume and before:
        # A display counts in what earlier sessions have told.
        display.catch_up(list(read_journal(record / JOURNAL)))
    try:
        with display, download_progress() as tell:
            code = implement(folder, request, settings, [display], resume=resume, progress=tell)
    except NothingToDo:
        raise
    except KfpilotError as error:
        code, failure = error.exit_code, error
    told = size_of(record / JOURNAL)
    if told and (told > before or not failure) and not json:
        report = summarise(record / JOURNAL)
        print_summary(report, console, report_file=(record / "report.md").relative_to(root))
    if failure:
        say(str(failure), failure.exit_code)
    return code


def in_background(folder: Path, request: Request, overrides: dict[str, object], *, resume: bool, json: bool) -> int:
    """Start the run in a process of its own and say how to follow and to stop it."""
    from ..workflow.background import start

    job = start(folder, request, overrides, resume=resume)
    if json:
        told = job.model_dump(mode="json", include={"run", "feature", "pid", "exit_code", "message"})
        sys.stdout.write(jsonlib.dumps(told, indent=2) + "\n")
    elif job.exit_code == EXIT_OK and job.message:
        print(job.message)
    else:
        print(f"run {job.run} of {job.feature} works in the background")
        print(f"follow:  kfpilot status      stop:  kfpilot cancel {job.run}")
    return EXIT_OK


def refuse_as_run(repo: Repo, request: Request, settings: Settings, *, resume: bool) -> None:
    """What the run itself would refuse before it asks a model.

    Raises:
        KfpilotError: It would.
    """
    from ..workflow.books import check_money
    from ..workflow.locks import require_free

    root, name = git.root_of(repo), find_feature(repo, request.feature).name
    require_free(root, branch_of(name))
    if resume:
        unfinished(root, name)
    else:
        require_possible(repo, request, settings)
    check_money(settings)


def dry(folder: Path, request: Request, *, json: bool, no_color: bool) -> int:
    """What would be done and where."""
    from .plan import plan_command

    code = plan_command(
        folder,
        request.feature,
        [request.words] if request.words else [],
        tasks=request.tasks,
        stories=request.stories,
        no_llm=True,
        json=json,
        no_color=no_color,
    )
    if not json:
        repo = open_checkout(folder)
        branch = branch_of(find_feature(repo, request.feature).name)
        start = choose_start(repo, branch)
        console_for(no_color).print(
            f"\nWould work on branch {branch} from {start[:10]}; nothing was changed.", markup=False, soft_wrap=True
        )
    return code
