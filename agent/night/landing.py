"""Where the verified work of a feature goes: it stays on its branch, is pushed, or becomes a pull request."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ...tools import git
from ...tools.errors import ToolFailure
from ...tools.git_remote import (
    Address,
    address_of,
    clone_or_update,
    fetch_branch,
    parse_address,
    push_branch,
    with_token,
)
from ..documents import load_feature
from ..errors import UserError
from ..workflow.checkout import open_checkout
from ..workflow.place import branch_of
from .models import Item, Landed, Landing, Night
from .record import brief

VERIFIED_LABEL, PARTLY_LABEL = "kfpilot:verified", "kfpilot:partly-verified"
BODY_LIMIT = 60_000
"""GitHub takes 65536 characters."""


@dataclass(frozen=True)
class Target:
    """A remote, the service behind it, and how git gets in."""

    remote: str
    host: str
    slug: str
    server: str
    token: str
    env: dict[str, str]


def target_of(root: Path, landing: Landing, env: Mapping[str, str] = os.environ) -> Target:
    """The remote that a landing means. Tokens come from the environment and go only to the server they are for.

    Raises:
        ToolFailure: There is no such remote.
    """
    address = address_of(root, landing.remote)
    return access(address, landing.host if landing.host != "auto" else host_of(address, env), env, landing.remote)


def access(address: Address, host: str, env: Mapping[str, str], remote: str = "origin") -> Target:
    """How to get into a server, with the token that is for it."""
    if host == "github":
        server = env.get("GITHUB_SERVER_URL") or f"https://{address.host or 'github.com'}"
        token = env.get("KFPILOT_GITHUB_TOKEN") or env.get("GH_TOKEN") or env.get("GITHUB_TOKEN") or ""
        slug = address.slug or env.get("GITHUB_REPOSITORY", "")
        own = not env.get("GITHUB_SERVER_URL") and address.host not in ("", "github.com", env.get("GH_HOST", ""))
        token = "" if own else token
        return Target(remote, host, slug, server, token, with_token(server, "x-access-token", token, env))
    if host == "gitlab":
        server = env.get("CI_SERVER_URL") or f"https://{address.host or 'gitlab.com'}"
        token = env.get("KFPILOT_GITLAB_TOKEN") or env.get("GITLAB_TOKEN") or ""
        known = env.get("CI_SERVER_URL") or address.host in ("", "gitlab.com", env.get("GITLAB_HOST", ""))
        token = token if known else ""
        return Target(remote, host, address.slug, server, token, with_token(server, "oauth2", token, env))
    return Target(remote, "", address.slug, "", "", {})


def clone(url: str, folder: Path, branch: str, env: Mapping[str, str] = os.environ) -> None:
    """The worker's own clone, made or brought up to date.

    Raises:
        UserError: The address holds a user or a password, or it cannot be cloned.
    """
    address = parse_address(url)
    if "://" in url and address.shown != url.split("?")[0]:
        raise UserError(
            f"the address of {address.shown} holds a user or a password",
            mend="Take it out; the token comes from the environment (GITHUB_TOKEN or GITLAB_TOKEN).",
        )
    try:
        clone_or_update(url, folder, branch, access(address, host_of(address, env), env).env)
    except ToolFailure as error:
        raise UserError(str(error)) from None


def host_of(address: Address, env: Mapping[str, str]) -> str:
    """Which service a remote is at, by its name; empty if none that is known."""
    name = address.host.lower()
    if not name:
        return ""
    if name == "github.com" or name.startswith("github.") or name == env.get("GH_HOST"):
        return "github"
    if name == "gitlab.com" or name.startswith("gitlab.") or name == env.get("GITLAB_HOST"):
        return "gitlab"
    return "github" if env.get("GITHUB_SERVER_URL", "").endswith(f"//{name}") else ""


def sync(night: Night, item: Item) -> None:
    """Before a run: bring the feature's branch, and those it builds on, up to what the remote has.

    Another machine, or a person in a review, may have gone on with them.

    Raises:
        UserError: The branch has gone different ways here and there.
    """
    landing = night.landing
    if landing.mode == "branch":
        return
    entry = item.entry
    repo = open_checkout(entry.root)
    target = target_of(entry.root, landing)
    for branch in (branch_of(entry.feature), *entry.after):
        there, here = fetch_branch(entry.root, landing.remote, branch, target.env), git.branch_head(repo, branch)
        if there is None or there == here:
            continue
        base = git.merge_base(repo, here, there) if here else None
        if here is None or base == here:
            if git.worktree_holding(repo, branch) is None:
                git.update_branch(repo, branch, there, here)
        elif base != there:
            raise UserError(
                f"branch {branch} has gone different ways here and on {landing.remote}",
                where=entry.root,
                mend=f"Bring them together: git checkout {branch} && git pull {landing.remote} {branch}",
            )


def send_early(night: Night, item: Item) -> None:
    """Push what is verified so far: a worker that is lost in the middle of a feature loses no verified task.

    Not to GitLab, where the merge request is made by the push that brings the last commit. What goes wrong here is
    told at the end, by `land_item`.
    """
    entry, landing = item.entry, night.landing
    if landing.mode == "branch":
        return
    with suppress(ToolFailure):
        target = target_of(entry.root, landing)
        if landing.mode == "push" or target.host != "gitlab":
            push_branch(entry.root, landing.remote, branch_of(entry.feature), env=target.env)


def land_item(night: Night, item: Item) -> None:
    """Send the work of a feature where the night's landing says. What goes wrong is told in the item, not raised."""
    entry, landing = item.entry, night.landing
    branch = branch_of(entry.feature)
    try:
        repo = open_checkout(entry.root)
        head = git.branch_head(repo, branch)
        if head is None or git.merge_base(repo, git.head(repo), head) == head:
            return  # Nothing that the checkout does not have.
        item.landed = Landed(mode=landing.mode, branch=branch, head=head)
        if landing.mode == "branch":
            return
        target = target_of(entry.root, landing)
        base = landing.base or git.current_branch(repo)
        if landing.mode == "pull-request" and not base:
            raise UserError("no branch is checked out, so it is not clear what the pull request is for",
                            where=entry.root, mend="Name it: --base main, or `base` under `landing`.")  # fmt: skip
        options: list[str] = []
        if landing.mode == "pull-request" and target.host == "gitlab":
            from .gitlab import push_options

            options = push_options(item, title_of(item), body_of(item), str(base))
        push_branch(entry.root, landing.remote, branch, options=options, env=target.env)
        item.landed.pushed = True
        if landing.mode == "pull-request" and target.host == "github":
            from .github import open_or_update

            item.landed.url = open_or_update(target, branch, str(base), title_of(item), body_of(item), label_of(item))
        elif landing.mode == "pull-request" and not target.host:
            raise UserError(f"it is pushed; whether {landing.remote} is at GitHub or at GitLab is not known",
                            mend="Say so: `landing.host: github` (or gitlab) in the backlog, or --host.")  # fmt: skip
    except (UserError, ToolFailure) as error:
        landed = item.landed or Landed(mode=landing.mode, branch=branch)
        item.landed = landed.model_copy(update={"problem": brief(error)})


def label_of(item: Item) -> str:
    """Verified, or partly verified."""
    return VERIFIED_LABEL if item.state in ("verified", "done") else PARTLY_LABEL


def title_of(item: Item) -> str:
    """The title of the pull request: what the spec calls the feature."""
    try:
        feature = load_feature(item.entry.root / item.entry.directory, item.entry.root)
        title = feature.spec.title if feature.spec and feature.spec.title else item.entry.feature
    except UserError:
        title = item.entry.feature
    return " ".join(title.split())[:200]


def body_of(item: Item) -> str:
    """The run's report, in front of it what a reviewer must know; empty if the report is not on this machine."""
    from ..reports.markdown import render

    if item.report is None:
        return ""  # Worked elsewhere: what the pull request says already stands.
    text = render(item.report)
    head = (
        "" if item.state in ("verified", "done") else f"> **Not all of it is verified.** {item.person or item.why}\n\n"
    )
    builds = f"Builds on: {', '.join(item.entry.depends_on)}.\n\n" if item.entry.depends_on else ""
    whole = head + builds + text
    cut = "\n\n… The rest is in the run's report.\n"
    return whole if len(whole) <= BODY_LIMIT else whole[: BODY_LIMIT - len(cut)] + cut
