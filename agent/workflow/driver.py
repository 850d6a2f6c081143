"""Starts or resumes a run and ends it in order: the only door to the workflow for every surface."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ...tools import git
from ...tools.redact import SHARED
from ..budgets import Scope
from ..documents.models import Feature
from ..errors import (
    EXIT_NOT_VERIFIED,
    EXIT_OK,
    BudgetExceeded,
    Interrupted,
    KfpilotError,
    ToolFailure,
    UserError,
)
from ..events import FinalCheck, Journal, Listener, Notice, PlanReady, RunFinished, RunStarted, read_journal
from ..models.choose import open_model
from ..models.guard import guarded
from ..models.handle import Handle
from ..planner.models import ExecutionPlan
from ..reports.write import write_reports
from ..settings import Settings
from ..verifier.bench import Bench
from ..workers.draft_worker import DraftWorker
from ..workers.job import Worker
from ..workers.project import shortened, tree_of
from ..workers.tool_worker import ToolWorker
from .books import guard_of, open_ledger
from .checkout import find_feature, open_checkout, peculiarities, require_quiet
from .clean_record import write_clean
from .handing_over import land, land_earlier
from .leftovers import clear_leftovers
from .locks import one_run
from .place import Place, Request, branch_of, bring_documents, open_place, refuse_secrets, reopen_place
from .resuming import ended, tidy_up, unfinished
from .selecting import plan_of, planned, understood
from .session import Run
from .stepping import invoke
from .stopping import Stop, surely
from .suspects import in_repository

if TYPE_CHECKING:
    from git import Repo


NEARLY_FULL = 50
"""Megabytes; with less a failure to write is taken for that of a full disk."""

ENDPOINT_JOBS = 4
"""Tasks side by side where nothing is set and the model is somebody else's machine."""


def implement(
    checkout: Path,
    request: Request,
    settings: Settings,
    listeners: list[Listener],
    *,
    resume: bool = False,
    progress: Callable[..., None] | None = None,
    outer: Sequence[Scope] = (),
) -> int:
    """Run a feature, or go on with the run that was interrupted.

    Args:
        checkout: A folder in the user's repository.
        request: What to do; with `resume`, only its feature matters.
        settings: Model, worker, limits.
        listeners: Are told of every event.
        resume: Go on with the latest unfinished run of the feature.
        progress: Is told of a download of weights.
        outer: Budgets that are not the run's own, such as a night's.

    Returns:
        The exit code: 0 every selected task verified, 1 some not, or the work was to land and did not.

    Raises:
        KfpilotError: With its exit code; whatever was verified until then is on the branch.
    """
    repo = open_checkout(checkout)
    root = git.root_of(repo)
    SHARED.learn_folder(root)
    feature = find_feature(repo, request.feature)
    with one_run(root, feature.name, branch_of(feature.name)):
        if resume:
            record = unfinished(root, feature.name)
            place = reopen_place(repo, record)
            if ended(record):
                return tidy_up(repo, place)
            # What to do is settled; that the work shall land may still be asked for.
            place.request.land = place.request.land or request.land
        else:
            require_quiet(repo)
            # What is not in the user's documents is said before anything is made, and of their files.
            planned(feature, request)
            place = place_for(repo, feature, settings, request)
        try:
            return drive(repo, place, settings, listeners, resume=resume, progress=progress, outer=outer)
        finally:
            if finished(place) or not (place.record / "journal.jsonl").exists():
                clear_leftovers(repo, place.worktree.parent, place.branch)


def place_for(repo: Repo, feature: Feature, settings: Settings, request: Request) -> Place:
    """The place of a new run.

    Raises:
        UserError: It cannot be made: the cache cannot be written, the disk is full, a filter of git fails.
    """
    try:
        return open_place(repo, feature.directory, settings.cache_dir, request)
    except (ToolFailure, OSError) as error:
        folder = next(path for path in [settings.cache_dir, *settings.cache_dir.absolute().parents] if path.exists())
        free = shutil.disk_usage(folder).free // 1_000_000
        # git says only "unable to write file".
        full = f" (only {free} MB are free there)" if free < NEARLY_FULL else ""
        raise UserError(
            f"the run's worktree cannot be made{full}: {shortened(str(error), 300)}",
            where=settings.cache_dir,
            mend="Nothing was changed. Mend that, or put worktrees elsewhere: KFPILOT_CACHE_DIR=FOLDER.",
        ) from None


def finished(place: Place) -> bool:
    """Whether the journal says that the run came to its end."""
    return ended(place.record)


def drive(
    repo: Repo,
    place: Place,
    settings: Settings,
    listeners: list[Listener],
    *,
    resume: bool,
    progress: Callable[..., None] | None,
    outer: Sequence[Scope] = (),
) -> int:
    """Plan, open the model, run the graph, report."""
    started = time.monotonic()
    journal = Journal(place.record / "journal.jsonl", listeners)
    saved = saved_plan(place)
    copied: list[str] = []
    if saved is None:
        # A resumed run that broke off before it had a plan begins like a new one.
        git.restore(place.worktree, git.branch_head(repo, place.branch) or place.start)
        copied = bring_documents(repo, place)
    plan = saved or plan_of(place)
    if not plan.tasks and not resume:
        shutil.rmtree(place.record, ignore_errors=True)
        if place.request.land:
            land_earlier(repo, place.branch)
        raise NothingToDo(place.feature, plan)
    outcome: Literal["verified", "partly", "budget", "interrupted", "error"] = "error"
    code, message, landed, begun, refused = 1, "", False, False, False

    def end() -> None:
        if refused:  # Nothing was begun, so there is nothing to tell, or to go on with.
            if not resume:
                shutil.rmtree(place.record, ignore_errors=True)
            return
        journal.emit(
            RunFinished(
                outcome=outcome,
                exit_code=code,
                branch=place.branch,
                head=git.branch_head(repo, place.branch),
                landed=landed,
                seconds=round(time.monotonic() - started, 1),
                message=message,
            )
        )
        write_reports(place.record)

    try:
        with ExitStack() as stack:
            bench = stack.enter_context(Bench(place.root, settings, place.worktree))
            opened = stack.enter_context(open_model(settings, progress=progress, log=place.record / "model.log"))
            ledger, told = open_ledger(settings, opened, journal, outer)
            stop = Stop()
            handle = guarded(opened, guard_of(settings, journal, ledger, stop))
            worker = worker_for(handle, settings)
            run = Run(
                repo=repo,
                place=place,
                settings=settings,
                journal=journal,
                bench=bench,
                handle=handle,
                worker=worker,
                plan=plan,
                resumed=resume,
                jobs=jobs_for(handle, settings),
                stop=stop,
                ledger=ledger,
            )
            begun = True
            run.emit(
                RunStarted(
                    run=place.run,
                    feature=place.feature,
                    branch=place.branch,
                    base=place.start,
                    model=handle.name,
                    worker=worker.kind,
                    words=place.request.words,
                    resumed=resume,
                )
            )
            for event in told:
                run.emit(event)
            if saved is None and (picked := understood(place.request.words, run.documents())):
                run.emit(Notice(code="words", message=picked))
            named = [path for task in plan.tasks for path in task.files]
            for notice in [*peculiarities(repo, place.worktree), *in_repository(place.worktree, named)]:
                run.emit(notice)
            if copied:
                commit_documents(run, copied)
            tell_uncommitted(run, copied)
            if saved is None:
                run.plan = refined(run, code_before_tests(run, plan) if worker.fresh_tree else plan)
                write_clean(place.record / "plan.json", run.plan)
            run.emit(PlanReady(plan=run.plan.model_dump(mode="json")))
            run.tree = tree_of(place.worktree)
            try:
                outcomes = invoke(run, resume=resume)
            except BudgetExceeded:
                landed = wind_up(run)
                raise
            good = all(outcomes.get(task.id) == "verified" for task in run.plan.tasks) and final_passed(place)
            outcome, code = ("verified", EXIT_OK) if good else ("partly", EXIT_NOT_VERIFIED)
            if place.request.land:
                landed = land(run)
                code = code if landed else EXIT_NOT_VERIFIED
            if ledger.stopped and not good:
                outcome, code = "budget", BudgetExceeded.exit_code
                message = "; ".join(ledger.stopped.values())
    except KeyboardInterrupt:
        outcome, code = "interrupted", Interrupted.exit_code
        message = f"stopped; go on with: kfpilot run {place.feature} --resume"
        raise Interrupted(message) from None
    except BudgetExceeded as error:
        outcome, code, message = "budget", error.exit_code, error.what
        raise
    except KfpilotError as error:
        code, message = error.exit_code, str(error)
        refused = isinstance(error, UserError) and not begun
        raise
    except Exception as error:
        message = f"{type(error).__name__}: {error}"
        raise
    finally:
        surely(end)
    return code


def wind_up(run: Run) -> bool:
    """The end of a run that a budget stopped: what is verified is checked as a whole, without a model, and lands.

    Returns:
        Whether it landed.
    """
    from .workflow import finish

    if run.head() == run.place.start:
        return False
    finish(run, {"outcomes": dict(run.outcomes)})
    return land(run) if run.place.request.land else False


class NothingToDo(KfpilotError):
    """Every task is ticked, deferred or not selected: not an error, but the end."""

    exit_code = EXIT_OK

    def __init__(self, feature: str, plan: ExecutionPlan) -> None:
        self.plan = plan
        ticked = sum(skip.why == "already ticked" for skip in plan.skipped)
        super().__init__(f"{feature}: nothing left to do ({ticked} ticked, {len(plan.skipped) - ticked} left out)")


def code_before_tests(run: Run, plan: ExecutionPlan) -> ExecutionPlan:
    """The plan for a worker that drafts: it cannot say that tests are right before there is code to try them on."""
    changed = plan_of(run.place, tests_last=True)
    before = {task.id: task.depends_on for task in plan.tasks}
    moved = [task.id for task in changed.tasks if task.depends_on != before[task.id] and task.role == "tests"]
    if not moved:
        return plan
    run.emit(
        Notice(
            code="tests-last",
            message=f"{', '.join(moved)}: tests that stand before their code are worked after it, because the model "
            "drafts whole files and its tests have to be tried on something",
        )
    )
    return changed


def saved_plan(place: Place) -> ExecutionPlan | None:
    """The plan the interrupted run worked by."""
    try:
        return ExecutionPlan.model_validate_json((place.record / "plan.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def refined(run: Run, plan: ExecutionPlan) -> ExecutionPlan:
    """The planner agent's plan, where it can help and the model can do it."""
    from ..planner.refine import needs_refinement, refine

    mode = run.settings.refine
    if mode == "never" or (
        mode == "auto" and not (run.handle.tools and needs_refinement(plan, run.place.request.words))
    ):
        return plan
    return refine(plan, run.documents(), run.handle.model, run.place.request.words, run.emit)


def worker_for(handle: Handle, settings: Settings) -> Worker:
    """Tools for a model that calls them, drafts for one that does not; the user may decide."""
    kind = settings.worker if settings.worker != "auto" else ("tool" if handle.tools else "draft")
    if kind == "tool":
        return ToolWorker(handle, settings.attempts)
    return DraftWorker(handle, settings.drafts)


def jobs_for(handle: Handle, settings: Settings) -> int:
    """How many tasks are worked side by side."""
    return settings.jobs or (ENDPOINT_JOBS if handle.kind == "endpoint" else 1)


def commit_documents(run: Run, paths: list[str]) -> None:
    """The user's uncommitted documents are the base of the run, so they are committed on its branch first."""
    place = run.place
    refuse_secrets(place, paths)
    sha = git.commit_all(
        place.worktree,
        f"docs: the documents of {place.feature} as the run found them",
        "\n".join(paths),
        {"Kfpilot-Run": place.run},
    )
    git.update_branch(run.repo, place.branch, sha, git.branch_head(run.repo, place.branch))
    run.emit(Notice(code="documents-committed", message=f"uncommitted documents go along: {', '.join(paths)}"))


def tell_uncommitted(run: Run, documents: list[str]) -> None:
    """What lies changed in the checkout and is not part of the run, so that nobody takes it for judged."""
    left = [path for path in git.is_dirty(run.repo) if path not in documents and not path.startswith(".kfpilot/")]
    if left:
        shown = ", ".join(left[:5]) + (f" and {len(left) - 5} more" if len(left) > 5 else "")
        run.emit(
            Notice(level="warning", code="uncommitted", message=f"uncommitted changes are not part of the run: {shown}")
        )


def final_passed(place: Place) -> bool:
    """Whether the last final check of the journal passed."""
    checks = [event for event in read_journal(place.record / "journal.jsonl") if isinstance(event, FinalCheck)]
    return bool(checks) and checks[-1].passed
