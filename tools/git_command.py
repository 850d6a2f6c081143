"""Runs git: with an environment that the caller's shell cannot bend, without hooks, without a question to the user."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import ToolFailure
from .scratch import scratch_folder

if TYPE_CHECKING:
    from git import Repo

MARK = "kfpilot"
"""A file of this name in git's own record of a worktree says that kfpilot has made the worktree."""

CONFIG = (
    # The hooks are the user's, for the user's own commits; one that asks or rewrites would break the evidence.
    f"core.hooksPath={os.devnull}",
    "core.fsmonitor=false",
    "core.splitIndex=false",
    "core.quotePath=false",
    # The line ends are settled by the attributes; a warning must not become an error half way.
    "core.safecrlf=false",
    "advice.detachedHead=false",
    "advice.addEmbeddedRepo=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "color.ui=false",
    "i18n.commitEncoding=UTF-8",
    "i18n.logOutputEncoding=UTF-8",
    "log.showSignature=false",
)

WHOLE = "core.sparseCheckout=false"
"""In worktrees of ours: the verifier looks at all of a commit, also where the user's own checkout is sparse."""

WITHOUT_LFS = ("filter.lfs.process=", "filter.lfs.smudge=", "filter.lfs.clean=", "filter.lfs.required=false")
"""Where git-lfs is set up and not installed: files stay the pointers that they are, else every checkout would fail."""

FIXED = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "true",
    "SSH_ASKPASS": "true",
    "GIT_EDITOR": "true",
    # Looking at the user's checkout must not refresh, and so rewrite, its index.
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_LITERAL_PATHSPECS": "1",
    "LC_ALL": "C.UTF-8",
    "LANGUAGE": "C",
}

KEPT = ("GIT_SSH", "GIT_SSH_COMMAND", "GIT_SSL_CAINFO", "GIT_SSL_CAPATH", "GIT_EXEC_PATH", "GIT_TEMPLATE_DIR",
        "GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM", "GIT_CEILING_DIRECTORIES",
        "GIT_DISCOVERY_ACROSS_FILESYSTEM", "GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME",
        "GIT_COMMITTER_EMAIL", "GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE")  # fmt: skip
"""Of the caller's GIT_* variables only these get through: GIT_DIR, GIT_INDEX_FILE and the like (set when we are called
from a hook) would turn every command to another repository or another index."""

LOOK_AGAIN = 2.0
"""Seconds of one wait for git's answer; then the next one begins."""

KEPT_PREFIXES = ("GIT_CONFIG_COUNT", "GIT_CONFIG_KEY_", "GIT_CONFIG_VALUE_")


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment git runs in."""
    env = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("GIT_") or name in KEPT or name.startswith(KEPT_PREFIXES)
    }
    return {**env, **FIXED, **(extra or {})}


@functools.cache
def has_lfs() -> bool:
    """Whether git-lfs is installed."""
    return shutil.which("git-lfs") is not None


def is_own(where: Path) -> bool:
    """Whether a folder is the top of a worktree that kfpilot has made."""
    record = pointed_at(where)
    return record is not None and (record / MARK).is_file()


def pointed_at(where: Path) -> Path | None:
    """The folder that the `.git` file of a worktree or submodule names."""
    try:
        pointer = (where / ".git").read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return None
    named = pointer.removeprefix("gitdir:").strip()
    return where / named if named else None


def own_index(where: Path) -> Path | None:
    """The index of a whole worktree that kfpilot has made and nobody has moved; None for everything else.

    Read from the files that gitrepository-layout(5) describes: to ask git costs a process, and a task asks often.
    """
    record = pointed_at(where)
    if record is None or not all((record / name).is_file() for name in (MARK, "HEAD", "commondir")):
        return None
    try:
        back = record / (record / "gitdir").read_text(encoding="utf-8", errors="surrogateescape").strip()
    except OSError:
        return None
    return record.resolve() / "index" if back.resolve() == (where / ".git").resolve() else None


def common_dir(where: Path) -> Path:
    """The folder of git's that all worktrees of a repository share.

    Raises:
        ToolFailure: There is none, or git refuses to touch it.
    """
    folder, index = where / ".git", own_index(where)
    if index is not None:
        return (index.parent / (index.parent / "commondir").read_text(encoding="utf-8").strip()).resolve()
    if folder.is_dir() and (folder / "HEAD").is_file() and not (folder / "commondir").exists():
        return folder.resolve()
    return Path(line(where, "rev-parse", "--path-format=absolute", "--git-common-dir"))


def attempt(
    where: Path,
    *arguments: str,
    data: bytes | None = None,
    env: Mapping[str, str] | None = None,
    inherit: tuple[int, ...] = (),
) -> subprocess.CompletedProcess[bytes]:
    """Run git in a folder and return what came of it, whatever the exit code.

    Args:
        where: The folder.
        arguments: git's.
        data: What it reads from standard input.
        env: Further variables.
        inherit: Open files that it keeps as long as it runs.

    Raises:
        ToolFailure: There is no git, or no such folder.
    """
    if not where.is_dir():
        raise ToolFailure(f"The folder {where} does not exist, so git cannot work in it.")
    command = ["git"]
    for setting in (*CONFIG, *(() if has_lfs() else WITHOUT_LFS), *((WHOLE,) if is_own(where) else ())):
        command += ["-c", setting]
    try:
        process = subprocess.Popen(
            [*command, *arguments],
            cwd=where,
            env=environment(env),
            stdin=subprocess.PIPE if data else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=inherit,
        )
    except FileNotFoundError:
        raise ToolFailure("git is not installed, or not on the PATH. Install git 2.31 or later.") from None
    with process:
        try:
            out, err = process.communicate(data) if data else _answer(process)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def _answer(process: subprocess.Popen[bytes]) -> tuple[bytes, bytes]:
    """What a process says until its end, however long that takes."""
    while True:
        # Not one wait without an end: seen on a virtual machine under load, where a run that was told to stop slept on
        # a pipe that nobody held open any more. Who looks again finds it closed.
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.communicate(timeout=LOOK_AGAIN)


def git(where: Path, *arguments: str, data: bytes | None = None, env: Mapping[str, str] | None = None) -> bytes:
    """Run git in a folder and return its output.

    Raises:
        ToolFailure: git failed; the message holds what git said.
    """
    done = attempt(where, *arguments, data=data, env=env)
    if done.returncode:
        raise ToolFailure(f"`git {arguments[0]}` failed in {where}: {reason(done)}")
    return done.stdout


def line(where: Path, *arguments: str, env: Mapping[str, str] | None = None) -> str:
    """Run git and return the one line it answers with."""
    return text(git(where, *arguments, env=env)).strip()


def text(data: bytes) -> str:
    """Bytes from git as text; file names that are not UTF-8 survive the way there and back."""
    return os.fsdecode(data)


def fields(data: bytes) -> list[str]:
    """The entries of a `-z` answer."""
    return [text(part) for part in data.split(b"\0") if part]


def reason(done: subprocess.CompletedProcess[bytes]) -> str:
    """What git said of its failure, without the hints it gives to people at a prompt."""
    said = (done.stderr or done.stdout).decode("utf-8", "replace")
    lines = [part.strip() for part in said.splitlines() if part.strip() and not part.startswith("hint:")]
    return " ".join(lines)[:1500] or f"exit code {done.returncode}"


@contextmanager
def worktree_lock(where: Path) -> Iterator[None]:
    """One at a time, over all threads and processes of ours: git trips over a worktree that is just being made.

    Raises:
        ToolFailure: Somebody holds it for too long.
    """
    from filelock import FileLock, Timeout

    path = common_dir(where) / "kfpilot-worktrees.lock"
    try:
        with FileLock(path, timeout=120):
            yield
    except Timeout:
        raise ToolFailure(f"Another run has held {path} for two minutes. Wait for it, or end it.") from None


@contextmanager
def scratch_index(worktree: Path) -> Iterator[dict[str, str]]:
    """An index of our own that starts as a copy of the worktree's, so that the real one is never written.

    Yields:
        The environment variables that make git use it.
    """
    with scratch_folder("index") as folder:
        index = folder / "index"
        env = {"GIT_INDEX_FILE": str(index)}
        real = require_top(worktree)
        try:
            # With its times: git compares them with those of the files to know which content it has to read again.
            shutil.copy2(real, index)
        except FileNotFoundError:
            git(worktree, "read-tree", "HEAD", env=env)
        yield env


def root_of(repo: Repo) -> Path:
    """The top folder of the checkout the repository was opened from."""
    return Path(repo.working_tree_dir)


def require_top(worktree: Path) -> Path:
    """Refuse a folder that is not the top of a checkout; returns where its index is.

    A worktree whose `.git` is lost would otherwise be taken for a part of whatever repository lies around it.

    Raises:
        ToolFailure: It is not.
    """
    index_of_ours = own_index(worktree)
    if index_of_ours is not None:
        return index_of_ours
    said = text(git(worktree, "rev-parse", "--path-format=absolute", "--show-toplevel", "--git-path", "index"))
    top, _, index = said.rstrip("\n").rpartition("\n")
    if Path(top) != worktree.resolve():
        raise ToolFailure(
            f"{worktree} is not the top of a checkout: git takes it for a part of {top}. "
            "If it was a worktree, its .git file is lost: remove the folder and add the worktree again."
        )
    return Path(index)


def require_own(worktree: Path) -> None:
    """Refuse to write anywhere but in a worktree that `add_worktree` has made.

    Raises:
        ToolFailure: It is somebody's checkout, or no checkout at all.
    """
    if not (require_top(worktree).parent / MARK).is_file():
        raise ToolFailure(
            f"{worktree} is not a worktree that kfpilot has made, so nothing is written there. "
            "Add one with add_worktree and work in it."
        )
