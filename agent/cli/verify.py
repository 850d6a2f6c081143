"""`kfpilot verify`: the gates on the current tree, without a model."""

from __future__ import annotations

import json as jsonlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ...tools import git
from ...tools.kfp_versions import VERSION, VersionReport
from ...tools.scratch import drop_folder, make_folder
from ..documents.models import Feature
from ..errors import EXIT_NOT_VERIFIED, EXIT_OK, UserError
from ..planner.build import build_plan
from ..planner.models import PlannedTask
from ..planner.selection import Selection, choose
from ..reports.history import task_history
from ..settings import Settings
from ..verifier.bench import Bench
from ..verifier.claims import with_code
from ..verifier.context import GateContext
from ..verifier.final import other_versions
from ..verifier.models import Verdict
from ..verifier.verify import verify
from ..workflow.checkout import find_feature, open_checkout
from ..workflow.place import task_commits
from .common import console_for, settings_for

if TYPE_CHECKING:
    from git import Repo
    from rich.console import Console


def verify_command(
    folder: Path,
    tasks: list[str],
    *,
    feature: str | None = None,
    base: str | None = None,
    kfp_versions: str = "",
    sandbox: str | None = None,
    json: bool = False,
    no_color: bool = False,
) -> int:
    """Judge tasks on a copy of the checkout as it is now, uncommitted files included; the checkout is not written."""
    repo = open_checkout(folder)
    root = git.root_of(repo)
    documents = find_feature(repo, feature)
    planned = planned_tasks(documents, tasks)
    settings = settings_for(root, {"sandbox": sandbox})
    console = console_for(no_color)
    verdicts: list[Verdict] = []
    versions = versions_of(kfp_versions)
    with scratch_tree(repo, root) as worktree, Bench(root, settings, worktree) as bench:
        for task in planned:
            if json:
                # Who reads the JSON may still want to see that it goes on.
                print(f"{task.id} {task.title}", file=sys.stderr, flush=True)
            else:
                console.print(f"{task.id} {task.title}", markup=False, style="bold", soft_wrap=not console.is_terminal)
            verdicts.append(judge(repo, documents, task, worktree, base, bench, settings))
            if not json:
                show(verdicts[-1], console)
        reports = other_versions(bench, worktree, versions)
    if json:
        rows = [{**verdict.model_dump(mode="json"), "passed": verdict.passed} for verdict in verdicts]
        whole: dict[str, object] = {"feature": documents.name, "tasks": rows}
        if versions:
            whole["kfp_versions"] = [report.model_dump(mode="json") for report in reports]
        sys.stdout.write(jsonlib.dumps(whole, indent=2) + "\n")
    else:
        show_versions(reports, console)
    good = all(verdict.passed for verdict in verdicts) and all(item.status in ("same", "differs") for item in reports)
    return EXIT_OK if good else EXIT_NOT_VERIFIED


def versions_of(text: str) -> list[str]:
    """The versions of `--kfp-versions`.

    Raises:
        UserError: One is no version.
    """
    versions = [part.strip() for part in text.split(",") if part.strip()]
    for version in versions:
        if not VERSION.match(version):
            raise UserError(f"'{version}' is no version of kfp", mend="Write them like --kfp-versions 2.14.6,2.16.1")
    return versions


def show_versions(reports: list[VersionReport], console: Console) -> None:
    """A line a version, and what differs or fails."""
    marks = {"same": "pass", "differs": "differs", "fails": "fail", "not-verified": "not verified"}
    for report in reports:
        whole = not console.is_terminal
        console.print(f"  {marks[report.status]} {report}", markup=False, highlight=False, soft_wrap=whole)
        for detail in report.details:
            console.print(f"       {detail}", markup=False, highlight=False, soft_wrap=whole)
        for unseen in report.unseen if report.unseen != report.details else []:
            console.print(f"       not verified here: {unseen}", markup=False, highlight=False, soft_wrap=whole)


@contextmanager
def scratch_tree(repo: Repo, root: Path) -> Iterator[Path]:
    """A worktree with the checkout's content as it is now, uncommitted files included; gone afterwards."""
    scratch = make_folder("verify")
    worktree = scratch / "tree"
    try:
        git.add_worktree(repo, worktree, git.head(repo))
        git.apply_patch(worktree, git.diff(root, git.head(repo)))
        yield worktree
    finally:
        git.remove_worktree(repo, worktree)
        drop_folder(scratch)


def planned_tasks(feature: Feature, wanted: list[str]) -> list[PlannedTask]:
    """The tasks to judge, planned as if they were open: those named, else every ticked one.

    Raises:
        UserError: A named task does not exist, or none is ticked.
    """
    opened = feature.model_copy(deep=True)
    named = choose(feature, Selection(tasks=wanted)) or set()
    keys = [task.key for task in feature.tasks.tasks if task.key in named]
    if not wanted:
        keys = [task.key for task in feature.tasks.tasks if task.state == "done"]
        if not keys:
            raise UserError(
                "no task is ticked, so there is nothing to verify",
                where=feature.tasks.path,
                mend="Name tasks: kfpilot verify T001",
            )
    for task in opened.tasks.tasks:
        if task.key in keys:
            task.state = "open"
    return build_plan(opened, Selection(tasks=keys)).tasks


def judge(
    repo: Repo, feature: Feature, task: PlannedTask, worktree: Path, base: str | None, bench: Bench, settings: Settings
) -> Verdict:
    """One verdict, compared with the given commit, or with the one before the task's own commit, or with HEAD."""
    start = base or base_of(repo, feature, task)
    context = GateContext(
        task=as_worked(repo, feature, task),
        feature=feature.model_copy(update={"root": worktree}),
        worktree=worktree,
        base=start,
        bench=bench,
        only=task_paths(repo, feature, task) if base is None else None,
        asked=True,
    )
    return verify(context, all_gates=True)


def base_of(repo: Repo, feature: Feature, task: PlannedTask) -> str:
    """The parent of the latest commit that carries the task's trailer; HEAD if there is none."""
    for sha, key in reversed(task_commits(repo, "HEAD", feature.name)):
        if key == task.id:
            return f"{sha}~1"
    return git.head(repo)


def as_worked(repo: Repo, feature: Feature, task: PlannedTask) -> PlannedTask:
    """The task with the code role as well, if its tests found fault with code that their commit changes."""
    live, _ = task_history(repo, "HEAD")
    mine = [item for item in live if item.feature == feature.name and item.task == task.id]
    return with_code(task, mine[-1].mended) if mine and mine[-1].mended else task


def task_paths(repo: Repo, feature: Feature, task: PlannedTask) -> list[str] | None:
    """The files the task is about: what its commit changed, else what it names."""
    for sha, key in reversed(task_commits(repo, "HEAD", feature.name)):
        if key == task.id:
            names = repo.git.diff("--name-only", "-z", f"{sha}~1", sha).split("\0")
            # A commit with nothing but a tick stands for work that was there already.
            return [name for name in names if name and not name.endswith("tasks.md")] or list(task.files)
    return list(task.files) or None


def show(verdict: Verdict, console: object) -> None:
    """A line a gate, and its findings."""
    from rich.console import Console
    from rich.markup import escape

    assert isinstance(console, Console)
    for gate in verdict.gates:
        mark = "[green]pass[/]" if gate.passed else "[red]fail[/]"
        line = f"  {mark} {gate.gate:<11} {escape(gate.summary)} [dim]{gate.seconds:.1f} s[/]"
        # In a pipe nothing is wrapped, so that grep finds whole lines; one failure is the summary already.
        whole = not console.is_terminal
        console.print(line, highlight=False, soft_wrap=whole)
        for failure in [] if gate.passed or gate.failures == [gate.summary] else gate.failures:
            console.print(f"       {failure}", markup=False, highlight=False, soft_wrap=whole)
        for doubt in gate.warnings:
            console.print(f"       warning: {doubt}", markup=False, highlight=False, soft_wrap=whole)
        for unseen in gate.not_verified:
            # A run on this machine says itself where it was.
            text = f"not verified {'' if unseen.startswith('locally: ') else 'here: '}{unseen}"
            console.print(f"       {text}", markup=False, highlight=False, soft_wrap=whole)
