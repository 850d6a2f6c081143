"""Which paths a repository has, ever had, ignores, and what became of those that are gone: read once for all paths."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from .git_command import attempt, fields, text

COMMIT = "\x1e"
HOPS = 8
"""How many renames one after the other are followed."""
# A clone that fetches what it lacks on demand must not be made to do so; git then says that it cannot.
OFFLINE = {"GIT_NO_LAZY_FETCH": "1"}


class PathHistory(BaseModel):
    """Every path that any commit of the repository has added or deleted.

    Attributes:
        complete: The history is known to its beginning, so that a path that is not in it never existed.
        reason: Why it is not, for a person.
        added: Path -> the latest commit (abbreviated) that added it.
        deleted: Path -> the latest commit that deleted it.
        latest: Path -> the number of the latest commit that touched it; 0 is the newest commit of all.
        first: Path -> the number of the oldest commit that added it.
    """

    model_config = ConfigDict(extra="forbid")

    complete: bool = False
    reason: str = ""
    added: dict[str, str] = Field(default_factory=dict)
    deleted: dict[str, str] = Field(default_factory=dict)
    latest: dict[str, int] = Field(default_factory=dict)
    first: dict[str, int] = Field(default_factory=dict)


def path_history(root: Path) -> PathHistory:
    """Read the paths of all commits of all branches in one pass of `git log`, without contents.

    Args:
        root: The top of a checkout.
    """
    shallow = attempt(root, "rev-parse", "--is-shallow-repository")
    if shallow.returncode:
        return PathHistory(reason="this is no git repository, so nothing is known of what was here before")
    if attempt(root, "rev-parse", "--verify", "--quiet", "HEAD^{commit}").returncode:
        return PathHistory(reason="the repository has no commit yet")
    # `-c`: a merge is compared with all its parents, so that a file that only the merge brought in counts too.
    done = attempt(
        root, "log", "--all", "HEAD", "--no-renames", "-c", "--name-status", "-z", "--no-ext-diff",
        f"--format={COMMIT}%h", "--", env=OFFLINE,
    )  # fmt: skip
    history = PathHistory()
    commit, number = "", -1
    parts = iter(text(done.stdout).split("\0"))
    for part in parts:
        part = part.removeprefix("\n")
        if part.startswith(COMMIT):
            commit, number = part[1:].strip(), number + 1
        elif part and commit:
            path = next(parts, "")
            # The newest commit comes first. A merge has a letter for each of its parents.
            history.latest.setdefault(path, number)
            if set(part) == {"D"}:
                history.deleted.setdefault(path, commit)
            elif "A" in part:
                history.added.setdefault(path, commit)
                history.first[path] = number
    if done.returncode:
        history.reason = "the history could not be read to its beginning (a partial clone?)"
    elif text(shallow.stdout).strip() == "true":
        history.reason = "this is a shallow clone, so older commits are unknown (git fetch --unshallow)"
    else:
        history.complete = True
    return history


def renames(root: Path, commits: Iterable[str]) -> dict[str, dict[str, str]]:
    """What some commits renamed: commit -> old path -> new path."""
    wanted = sorted(set(commits))
    found: dict[str, dict[str, str]] = {}
    if not wanted:
        return found
    done = attempt(
        root, "log", "--no-walk=unsorted", "--stdin", "-M40%", "--diff-filter=R", "--name-status", "-z",
        "--no-ext-diff", f"--format={COMMIT}%h", data="\n".join(wanted).encode() + b"\n", env=OFFLINE,
    )  # fmt: skip
    current: dict[str, str] = {}
    parts = iter(text(done.stdout).split("\0"))
    for part in parts:
        part = part.removeprefix("\n")
        if part.startswith(COMMIT):
            current = found.setdefault(part[1:].strip(), {})
        elif re.fullmatch(r"R\d+", part):
            old = next(parts, "")
            current[old] = next(parts, "")
    return found


def where_now(path: str, history: PathHistory, moves: dict[str, dict[str, str]], present: set[str]) -> str:
    """The path that a file which was renamed, maybe several times, has now; empty if it is gone."""
    for _ in range(HOPS):
        commit = history.deleted.get(path, "")
        path = moves.get(commit, {}).get(path, "")
        if not path or path in present:
            return path
    return ""


def tracked(root: Path) -> dict[str, str]:
    """Tracked paths with the id of their content in the index; empty outside of git."""
    done = attempt(root, "ls-files", "--stage", "-z", "--", ".")
    found: dict[str, str] = {}
    for entry in fields(done.stdout) if not done.returncode else []:
        meta, _, path = entry.partition("\t")
        found[path] = meta.split(" ")[1]
    return found


def submodules(root: Path) -> list[str]:
    """Folders that hold another repository."""
    done = attempt(root, "ls-files", "--stage", "-z", "--", ".")
    entries = fields(done.stdout) if not done.returncode else []
    return [entry.partition("\t")[2] for entry in entries if entry.startswith("160000 ")]


def untracked(root: Path) -> list[str]:
    """Paths that are neither tracked nor ignored."""
    done = attempt(root, "ls-files", "--others", "--exclude-standard", "-z")
    return fields(done.stdout) if not done.returncode else []


def ignored(root: Path, paths: Sequence[str]) -> set[str]:
    """Those of the paths, existing or not, that git's ignore rules take out."""
    # git refuses the whole request for a path that leads out of the repository or through a symbolic link.
    plain = [path for path in paths if path and ".." not in path.split("/") and not path.startswith(("/", ":"))]
    if not plain:
        return set()
    # This command refuses to run where paths are said to be literal.
    env = {"GIT_LITERAL_PATHSPECS": "0"}
    done = attempt(root, "check-ignore", "--no-index", "-z", "--stdin", data="\0".join(plain).encode() + b"\0", env=env)
    return set(fields(done.stdout))


def changed_now(root: Path) -> set[str]:
    """Tracked paths whose content in the checkout or in the index differs from the last commit."""
    done = attempt(root, "diff", "--name-only", "-z", "--no-ext-diff", "--no-renames", "HEAD", "--")
    return set(fields(done.stdout)) if not done.returncode else set()


def commit_contents(root: Path, commits: Sequence[str]) -> dict[str, dict[str, str]]:
    """What some commits changed: commit -> path -> id of the new content (zeros for a path it deleted)."""
    found: dict[str, dict[str, str]] = {}
    if not commits:
        return found
    done = attempt(
        root, "log", "--no-walk=unsorted", "--stdin", "--raw", "--no-abbrev", "--no-renames", "-z",
        f"--format={COMMIT}%H", data="\n".join(dict.fromkeys(commits)).encode() + b"\n", env=OFFLINE,
    )  # fmt: skip
    current: dict[str, str] = {}
    parts = iter(text(done.stdout).split("\0"))
    for part in parts:
        part = part.removeprefix("\n")
        if part.startswith(COMMIT):
            current = found.setdefault(part[1:].strip(), {})
        elif part.startswith(":"):
            current[next(parts, "")] = part.split(" ")[3]
    return found


def blobs(root: Path, ids: Iterable[str]) -> dict[str, bytes]:
    """The contents of some objects by their id; those that are not here are left out."""
    wanted = list(dict.fromkeys(ids))
    found: dict[str, bytes] = {}
    if not wanted:
        return found
    data = attempt(root, "cat-file", "--batch", data="\n".join(wanted).encode() + b"\n", env=OFFLINE).stdout
    place = 0
    while place < len(data):
        end = data.index(b"\n", place)
        header = data[place:end].split(b" ")
        place = end + 1
        if len(header) == 3 and header[2].isdigit():
            size = int(header[2])
            found[header[0].decode()] = data[place : place + size]
            place += size + 1
    return found


def words_ever(root: Path, words: Sequence[str], most: int = 5_000) -> set[str] | None:
    """Those of some words that any commit of the history added or removed; None when it is too long to look at.

    Args:
        root: The top of a checkout.
        words: Identifiers.
        most: Histories with more commits than this are not looked at: each needs its differences read.
    """
    if not words:
        return set()
    count = attempt(root, "rev-list", "--all", "--count", "HEAD")
    if count.returncode or int(text(count.stdout).strip() or 0) > most:
        return None
    pattern = rf"(^|[^A-Za-z0-9_])({'|'.join(map(re.escape, words))})([^A-Za-z0-9_]|$)"
    done = attempt(
        root, "log", "--all", "HEAD", "-E", f"-G{pattern}", "-p", "-U0", "--no-renames", "--no-ext-diff", "--format=",
        "--", env=OFFLINE,
    )  # fmt: skip
    if done.returncode:
        return None
    found: set[str] = set()
    file = ""
    wanted = set(words)
    for line in text(done.stdout).split("\n"):
        if line.startswith("diff --git "):
            file = line.rpartition(" b/")[2]
        elif line[:1] in "+-" and not line.startswith(("+++", "---")) and not file.endswith(".md"):
            found |= wanted.intersection(re.findall(r"\w+", line))
    return found
