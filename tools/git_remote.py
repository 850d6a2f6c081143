"""Sends branches to a remote and fetches them, without a question to anyone.

A token comes from the environment and goes to git in its environment, for its own server only: never into an address,
a command line or a configuration file.
"""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from .errors import ToolFailure
from .git_command import attempt, line, reason

ZERO = "0" * 40


@dataclass(frozen=True)
class Address:
    """A remote's address, without what may be secret in it.

    Attributes:
        host: Its server; empty for a folder.
        slug: `owner/name`, as far as there is one.
        shown: The address as it may be shown.
    """

    host: str
    slug: str
    shown: str


def address_of(root: Path, remote: str) -> Address:
    """Where a configured remote is.

    Raises:
        ToolFailure: There is no such remote.
    """
    return parse_address(push_url(root, remote))


def push_url(root: Path, remote: str) -> str:
    """A configured remote's address as it stands in the configuration; it may hold a secret.

    Raises:
        ToolFailure: There is no such remote.
    """
    done = attempt(root, "remote", "get-url", "--push", remote)
    if done.returncode:
        known = line(root, "remote").split()
        mend = f"There is: {', '.join(known)}." if known else f"Add it: git remote add {remote} ADDRESS."
        raise ToolFailure(f"The repository {root} has no remote '{remote}'. {mend}")
    return done.stdout.decode("utf-8", "replace").strip()


def parse_address(url: str) -> Address:
    """The parts of an address, in git's two ways of writing it."""
    if "://" in url:
        parts = urlsplit(url)
        slug = parts.path.strip("/").removesuffix(".git")
        shown = f"{parts.scheme}://{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}{parts.path}"
        return Address(parts.hostname or "", slug if parts.hostname else "", shown)
    short = re.fullmatch(r"(?:[^@/]+@)?([\w.-]+):(?!/)(.+)", url)
    if short:
        return Address(short[1], short[2].strip("/").removesuffix(".git"), f"{short[1]}:{short[2]}")
    return Address("", "", url)


def with_token(server: str, user: str, token: str, env: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Variables that make git show a token to one server, and to no other.

    Args:
        server: Like `https://github.com`.
        user: The user name that goes with the token.
        token: The token; with none, nothing is set.
        env: The environment; settings that it gives to git stay.
    """
    if not token or not server:
        return {}
    count = int(env.get("GIT_CONFIG_COUNT") or 0)
    secret = base64.b64encode(f"{user}:{token}".encode()).decode()
    return {
        "GIT_CONFIG_COUNT": str(count + 1),
        f"GIT_CONFIG_KEY_{count}": f"http.{server.rstrip('/')}/.extraHeader",
        f"GIT_CONFIG_VALUE_{count}": f"Authorization: Basic {secret}",
    }


def remote_head(root: Path, remote: str, branch: str, env: Mapping[str, str] | None = None) -> str | None:
    """The commit that a branch has on the remote; None if it is not there.

    Raises:
        ToolFailure: The remote cannot be asked.
    """
    done = attempt(root, *QUICK, "ls-remote", "--exit-code", remote, f"refs/heads/{branch}", env=env)
    if done.returncode == 2:
        return None
    if done.returncode:
        raise ToolFailure(f"The remote {remote} cannot be asked: {hidden(reason(done), env)}")
    return done.stdout.decode().split()[0]


def fetch_branch(root: Path, remote: str, branch: str, env: Mapping[str, str] | None = None) -> str | None:
    """Fetch a branch to `refs/remotes/REMOTE/BRANCH`; returns its commit, None if the remote has none.

    Raises:
        ToolFailure: It cannot be fetched.
    """
    if remote_head(root, remote, branch, env) is None:
        return None
    target = f"refs/remotes/{remote}/{branch}"
    done = attempt(
        root, *QUICK, "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", remote,
        f"+refs/heads/{branch}:{target}", env=env,
    )  # fmt: skip
    if done.returncode:
        raise ToolFailure(f"{branch} cannot be fetched from {remote}: {hidden(reason(done), env)}")
    return line(root, "rev-parse", "--verify", f"{target}^{{commit}}")


def push_branch(
    root: Path, remote: str, branch: str, *, options: Sequence[str] = (), env: Mapping[str, str] | None = None
) -> bool:
    """Send a branch; never overwrites what others have pushed to it. Returns False if the remote had it already.

    Raises:
        ToolFailure: The remote refuses it; says why.
    """
    words = [word for option in options for word in ("--push-option", option)]
    done = attempt(
        root, *QUICK, "push", "--porcelain", "--no-follow-tags", *words, remote,
        f"refs/heads/{branch}:refs/heads/{branch}", env=env,
    )  # fmt: skip
    if done.returncode:
        said = hidden(reason(done), env)
        porcelain = done.stdout.decode("utf-8", "replace")
        if "[rejected]" in porcelain:
            raise ToolFailure(
                f"{remote} has commits on {branch} that are not here. Look at them: git fetch {remote} {branch}, "
                "then merge them into the branch, or delete it there."
            )
        refused = re.search(r"\[remote rejected\] \((.*)\)", porcelain)
        raise ToolFailure(f"{branch} cannot be pushed to {remote}: {refused[1] if refused else said}")
    return not re.search(r"^=\t", done.stdout.decode("utf-8", "replace"), re.M)


def clone_or_update(url: str, folder: Path, branch: str, env: Mapping[str, str] | None = None) -> None:
    """Make a clone of our own, or bring one up to date: its branch goes forward, nothing in it is dropped.

    Args:
        url: What to clone; holds no user and no password.
        folder: Where to; new, empty, or an earlier clone of the same.
        branch: The branch that is checked out.
        env: More variables for git.

    Raises:
        ToolFailure: It cannot be cloned or brought up to date.
    """
    shown = parse_address(url).shown
    if not (folder / ".git").exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        done = attempt(folder.parent, *QUICK, "clone", "--quiet", "--branch", branch, "--", url, str(folder), env=env)
        if done.returncode:
            raise ToolFailure(f"{shown} cannot be cloned: {hidden(reason(done), env)}")
        return
    known = attempt(folder, "remote", "get-url", "origin").stdout.decode("utf-8", "replace").strip()
    if known != url:
        raise ToolFailure(f"{folder} is a clone of {parse_address(known).shown or 'something else'}, not of {shown}.")
    for step in (
        ["fetch", "--quiet", "--prune", "origin"],
        ["checkout", "--quiet", branch],
        ["merge", "--quiet", "--ff-only", f"origin/{branch}"],
    ):
        done = attempt(folder, *QUICK, *step, env=env)
        if done.returncode:
            raise ToolFailure(f"{folder} cannot be brought up to date: {hidden(reason(done), env)}")


QUICK = ("-c", "http.lowSpeedLimit=1", "-c", "http.lowSpeedTime=60", "-c", "push.gpgSign=false")
"""A server that says nothing for a minute is given up."""


def hidden(text: str, env: Mapping[str, str] | None) -> str:
    """What git said, without secrets: those of its environment, and those that stand in an address."""
    for name, value in (env or {}).items():
        if name.startswith("GIT_CONFIG_VALUE_") and value:
            text = text.replace(value, "***").replace(value.rsplit(" ", 1)[-1], "***")
    return re.sub(r"(\w+://)[^/\s@]+@", r"\1", text)
