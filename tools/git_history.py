"""The part of the git tool that writes and reads history: commits, branches, trailers."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import ToolFailure
from .git_command import attempt, git, line, reason, require_own, root_of, text, worktree_lock
from .git_nested import disarm

if TYPE_CHECKING:
    from git import Repo

COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
FALLBACK = ("kfpilot", "kfpilot@localhost")
"""Who commits where the user has not told git a name."""


def commit_all(
    worktree: Path, subject: str, body: str, trailers: Mapping[str, str], *, author: str | None = None
) -> str:
    """Commit everything that is not ignored in a worktree of ours, on its detached HEAD. No hook runs.

    Args:
        worktree: A worktree made by `add_worktree`.
        subject: First line of the message.
        body: Further paragraphs; may be empty.
        trailers: `Key: value` lines at the end of the message.
        author: `Name <mail>`; without it the user, as git knows them.

    Returns:
        The id of the new commit.

    Raises:
        ToolFailure: Nothing has changed, or git refuses.
    """
    require_own(worktree)
    disarm(worktree)
    parent = line(worktree, "rev-parse", "--verify", "HEAD^{commit}")
    git(worktree, "add", "--all", "--", ".")
    tree = line(worktree, "write-tree")
    if tree == line(worktree, "rev-parse", f"{parent}^{{tree}}"):
        raise ToolFailure(f"There is nothing to commit in {worktree}: it is the same as {parent[:12]}.")
    # Not `git commit`: no hook, no signing, no template of the user's stands between what was verified and the commit.
    done = attempt(
        worktree, "commit-tree", "-p", parent, "-F", "-", tree,
        data=_message(subject, body, trailers).encode("utf-8", "replace"), env=_identity(worktree, author),
    )  # fmt: skip
    if done.returncode:
        raise ToolFailure(f"git could not commit in {worktree}: {reason(done)}")
    commit = text(done.stdout).strip()
    git(worktree, "update-ref", "--no-deref", "-m", f"commit: {subject.splitlines()[0]}", "HEAD", commit, parent)
    return commit


def _message(subject: str, body: str, trailers: Mapping[str, str]) -> str:
    if not subject.strip():
        raise ToolFailure("A commit needs a subject.")
    parts = [" ".join(subject.split()), body.strip()]
    for key in trailers:
        if not re.fullmatch(r"[A-Za-z0-9-]+", key):
            raise ToolFailure(f"{key!r} cannot be the key of a trailer: use letters, digits and '-'.")
    parts.append("\n".join(f"{key}: {' '.join(str(value).split())}" for key, value in trailers.items()))
    return "\n\n".join(part for part in parts if part) + "\n"


def _identity(worktree: Path, author: str | None) -> dict[str, str]:
    env = {}
    # Asked one by one: git would otherwise make a name up from the machine's, or refuse.
    for role in ("AUTHOR", "COMMITTER"):
        for field, fallback in zip(("NAME", "EMAIL"), FALLBACK, strict=True):
            if not (_environ(f"GIT_{role}_{field}") or _setting(worktree, f"{role}.{field}".lower())):
                env[f"GIT_{role}_{field}"] = _setting(worktree, f"user.{field}".lower()) or fallback
    if author:
        found = re.fullmatch(r"\s*([^<>\n]+?)\s*<([^<>\n]+)>\s*", author)
        if not found:
            raise ToolFailure(f"{author!r} is not an author. Write it as: Name <mail>")
        env["GIT_AUTHOR_NAME"], env["GIT_AUTHOR_EMAIL"] = found.groups()
    return env


def _environ(name: str) -> str:
    return os.environ.get(name, "").strip()


def _setting(where: Path, key: str) -> str:
    return text(attempt(where, "config", "--get", key).stdout).strip()


def branch_head(repo: Repo, branch: str) -> str | None:
    """The commit a branch points at; None when there is no such branch."""
    # A run asks all the time, and git itself reads this file first. It is not there where the branch is packed, or
    # where refs are kept otherwise.
    with suppress(OSError):
        loose = Path(repo.common_dir, "refs", "heads", branch).read_text(encoding="ascii", errors="replace").strip()
        if COMMIT.fullmatch(loose):
            return loose
    done = attempt(root_of(repo), "rev-parse", "--verify", "--quiet", f"refs/heads/{branch}^{{commit}}")
    return text(done.stdout).strip() or None


def worktree_holding(repo: Repo, branch: str) -> Path | None:
    """The checkout (the user's or a worktree) that has the branch checked out; None when no folder has."""
    root, path = root_of(repo), None
    with worktree_lock(root):
        listed = text(git(root, "worktree", "list", "--porcelain"))
    for entry in listed.split("\n"):
        if entry.startswith("worktree "):
            path = Path(entry.removeprefix("worktree "))
        elif entry == f"branch refs/heads/{branch}" and path is not None and path.is_dir():
            return path
    return None


def update_branch(repo: Repo, branch: str, new: str, old: str | None) -> None:
    """Move a branch, but only if it still stands where we last saw it.

    Args:
        repo: The repository.
        branch: Its short name.
        new: The commit it shall point at.
        old: The commit it must point at now; None when it must not exist.

    Raises:
        ToolFailure: It stands elsewhere, it is checked out somewhere, or its name is not possible.
    """
    root = root_of(repo)
    if old is None and attempt(root, "check-ref-format", "--branch", branch).returncode:
        raise ToolFailure(f"{branch!r} cannot be the name of a branch.")
    new = line(root, "rev-parse", "--verify", f"{new}^{{commit}}")
    holder = worktree_holding(repo, branch)
    if holder is not None:
        raise ToolFailure(
            f"The branch {branch} is checked out in {holder}; moving it would leave the files there behind. "
            f"Check something else out there: git -C {holder} switch --detach"
        )
    expected = old if old is not None else "0" * len(new)
    ref = f"refs/heads/{branch}"
    done = attempt(root, "update-ref", "-m", "kfpilot", "--no-deref", ref, new, expected)
    if not done.returncode:
        return
    now = branch_head(repo, branch)
    if now == old:
        raise ToolFailure(f"The branch {branch} cannot be moved to {new[:12]}: {reason(done)}")
    was = f"stood at {old[:12]}" if old else "did not exist"
    stands = f"stands at {now[:12]}" if now else "does not exist"
    raise ToolFailure(
        f"The branch {branch} was moved by somebody else: it {was}, now it {stands}. Nothing was changed. "
        "Look at it with git log, then start again from where it is."
    )


def merge_base(repo: Repo, a: str, b: str) -> str:
    """The best common ancestor of two commits.

    Raises:
        ToolFailure: They have none.
    """
    done = attempt(root_of(repo), "merge-base", a, b)
    if done.returncode:
        why = reason(done) if done.stderr else "they have no history in common"
        raise ToolFailure(f"There is no merge base of {a} and {b}: {why}.")
    return text(done.stdout).split()[0]


def show(where: Repo | Path, commit: str, path: str) -> bytes | None:
    """The content of a file in a commit; None when the commit does not have the file.

    Args:
        where: The repository, or the top of a checkout of it.
        commit: The commit.
        path: Relative to the top.

    Raises:
        ToolFailure: There is no such commit.
    """
    root = where if isinstance(where, Path) else root_of(where)
    entry = git(root, "ls-tree", "-z", "--full-tree", commit, "--", path)
    kind, _, rest = text(entry).partition(" ")[2].partition(" ")
    if kind != "blob":
        return None
    return git(root, "cat-file", "blob", rest.split("\t")[0])


def commits_with_trailer(repo: Repo, rev_range: str, key: str) -> list[tuple[str, str]]:
    """The commits of a range that carry a trailer, the oldest first, each with the trailer's value.

    A commit that carries it several times is listed once for each value.
    """
    pattern = f"--format=%x1e%H%n%(trailers:key={key},valueonly=true,unfold=true)"
    found = []
    for record in text(git(root_of(repo), "log", "--reverse", pattern, rev_range, "--")).split("\x1e")[1:]:
        commit, *values = record.split("\n")
        found += [(commit, value.strip()) for value in values if value.strip()]
    return found


def trailers_of(repo: Repo, rev_range: str, keys: Sequence[str]) -> list[tuple[str, dict[str, list[str]]]]:
    """The commits of a range that carry one of some trailers, parents first, each with the values of these trailers."""
    # %x1e and %x1f cannot stand in a value: git cuts a trailer at the end of its line.
    parts = "".join(f"%x1f%(trailers:key={key},valueonly=true,unfold=true)" for key in keys)
    wanted = [f"--grep=^{key}: " for key in keys]
    options = ["--reverse", "--topo-order", "--basic-regexp", *wanted, f"--format=%x1e%H{parts}"]
    done = git(root_of(repo), "log", *options, rev_range, "--")
    found = []
    for record in text(done).split("\x1e")[1:]:
        commit, *values = record.split("\x1f")
        named = {
            key: [value.strip() for value in lines.split("\n") if value.strip()]
            for key, lines in zip(keys, values, strict=True)
        }
        found.append((commit.strip(), named))
    return found
