"""`kfpilot clean`: what runs have left, what of it may go, and what holds work that is nowhere else."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

from ...tools import git, git_revert, leftovers
from ..drafting.draft import Draft
from ..errors import ToolFailure
from ..reports.find import RunInfo, list_runs, runs_folder
from ..reports.history import RUN_TRAILER
from .background_runs import BACKGROUND, load
from .locks import HOLDER, is_held
from .place import RECORDS, Place, records

if TYPE_CHECKING:
    from git import Repo

Kind = Literal["worktree", "record", "background", "branch", "lock", "server", "temporary", "session", "conversation"]
CHAT = "chat"
ENDINGS = (".json", ".log")
DAY = 24 * 3600.0
OPEN = ("unfinished", "interrupted", "budget", "error")
"""How a run ends that can be gone on with."""


class Item(BaseModel):
    """Something that a run has left."""

    model_config = ConfigDict(extra="forbid")

    kind: Kind
    name: str
    why: str = Field(description="Why it goes, or why it stays")
    size: int = Field(default=0, description="Bytes")
    unmerged: bool = Field(default=False, description="Holds work that is nowhere else")
    commit: str = Field(default="", description="Of a branch: where it stands, so that it can be made again")
    orphan: leftovers.Orphan | None = Field(default=None, exclude=True)


class Cleaning(BaseModel):
    """What `kfpilot clean` does, or has done."""

    model_config = ConfigDict(extra="forbid")

    dry_run: bool = True
    remove: list[Item] = []
    keep: list[Item] = []
    failed: list[str] = []

    @property
    def bytes(self) -> int:
        """What the removal frees."""
        return sum(item.size for item in self.remove)


def look(repo: Repo, cache: Path, *, days: float = 30.0, everything: bool = False) -> Cleaning:
    """Find what runs of this repository have left. Nothing is changed.

    Args:
        repo: The user's repository.
        cache: Where our worktrees lie.
        days: Records of runs older than this may go.
        everything: Also what holds work that is nowhere else: unfinished runs, kept patches, branches not merged.

    Returns:
        What would go and what would stay. Only what kfpilot has made is in either.
    """
    found = Cleaning()
    runs = {info.id: info for info in list_runs(git.root_of(repo))}
    merged = set(merged_branches(repo))
    for item, goes in [
        *worktrees(repo, cache, runs),
        *run_records(repo, runs, days),
        *run_branches(repo, runs, merged),
        *sessions(repo, days),
        *conversations(repo, days),
        *((item, True) for item in rubbish(repo)),
    ]:
        (found.remove if goes or everything else found.keep).append(item)
    gone = {item.name for item in found.remove if item.kind == "record"}
    for item, goes in background_records(repo, gone, days):
        (found.remove if goes or everything else found.keep).append(item)
    return found


def home_of(repo: Repo, cache: Path) -> Path:
    """Where the worktrees of a repository lie."""
    return cache / "worktrees" / hashlib.sha256(str(git.root_of(repo)).encode()).hexdigest()[:12]


def worktrees(repo: Repo, cache: Path, runs: dict[str, RunInfo]) -> Iterator[tuple[Item, bool]]:
    """Worktrees of ours, and folders among them that git has forgotten."""
    own = git.list_worktrees(repo)
    home = home_of(repo, cache).resolve()
    lost = [
        path.resolve()
        for path in (sorted(home.iterdir()) if home.is_dir() else [])
        if not any(other.is_relative_to(path.resolve()) for other in own)
    ]
    # Those outside of this folder were made from another checkout of the repository, whose runs are not known here.
    for path in [*(path for path in own if path.is_relative_to(home)), *lost]:
        info = runs.get(path.relative_to(home).parts[0])
        size = leftovers.size_of(path)
        if info is not None and info.outcome in OPEN:
            why = f"its run can be gone on with: kfpilot run {info.feature} --resume"
            yield Item(kind="worktree", name=str(path), why=why, size=size, unmerged=True), False
        else:
            yield Item(kind="worktree", name=str(path), why="its run has ended", size=size), True


def run_records(repo: Repo, runs: dict[str, RunInfo], days: float) -> Iterator[tuple[Item, bool]]:
    """Records of runs: they stay while they are young, can be gone on with, or keep work that was not verified."""
    folder = runs_folder(git.root_of(repo))
    newest = {info.feature: info.id for info in sorted(runs.values(), key=lambda info: info.active)}
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        info = runs.get(path.name)
        size = leftovers.size_of(path)
        if info is None:
            # Broken off before its first event: there is nothing to report and nothing to go on with.
            yield Item(kind="record", name=path.name, why="holds no journal", size=size), True
            continue
        age = (time.time() - info.active) / DAY
        patches = sorted(file.name for file in path.glob("patches/*.patch"))
        held = ""
        if info.outcome in OPEN and newest.get(info.feature) == info.id:
            held = f"the run can be gone on with: kfpilot run {info.feature} --resume"
        elif patches:
            held = f"keeps work that was not verified: {', '.join(patches)}"
        why = held or (f"{age:.0f} days old" + (f", less than {days:g}" if age < days else ""))
        goes = not held and age >= days
        yield Item(kind="record", name=path.name, why=why, size=size, unmerged=bool(held)), goes


def background_records(repo: Repo, gone: set[str], days: float) -> Iterator[tuple[Item, bool]]:
    """What is kept of processes in the background whose run has no record, or whose record goes now.

    Of a run that ended before it began it says why, so it stays while it is young.
    """
    root = git.root_of(repo)
    folder = root / RECORDS / BACKGROUND
    files = [file for file in sorted(folder.iterdir()) if file.suffix in ENDINGS] if folder.is_dir() else []
    for run in dict.fromkeys(file.stem for file in files):
        job = load(root, run)
        if ((runs_folder(root) / run).exists() and run not in gone) or (job and job.working):
            continue
        own = [file for file in files if file.stem == run]
        age = (time.time() - max(file.stat().st_mtime for file in own)) / DAY
        size = sum(leftovers.size_of(file) for file in own)
        item = Item(kind="background", name=run, why="there is no record of its run", size=size)
        yield item, run in gone or age >= days


def merged_branches(repo: Repo) -> Iterator[str]:
    """Branches below kfpilot/ whose work is in a branch of the user's."""
    for branch, tip in git_revert.branches(repo, "kfpilot/").items():
        others = [name for name in git_revert.branches_with(repo, tip) if "kfpilot/" not in name]
        if others:
            yield branch


def run_branches(repo: Repo, runs: dict[str, RunInfo], merged: set[str]) -> Iterator[tuple[Item, bool]]:
    """Branches of runs. One below kfpilot/ that no record and no trailer knows was made by somebody else."""
    recorded = {info.branch for info in runs.values()} | {place.branch for place in places(repo)}
    for branch, tip in git_revert.branches(repo, "kfpilot/").items():
        ours = branch in recorded or bool(git.commits_with_trailer(repo, f"{tip}^!", RUN_TRAILER))
        if not ours:
            continue
        holder = git.worktree_holding(repo, branch)
        if holder is not None:
            yield Item(kind="branch", name=branch, why=f"is checked out in {holder}", commit=tip), False
        elif branch in merged:
            yield Item(kind="branch", name=branch, why="is merged", commit=tip), True
        else:
            why = "holds commits that no branch of yours has"
            yield Item(kind="branch", name=branch, why=why, commit=tip, unmerged=True), False


def sessions(repo: Repo, days: float) -> Iterator[tuple[Item, bool]]:
    """Conversations with an editor: a head and what was said."""
    for head in sorted((git.root_of(repo) / RECORDS / "acp").glob("*.json")):
        files = [head, head.with_suffix(".jsonl")]
        age = (time.time() - max(file.stat().st_mtime for file in files if file.exists())) / DAY
        why = f"{age:.0f} days old" + (f", less than {days:g}" if age < days else "")
        size = sum(leftovers.size_of(file) for file in files)
        yield Item(kind="session", name=head.stem, why=why, size=size), age >= days


def conversations(repo: Repo, days: float) -> Iterator[tuple[Item, bool]]:
    """What `kfpilot chat` and `kfpilot new` keep: it stays while it is young, or holds a draft that is in no file."""
    home = git.root_of(repo) / RECORDS / CHAT
    folders = [path for path in sorted(home.iterdir()) if path.is_dir()] if home.is_dir() else []
    used = {path: max(file.stat().st_mtime for file in [path, *path.iterdir()]) for path in folders}
    # As `kfpilot chat --continue` chooses.
    going_on = max((path for path in folders if substantial(path / "session.json")), key=used.__getitem__, default=None)
    for path in folders:
        age = (time.time() - used[path]) / DAY
        held = unwritten(path / "session.json")
        if held and path == going_on:
            held += "; go on with: kfpilot chat --continue"
        why = held or f"{age:.0f} days old" + (f", less than {days:g}" if age < days else "")
        item = Item(kind="conversation", name=path.name, why=why, size=leftovers.size_of(path), unmerged=bool(held))
        yield item, not held and age >= days


def substantial(file: Path) -> bool:
    """Whether a conversation has something to go on with."""
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
        return any(kept.get(name) for name in ("draft", "questions", "feature", "runs"))
    except (OSError, ValueError, AttributeError):
        return False


def unwritten(file: Path) -> str:
    """What a conversation holds that its feature's documents do not; empty if nothing, or if it cannot be read."""
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
        draft = Draft.model_validate(kept["draft"]) if kept.get("draft") else None
        saved = kept.get("saved")
    except (OSError, ValueError, AttributeError):
        return ""
    if draft is None or saved == draft.digests():
        return ""
    return f"holds a draft of {draft.folder} that was not written"


def places(repo: Repo) -> Iterator[Place]:
    """The places of all recorded runs that can be read."""
    for file in sorted(runs_folder(git.root_of(repo)).glob("*/run.json")):
        try:
            yield Place.model_validate_json(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue


def rubbish(repo: Repo) -> Iterator[Item]:
    """What only a killed process leaves: helpers without a parent, locks, temporary folders."""
    for orphan in leftovers.orphans():
        yield Item(kind="server", name=f"process {orphan.pid}", why=f"has no parent: {orphan.command}", orphan=orphan)
    for file in leftovers.branch_locks(git_revert.common_folder(repo), "kfpilot"):
        yield Item(kind="lock", name=str(file), why="left by a git that was killed", size=leftovers.size_of(file))
    holder = records(git.root_of(repo)) / HOLDER
    if holder.exists() and not is_held(git.root_of(repo)):
        yield Item(kind="lock", name=str(holder), why="its process is gone", size=leftovers.size_of(holder))
    for folder in leftovers.temporary():
        size = leftovers.size_of(folder)
        yield Item(kind="temporary", name=str(folder), why="left by a process that is gone", size=size)


def carry_out(repo: Repo, found: Cleaning) -> Cleaning:
    """Remove what was found; what cannot be removed is told, and the rest is removed all the same.

    Whoever calls this holds the lock: nothing of a run under way may go.
    """
    done = Cleaning(dry_run=False, keep=found.keep)
    git.settle_worktrees(repo)
    for item in found.remove:
        try:
            remove_one(repo, item)
        except (ToolFailure, OSError) as error:
            done.failed.append(f"{item.kind} {item.name}: {error}")
        else:
            done.remove.append(item)
    return done


def remove_one(repo: Repo, item: Item) -> None:
    """Remove one thing."""
    if item.kind == "worktree":
        git.remove_worktree(repo, Path(item.name))
        leftovers.remove(Path(item.name))
        with suppress(OSError):  # there is another one in it
            Path(item.name).parent.rmdir()
    elif item.kind == "background":
        for ending in ENDINGS:
            (git.root_of(repo) / RECORDS / BACKGROUND / (item.name + ending)).unlink(missing_ok=True)
    elif item.kind == "record":
        leftovers.remove(runs_folder(git.root_of(repo)) / item.name)
    elif item.kind == "session":
        for ending in (".json", ".jsonl"):
            leftovers.remove(git.root_of(repo) / RECORDS / "acp" / (item.name + ending))
    elif item.kind == "conversation":
        leftovers.remove(git.root_of(repo) / RECORDS / CHAT / item.name)
    elif item.kind == "branch":
        if git.worktree_holding(repo, item.name) is not None:
            raise ToolFailure("it is checked out")
        git_revert.delete_branch(repo, item.name, item.commit)
    elif item.kind == "server" and item.orphan:
        leftovers.end(item.orphan)
    elif item.kind in ("lock", "temporary"):
        leftovers.remove(Path(item.name))
