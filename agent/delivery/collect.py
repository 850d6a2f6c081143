"""Puts a delivery together from git, the run's journal and the compiled pipelines of two commits."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
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
from ...tools.scratch import scratch_folder
from ..errors import UserError
from ..planner.paths import role_of_path
from ..reports.find import JOURNAL, RunInfo, runs_folder
from ..reports.history import TaskCommit, task_history
from ..reports.models import Report, TaskReport
from ..reports.standing import as_it_stands
from ..reports.summarise import gate_warnings, readiness, summarise
from ..reports.words import one_line
from ..settings import Settings
from ..verifier.bench import Bench
from ..verifier.compiled import checked_out, compile_in, compiled_at
from ..verifier.models import Verdict
from ..workflow.landing import evidence_file
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
    report = as_it_stands(git.root_of(repo), summarise(run.journal))
    if report.state == "unfinished":
        mend = f"Wait for it, or go on with it: kfpilot run {report.feature} --resume"
        raise UserError(f"run {report.run} has not ended", where=run.directory, mend=mend)
    head = head_of(repo, report)
    base = start_of(repo, report, head, since)
    commits = [item for item in task_history(repo, f"{base}..{head}")[0] if item.feature == report.feature]
    if not commits:
        mend = f"See why: kfpilot report {report.run}" if since is None else "Name an older commit with --since."
        raise UserError(f"no verified task of {report.feature} in {base[:10]}..{head[:10]}", mend=mend)
    report, lost = with_earlier_runs(git.root_of(repo), report, commits)
    tasks = list(delivered(repo, report, commits))
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
        not_verified=[*report.readiness.not_verified, *lost],
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


def with_earlier_runs(root: Path, report: Report, commits: list[TaskCommit]) -> tuple[Report, list[str]]:
    """The report of the run with the delivered tasks of other runs, as their own records tell of them.

    Returns:
        The report, and what cannot be told any more because a record is gone.
    """
    own = {(task.id, task.evidence) for task in report.verified}
    others = [item for item in commits if (item.task, item.evidence) not in own]
    found: list[TaskReport] = []
    lost: dict[str, list[str]] = {}
    for item in others:
        task = recorded(root, item)
        if task is None:
            lost.setdefault(item.run or "an unknown run", []).append(item.task)
        else:
            found.append(task)
    ids = {item.task for item in others}
    whole = report.model_copy(
        update={
            # A run that was killed before it told of a commit has it as unfinished.
            "tasks": [*found, *(task for task in report.tasks if task.id not in ids)],
            "left_out": [left for left in report.left_out if left.id not in ids],
            "taken_back": [key for key in report.taken_back if key not in ids],
            "issues": [*report.issues, *gate_warnings(report.model_copy(update={"tasks": found}))],
        }
    )
    whole.readiness = readiness(whole)
    return whole, [
        f"what the gates could not see of {', '.join(tasks)}: the record of {run} is gone"
        for run, tasks in lost.items()
    ]


def recorded(root: Path, item: TaskCommit) -> TaskReport | None:
    """What a task's gates saw, from the record of the run that its commit names; None where that is gone."""
    folder = runs_folder(root) / Path(item.run).name
    if not item.run or not folder.is_dir():
        return None
    known: dict[str, TaskReport] = {}
    with suppress(UserError):
        known = {task.id: task for task in summarise(folder / JOURNAL).tasks}
    task = known.get(item.task) or TaskReport(id=item.task)
    gates = task.gates if task.evidence == item.evidence else None
    # The verdict is kept before the commit is made, the journal told of it after: a kill may lie between.
    with suppress(OSError, ValueError):
        verdict = Verdict.model_validate_json(evidence_file(folder, item.task).read_text(encoding="utf-8"))
        gates = verdict.gates if verdict.digest == item.evidence else gates
    if gates is None:
        return None
    return task.model_copy(
        update={"state": "verified", "commit": item.commit, "evidence": item.evidence, "gates": gates}
    )


def delivered(repo: Repo, report: Report, commits: list[TaskCommit]) -> Iterator[DeliveredTask]:
    """The verified tasks whose commits are delivered."""
    known = {task.id: task for task in report.tasks}
    root = git.root_of(repo)
    for item in commits:
        task = known.get(item.task)
        # The subject is cut to its length and ends with the id; the body begins with the whole title.
        title = (task.title if task else "") or line(root, "log", "-1", "--format=%b", item.commit).partition("\n")[0]
        title = title or line(root, "log", "-1", "--format=%s", item.commit).removesuffix(f" ({item.task})")
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
        scratch_folder("deliver") as folder,
        checked_out(repo, delivery.head, folder) as tree,
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
        if module.ok:
            continue
        earlier = old.get(module.path)
        if module.path not in changed and earlier is not None and not earlier.ok:
            # A module that is left over, of KFP v1 for instance: no package came from it before either.
            delivery.issues.append(one_line(f"{module.path} did not compile before either, and is as it was", 400))
        else:
            delivery.problems += [one_line(failure, 400) for failure in module.failures()]
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
