"""Where a run works: its record, its branch, its worktree. The user's checkout is read, never written."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel

from ...tools import git
from ...tools.redact import redact, redact_data
from ..documents import load_feature, parse_tasks_text, retarget, tick
from ..documents.models import Feature
from ..errors import ToolFailure, UserError
from ..planner.groups import tick_groups
from ..reports.history import task_history
from ..reports.write import write_whole
from .leftovers import clear_leftovers

if TYPE_CHECKING:
    from git import Repo

RECORDS = ".kfpilot"


class Request(BaseModel):
    """What the user asked for; kept in the run's record, so that a resumed run does the same."""

    feature: str | None = None
    words: str = ""
    tasks: list[str] = []
    stories: list[str] = []
    land: bool = False
    after: list[str] = []
    """Branches that the run builds on, if they are ahead of HEAD."""
    run: str = ""
    """The new run's id, if whoever starts it has to know it beforehand."""


class Place(BaseModel):
    """The run's names and folders."""

    run: str
    feature: str
    directory: str
    branch: str
    start: str
    root: Path
    record: Path
    worktree: Path
    request: Request

    def save(self) -> None:
        """Keep it for a resume."""
        self.record.mkdir(parents=True, exist_ok=True)
        data = redact_data(self.model_dump(mode="json"))
        write_whole(self.record / "run.json", json.dumps(data, indent=2, ensure_ascii=False) + "\n")


def records(root: Path) -> Path:
    """The folder of all run records; it ignores itself in git."""
    folder = root / RECORDS
    folder.mkdir(exist_ok=True)
    ignore = folder / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n", encoding="utf-8")
    return folder


def new_run_id() -> str:
    """Sorts by time, also within a second, whose fraction is the last part: 20261125-031502-9f3a."""
    now = time.time()
    return time.strftime("%Y%m%d-%H%M%S-", time.localtime(now)) + f"{int(now % 1 * 0x10000):04x}"


def branch_of(feature: str) -> str:
    """The run branch of a feature: its folder's name, as far as git allows it."""
    name = re.sub(r"[^\w.-]+", "-", feature).strip("-.")
    return f"kfpilot/{name.removesuffix('.lock') or 'feature'}"


def choose_start(repo: Repo, branch: str, after: Sequence[str] = ()) -> str:
    """The commit a run starts from: the run branch if it is ahead of HEAD, else HEAD.

    Args:
        repo: The user's repository.
        branch: The run branch.
        after: Branches whose work is needed; where they are ahead of HEAD they stand for it.

    Raises:
        UserError: The branch is checked out somewhere, or it and HEAD have gone different ways.
    """
    holder = git.worktree_holding(repo, branch)
    if holder is not None:
        raise UserError(
            f"branch {branch} is checked out",
            where=holder,
            mend="Check out another branch there: the run writes to it.",
        )
    head, tip = git.head(repo), git.branch_head(repo, branch)
    for other in after:
        head = with_work_of(repo, head, other)
    if tip is None or tip == head:
        return head
    base = git.merge_base(repo, head, tip)
    if base == head:
        return tip
    if base == tip:
        return head
    raise UserError(
        f"branch {branch} holds work of an earlier run that HEAD does not have, and HEAD has moved on since",
        mend=f"Merge it (git merge {branch}), or drop it (git branch -D {branch}), then run again.",
    )


def with_work_of(repo: Repo, head: str, branch: str) -> str:
    """The commit that has both: the head, or the branch's tip.

    Raises:
        UserError: They have gone different ways.
    """
    tip = git.branch_head(repo, branch)
    base = git.merge_base(repo, head, tip) if tip else None
    if tip is None or base == tip:
        return head
    if base == head:
        return tip
    raise UserError(
        f"the work of {branch} is needed, and it is not on one line with the rest that is needed",
        mend=f"Merge it first: git merge {branch}",
    )


def open_place(repo: Repo, feature: Path, cache: Path, request: Request) -> Place:
    """Make the record and the worktree of a new run."""
    root = git.root_of(repo)
    branch = branch_of(feature.name)
    start = choose_start(repo, branch, request.after)
    run = request.run or new_run_id()
    home = cache / "worktrees" / hashlib.sha256(str(root).encode()).hexdigest()[:12]
    clear_leftovers(repo, home, branch)
    place = Place(
        run=run,
        feature=feature.name,
        directory=feature.relative_to(root).as_posix(),
        branch=branch,
        start=start,
        root=root,
        record=records(root) / "runs" / run,
        worktree=home / run,
        request=request,
    )
    tip = git.branch_head(repo, branch)
    if tip is not None and tip != start:
        # All of the branch is in HEAD already; the run goes on from there.
        git.update_branch(repo, branch, start, tip)
    git.add_worktree(repo, place.worktree, start)
    place.save()
    return place


def reopen_place(repo: Repo, record: Path) -> Place:
    """The place of an interrupted run, its worktree made anew at the branch's head."""
    try:
        place = Place.model_validate_json((record / "run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"the run's record cannot be read: {error}", where=record, mend="Start a new run.") from None
    clear_leftovers(repo, place.worktree.parent, place.branch)
    git.add_worktree(repo, place.worktree, git.branch_head(repo, place.branch) or place.start)
    return place


def bring_documents(repo: Repo, place: Place) -> list[str]:
    """Copy the feature's documents from the checkout where the user has changed or not yet committed them.

    Ticks that an earlier run committed, and that HEAD does not have yet, are made again in the copy, unless the user
    has rewritten the task since. What HEAD has, the user has seen: an open box there is meant to be open.

    Returns:
        The copied paths.
    """
    changed: dict[str, bytes | None] = {}
    done = {task for _, task in task_commits(repo, f"{git.head(repo)}..{place.start}", place.feature)}
    for path in git.is_dirty(repo):
        source = place.root / path
        inside = path.startswith((place.directory + "/", ".specify/"))
        if not inside or not source.is_file() or source.is_symlink():
            continue
        data = source.read_bytes()
        target = place.worktree / path
        before = target.read_bytes() if target.exists() else None
        if before == data:
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        changed[path] = before
    if any(Path(path).name == "tasks.md" for path in changed) and done:
        feature = load_feature(place.worktree / place.directory, place.worktree)
        file = feature.tasks.path
        committed = git.show(repo, place.start, file.relative_to(place.worktree).as_posix()) or b""
        as_done = {task.digest for task in parse_tasks_text(committed, file).tasks if task.state == "done"}
        for task in feature.tasks.tasks:
            if task.key in done and task.digest in as_done and task.state != "done":
                tick_file(feature, task.key)
                tick_groups(feature, task.key)
    # With its ticks the list may be just what an earlier run has committed.
    return [path for path, before in changed.items() if (place.worktree / path).read_bytes() != before]


def refuse_secrets(place: Place, paths: list[str]) -> None:
    """The documents are committed before any gate has looked at them, so they are looked at here.

    Args:
        place: The run; its worktree holds the documents, not yet committed.
        paths: The documents, relative to it.

    Raises:
        UserError: One of them holds a token or a key; its value is not said.
    """
    from ...tools.git_lines import added_lines
    from ...tools.secret_scan import secret_findings

    head = git.head(git.open_repo(place.worktree))
    found = secret_findings(place.worktree, added_lines(place.worktree, head, paths), soft=lambda path: True)
    for item in found:
        if item.severity == "error":
            raise UserError(
                f"line {item.line} holds a secret, and the run would commit it",
                where=place.root / item.path,
                mend="Take it out of the document (and revoke it if it is real), then run again.",
            )


def task_commits(repo: Repo, span: str, feature: str) -> list[tuple[str, str]]:
    """Commit and task of every verified task of a feature in a range, but for those that were taken back since.

    Ids are the same in every feature, so the feature's name counts too.
    """
    live, _ = task_history(repo, span)
    return [(item.commit, item.task) for item in live if item.feature == feature]


def tick_file(feature: Feature, key: str) -> bool:
    """Tick a task in the worktree's tasks.md; False when its form has no box to tick."""
    path = feature.tasks.path
    data = path.read_bytes()
    task = retarget(data, feature.task(key))
    if task.mark_offset is None:
        return False
    path.write_bytes(tick(data, task))
    return True


def keep_patch(place: Place, worktree: Path, task: str, base: str) -> str | None:
    """Keep the unverified work of a task in the record; the path is relative to it."""
    try:
        patch = git.diff(worktree, base)
    except ToolFailure:
        return None
    name = f"patches/{re.sub(r'[^A-Za-z0-9.#-]', '_', task)}.patch"
    file = place.record / name
    if not patch.strip():
        # Killed after the patch was kept and the work was put back: it is there already.
        return name if file.exists() else None
    file.parent.mkdir(parents=True, exist_ok=True)
    clean = redact(patch)
    if clean != patch:
        # git passes over what stands before the first file.
        clean = f"Secrets were taken out: files in which they stood will not apply.\n\n{clean}"
    write_whole(file, clean)
    return name
