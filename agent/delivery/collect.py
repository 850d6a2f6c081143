"""Puts a delivery together from git, the run's journal and the compiled pipelines of two commits."""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from ...tools import git
from ...tools.errors import ToolFailure
from ...tools.git_command import line
from ...tools.ir_modules import compare_modules
from ...tools.kfp_check import KfpModule, KfpObject
from ...tools.kfp_versions import kfp_files
from ...tools.redact import redact
from ..errors import UserError
from ..planner.paths import role_of_path
from ..reports.find import RunInfo
from ..reports.history import task_history
from ..reports.models import Report
from ..reports.summarise import summarise
from ..reports.words import one_line
from ..settings import Settings
from ..verifier.bench import Bench
from ..verifier.compiled import checked_out, compile_in, compiled_at
from .compiled_facts import parameters, platform, steps
from .models import DeliveredTask, Delivery, Package

if TYPE_CHECKING:
    from git import Repo

NOT_CODE = ("setup.py", "conftest.py", "noxfile.py")


def collect(
    repo: Repo, run: RunInfo, settings: Settings, *, since: str | None = None, version: str | None = None
) -> tuple[Delivery, dict[str, str]]:
    """What a run's verified tasks are delivered as.

    Args:
        repo: The repository.
        run: The run.
        settings: The interpreter, the sandbox and time limits for compiling.
        since: The commit of what is in use now; by default where the run's branch left the checkout's, or, where it
            is merged, where the run began.
        version: The name of the pipeline version; by default made of the feature and the commit.

    Returns:
        The delivery, and the packages as text by their path in it.

    Raises:
        UserError: The run has not ended, has verified nothing, or its commits are gone.
        ToolFailure: kfp is missing in the project's interpreter.
    """
    report = summarise(run.journal)
    if report.state == "unfinished":
        mend = f"Wait for it, or go on with it: kfpilot run {report.feature} --resume"
        raise UserError(f"run {report.run} has not ended", where=run.directory, mend=mend)
    head = head_of(repo, report)
    base = start_of(repo, report, head, since)
    tasks = list(delivered(repo, report, f"{base}..{head}"))
    if not tasks:
        mend = f"See why: kfpilot report {report.run}" if since is None else "Name an older commit with --since."
        raise UserError(f"no verified task of {report.feature} in {base[:10]}..{head[:10]}", mend=mend)
    delivery = Delivery(
        feature=report.feature,
        version=version or f"{report.feature}-{head[:8]}",
        run=report.run,
        branch=report.branch,
        base=base,
        head=head,
        landed=report.landed,
        ready=report.readiness.ready,
        readiness=report.readiness.text,
        tasks=tasks,
        missing=list(missing(report, {task.id for task in tasks})),
        issues=[one_line(issue.text, 400) for issue in report.issues if issue.kind not in ("not-verified", "skipped")],
        not_verified=report.readiness.not_verified,
    )
    if report.head and head != report.head:
        delivery.ready = False
        delivery.readiness = (
            f"Not ready to deploy: {report.branch} stands at {head[:10]}, but the run ended at {report.head[:10]}: "
            "no gate has seen what came after."
        )
    texts = add_packages(repo, delivery, settings)
    if delivery.problems:
        delivery.ready = False
    return delivery, texts


def head_of(repo: Repo, report: Report) -> str:
    """The commit that is delivered: the head of the run's branch, or of the run where the branch is gone.

    Raises:
        UserError: It is not in the repository any more.
    """
    head = git.branch_head(repo, report.branch) if report.branch else None
    head = head or report.head
    if not head:
        mend = f"See why: kfpilot report {report.run}"
        raise UserError(f"run {report.run} has committed nothing, so there is nothing to deliver", mend=mend)
    return commit_of(repo, head, f"the commit of run {report.run}")


def start_of(repo: Repo, report: Report, head: str, since: str | None) -> str:
    """The commit that the delivery is compared with.

    Raises:
        UserError: There is no such commit.
    """
    if since:
        return commit_of(repo, since, "--since")
    try:
        common = git.merge_base(repo, git.head(repo), head)
    except ToolFailure:
        common = head
    return common if common != head else commit_of(repo, report.base, "where the run began")


def commit_of(repo: Repo, name: str, what: str) -> str:
    """The id of a commit.

    Raises:
        UserError: There is none of that name.
    """
    try:
        return line(git.root_of(repo), "rev-parse", "--verify", "--end-of-options", f"{name}^{{commit}}")
    except ToolFailure:
        raise UserError(f"{what}: there is no commit {name}", mend="Name a branch, a tag or a commit.") from None


def delivered(repo: Repo, report: Report, span: str) -> Iterator[DeliveredTask]:
    """The verified tasks of the feature whose commits lie in a range and were not taken back."""
    known = {task.id: task for task in report.tasks}
    live, _ = task_history(repo, span)
    for item in live:
        if item.feature != report.feature:
            continue
        task = known.get(item.task)
        title = task.title if task else line(git.root_of(repo), "log", "-1", "--format=%s", item.commit)
        yield DeliveredTask(
            id=item.task,
            title=one_line(title, 300),
            commit=item.commit,
            role=task.role if task else "",
            story=task.story if task else None,
        )


def missing(report: Report, delivered_ids: set[str]) -> Iterator[str]:
    """The tasks of the feature that are not delivered, and why."""
    for task in report.tasks:
        if task.id not in delivered_ids:
            why = task.why or ("taken back since" if task.state == "verified" else task.state)
            yield one_line(f"{task.id} {task.title}: {why}", 400)
    for left in report.left_out:
        # What was ticked before is in use, or in an earlier delivery.
        if left.id not in delivered_ids and left.why != "already ticked":
            yield one_line(f"{left.id}: {left.why}", 400)


def add_packages(repo: Repo, delivery: Delivery, settings: Settings) -> dict[str, str]:
    """Compile both commits, fill in what differs, and return the texts of the packages by their paths."""
    root = git.root_of(repo)
    with (
        tempfile.TemporaryDirectory(prefix="kfpilot-deliver-") as folder,
        checked_out(repo, delivery.head, Path(folder)) as tree,
        Bench(root, settings, tree) as bench,
    ):
        files = [path for path in kfp_files(tree) if is_code(path)]
        changed = [path for path in git.changed_files(tree, delivery.base) if path.endswith(".py") and is_code(path)]
        files = sorted({*files, *(path for path in changed if git.show(repo, delivery.base, path) is not None)})
        new = {item.path: item for item in compile_in(bench, tree, [name for name in files if (tree / name).is_file()])}
        old = compiled_at(bench, repo, delivery.base, files)
        delivery.kfp = bench.checker.kfp_version
    delivery.changes = compare_modules(old, new)
    before = {item.ir_name: item for _, item in pipelines(old)}
    texts: dict[str, str] = {}
    for module in new.values():
        delivery.problems += [one_line(failure, 400) for failure in module.failures()] if not module.ok else []
    for path, item in pipelines(new):
        was = before.get(item.ir_name)
        if was is None or was.ir != item.ir:
            delivery.packages.append(package(path, item, was, texts))
    return texts


def is_code(path: str) -> bool:
    """Whether a file may define pipelines of the project."""
    return role_of_path(path) != "tests" and Path(path).name not in NOT_CODE


def pipelines(modules: Mapping[str, KfpModule]) -> Iterator[tuple[str, KfpObject]]:
    """The pipelines that compile, with the file of each; nothing of a module that cannot be imported."""
    for path, module in modules.items():
        if not module.error and not module.foreign:
            yield from ((path, item) for item in module.objects if item.kind == "pipeline" and item.ok and item.ir)


def package(path: str, item: KfpObject, was: KfpObject | None, texts: dict[str, str]) -> Package:
    """A pipeline's package; its text, and that of the one before, go to `texts`."""
    name = free_name(item.ir_name, texts)
    file, previous = f"packages/{name}.yaml", f"previous/{name}.yaml" if was else None
    texts[file] = as_yaml(item)
    if was and previous:
        texts[previous] = as_yaml(was)
    needs, other = platform(item)
    return Package(
        pipeline=item.ir_name,
        source=f"{path}:{item.line}",
        state="changed" if was else "new",
        file=file,
        sha256=digest(texts[file]),
        previous=previous,
        parameters=parameters(item),
        outputs=item.outputs,
        steps=steps(item),
        needs=needs,
        other_settings=other,
    )


def free_name(name: str, texts: Mapping[str, str]) -> str:
    """A file name for a pipeline that no other has."""
    safe = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip(".-") or "pipeline"
    number, found = 1, safe
    while f"packages/{found}.yaml" in texts:
        number += 1
        found = f"{safe}-{number}"
    return found


def as_yaml(item: KfpObject) -> str:
    """The documents as `kfp` writes them: the pipeline, then its platform settings."""
    return yaml.safe_dump_all(item.ir, sort_keys=True)


def digest(text: str) -> str:
    """SHA-256 of a file's content."""
    return hashlib.sha256(text.encode()).hexdigest()


def secrets_in(texts: Mapping[str, str]) -> list[str]:
    """The packages that hold what looks like a secret."""
    return [name for name, text in texts.items() if redact(text) != text]
