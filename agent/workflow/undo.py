"""Takes a task or a run back by commits on top: history is never rewritten, the tick goes with its commit."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from ...tools import git, git_revert
from ..documents import list_features, load_feature, retarget
from ..documents.tick import untick
from ..errors import ToolFailure, UserError
from ..planner.depend import id_key
from ..planner.groups import members, untick_groups
from ..planner.models import ExecutionPlan
from ..planner.paths import is_protected
from ..reports.find import list_runs
from ..reports.history import FEATURE_TRAILER, UNDO_EVIDENCE_TRAILER, UNDO_TRAILER, TaskCommit
from .locks import one_run
from .undo_choice import Where, choose, histories, names

if TYPE_CHECKING:
    from git import Repo


class Step(BaseModel):
    """A commit to take back, or that was."""

    model_config = ConfigDict(extra="forbid")

    task: str
    commit: str
    run: str = ""
    files: list[str] = Field(default=[], description="What the commit changed, without tasks.md")
    because: str = Field(default="", description="Why it goes along: what it depends on")
    undone_by: str = Field(default="", description="The commit that took it back")


class Undo(BaseModel):
    """What `kfpilot undo` does, or has done."""

    model_config = ConfigDict(extra="forbid")

    feature: str = ""
    branch: str = Field(default="", description="The branch that gets the commits")
    checkout: bool = Field(default=False, description="Whether that branch is the one checked out here")
    dry_run: bool = False
    undone: list[Step] = Field(default=[], description="The latest first")
    already: list[Step] = Field(default=[], description="Taken back before")
    notes: list[str] = []


def undo(
    repo: Repo,
    cache: Path,
    target: str | None,
    feature: str | None = None,
    *,
    with_dependents: bool = False,
    dry_run: bool = False,
) -> Undo:
    """Take a task or a run back.

    Args:
        repo: The user's repository.
        cache: Where our worktrees lie.
        target: A task's id, or a run's id or its beginning; None is the latest run that verified something.
        feature: The feature of the task, where several have the id.
        with_dependents: Take back as well what depends on it.
        dry_run: Only say what would be done.

    Raises:
        UserError: Nothing fits, later work depends on it, later changes are in the way, or the checkout is not clean.
    """
    # What only tells needs no lock: it works in a folder of its own, so a run may be working meanwhile.
    with nullcontext() if dry_run else one_run(git.root_of(repo)):
        return _undo(repo, cache, target, feature, with_dependents, dry_run)


def _undo(repo: Repo, cache: Path, target: str | None, feature: str | None, dependents: bool, dry_run: bool) -> Undo:
    root = git.root_of(repo)
    places = histories(repo, feature)
    chosen, already, where = choose(root, places, target)
    if where is None:
        steps = [Step(task=item.task, commit=item.commit, run=item.run, undone_by=item.undone_by) for item in already]
        return Undo(feature=already[0].feature, already=steps, dry_run=dry_run)
    refuse_shared(chosen)
    why = dependents_of(repo, where, chosen)
    if why and not dependents:
        listed = "; ".join(f"{item.task} ({reason})" for item, reason in why)
        raise UserError(
            f"{names(chosen)} cannot be taken back alone: later work depends on it: {listed}",
            mend="Take it all back with --with-dependents, or take these back first.",
        )
    reasons = {item.commit: reason for item, reason in why}
    wanted = {item.commit for item in chosen} | set(reasons)
    # The latest first: each step then finds the files as its commit left them.
    items = [item for item in reversed(where.live) if item.commit in wanted]
    require_possible(repo, where, items)
    made = carry_out(repo, cache, where, items, reasons, dry_run=dry_run)
    made.already = [
        Step(task=item.task, commit=item.commit, run=item.run, undone_by=item.undone_by) for item in already
    ]
    if not dry_run and made.undone:
        forget_checkpoints(root, made.feature)
    return made


def dependents_of(repo: Repo, where: Where, chosen: list[TaskCommit]) -> list[tuple[TaskCommit, str]]:
    """Later tasks of the feature that rest on what is chosen, directly or not, each with the reason."""
    feature = chosen[0].feature
    needs = dependencies(repo, where, feature)

    def changed(item: TaskCommit) -> set[str]:
        return set(worked_files(repo, item))

    out = list(chosen)
    files = {path: item.task for item in chosen for path in changed(item)}
    found: list[tuple[TaskCommit, str]] = []
    begun = False
    for item in where.live:
        if item in chosen:
            begun = True
            continue
        if not begun or item.feature != feature:
            continue
        own = changed(item)
        needed = [other.task for other in out if id_key(other.task) in needs.get(id_key(item.task), set())]
        shared = sorted(own & set(files))
        rests = [other.task for other in out if other.task in item.done_by]
        if rests:
            reason = f"its work is that of {', '.join(dict.fromkeys(rests))}"
        elif needed:
            reason = f"depends on {', '.join(dict.fromkeys(needed))}"
        elif shared:
            reason = f"changes {shared[0]} after {files[shared[0]]}"
        else:
            continue
        found.append((item, reason))
        out.append(item)
        files.update(dict.fromkeys(own, item.task))
    return found


def worked_files(repo: Repo, item: TaskCommit) -> list[str]:
    """What a commit changed, without the documents that hold its tick."""
    return [path for path in git_revert.files_of(repo, item.commit) if not is_protected(path)]


def dependencies(repo: Repo, where: Where, feature: str) -> dict[str, set[str]]:
    """What each task needs: as the plans of the runs say, and as tasks.md says now. Ids in their plain form."""
    needs: dict[str, set[str]] = {}
    root = git.root_of(repo)
    for info in list_runs(root, feature):
        try:
            plan = ExecutionPlan.model_validate_json((info.directory / "plan.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        for task in plan.tasks:
            needs.setdefault(id_key(task.id), set()).update(id_key(other) for other in task.depends_on)
    for folder in list_features(root):
        if folder.name == feature:
            try:
                loaded = load_feature(folder, root)
            except UserError:
                continue
            meant = {
                id_key(one.key): [id_key(other.key) for other in members(one, loaded)] for one in loaded.tasks.tasks
            }
            for one in loaded.tasks.tasks:
                named = [id_key(other) for other in one.depends_on]
                found = {key for name in named for key in meant.get(name, [name])}
                needs.setdefault(id_key(one.key), set()).update(found)
    return needs


def require_possible(repo: Repo, where: Where, items: list[TaskCommit]) -> None:
    """Refuse before anything is made.

    Raises:
        UserError: A commit stands for several tasks, the branch cannot be written, or the checkout is not clean.
    """
    root = git.root_of(repo)
    refuse_shared(items)
    if not where.checkout:
        holder = git.worktree_holding(repo, where.branch)
        if holder is not None:
            raise UserError(
                f"branch {where.branch} is checked out", where=holder, mend="Run kfpilot undo there, or switch there."
            )
        return
    busy = git_revert.in_progress(repo)
    if busy:
        raise UserError(f"{busy[0]} is in progress", where=root, mend=f"End it first: {busy[1]}.")
    if not where.branch:
        raise UserError(
            "the work is in HEAD, and no branch is checked out", where=root, mend="Run git switch BRANCH, then again."
        )
    dirty = git_revert.tracked_changes(repo)
    if dirty:
        shown = ", ".join(dirty[:5]) + (f" and {len(dirty) - 5} more" if len(dirty) > 5 else "")
        raise UserError(
            f"the work has landed on {where.branch}, which is checked out and has uncommitted changes: {shown}",
            where=root,
            mend="Commit or stash them (git stash), then run kfpilot undo again.",
        )


def refuse_shared(items: list[TaskCommit]) -> None:
    """A squashed commit cannot be taken apart.

    Raises:
        UserError: One of them stands for several tasks.
    """
    for item in items:
        if item.shared:
            raise UserError(
                f"commit {item.commit[:10]} holds several tasks in one, {item.task} among them",
                mend=f"Take it back as a whole: git revert {item.commit[:10]}, then mend the ticks in tasks.md.",
            )


def carry_out(
    repo: Repo, cache: Path, where: Where, items: list[TaskCommit], reasons: dict[str, str], *, dry_run: bool
) -> Undo:
    """Make the commits in a worktree of ours, all or none, then move the branch to the last of them."""
    root = git.root_of(repo)
    made = Undo(feature=items[0].feature, branch=where.branch, checkout=where.checkout, dry_run=dry_run)
    home = cache / "worktrees" / hashlib.sha256(str(root).encode()).hexdigest()[:12]
    # A run that starts clears its home; without the lock that is no place for us.
    home = Path(tempfile.mkdtemp(prefix="kfpilot-undo-")) if dry_run else home
    worktree = git.add_worktree(repo, home / "undo", where.tip)
    try:
        tip = where.tip
        for item in items:
            commit = take_one_back(repo, worktree, where, item, made.notes)
            tip = commit or tip
            made.undone.append(
                Step(
                    task=item.task,
                    commit=item.commit,
                    run=item.run,
                    files=worked_files(repo, item),
                    because=reasons.get(item.commit, ""),
                    undone_by="" if dry_run else (commit or ""),
                )
            )
        if dry_run or tip == where.tip:
            return made
        if where.checkout:
            git_revert.forward_to(repo, tip)
        else:
            git.update_branch(repo, where.branch, tip, where.tip)
    except ToolFailure as error:
        raise UserError(f"nothing was taken back: {error}", where=root) from None
    finally:
        git.remove_worktree(repo, worktree)
        if dry_run:
            shutil.rmtree(home, ignore_errors=True)
    return made


def take_one_back(repo: Repo, worktree: Path, where: Where, item: TaskCommit, notes: list[str]) -> str | None:
    """One commit that takes one task back and empties its box; None when there is nothing left to take back."""
    folder = next((path for path in list_features(worktree) if path.name == item.feature), None)
    feature = load_feature(folder, worktree) if folder else None
    tasks = feature.tasks.path if feature else None
    keep = [tasks.relative_to(worktree.resolve()).as_posix()] if tasks else []
    conflicts = git_revert.take_back(worktree, item.commit, keep)
    if conflicts:
        latest = git_revert.last_to_touch(repo, f"{item.commit}..{where.tip}", conflicts[0])
        raise UserError(
            f"{item.task} cannot be taken back: later changes stand in the way in {', '.join(conflicts)}"
            + (f" (last changed by {latest})" if latest else ""),
            mend="Nothing was changed. Take the later work back first, or do it by hand: "
            f"git revert {item.commit[:10]}",
        )
    if feature is None or tasks is None:
        notes.append(f"{item.task}: the documents of {item.feature} are gone, so no box was emptied")
    else:
        try:
            data = tasks.read_bytes()
            data = untick(data, retarget(data, feature.task(item.task)))
            tasks.write_bytes(untick_groups(data, feature, item.task))
        except (UserError, KeyError):
            notes.append(f"{item.task} is no longer in {keep[0]}, so no box was emptied")
    if not git.changed_files(worktree, "HEAD"):
        notes.append(f"{item.task}: its work is no longer there, so there was nothing to take back")
        return None
    subject = git_revert.subject_of(repo, item.commit)
    return git.commit_all(
        worktree,
        f"revert: {subject}",
        f"Takes {item.task} back and empties its box.\n\nThis reverts commit {item.commit}.",
        {UNDO_TRAILER: item.commit, UNDO_EVIDENCE_TRAILER: item.evidence, FEATURE_TRAILER: item.feature}
        if item.evidence
        else {UNDO_TRAILER: item.commit, FEATURE_TRAILER: item.feature},
    )


def forget_checkpoints(root: Path, feature: str) -> None:
    """An unfinished run of the feature goes on from the branch, not from a state in which the task was done."""
    for info in list_runs(root, feature):
        if info.outcome not in ("verified", "partly"):
            for file in info.directory.glob("checkpoint.sqlite*"):
                file.unlink()
