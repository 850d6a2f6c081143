"""A pull request at GitHub, opened once and brought up to date afterwards."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..errors import UserError
from ..reports.words import one_line

if TYPE_CHECKING:
    from .landing import Target

COLOURS = {"kfpilot:verified": "2e9e5b", "kfpilot:partly-verified": "d99a1c"}
TEXTS = {
    "kfpilot:verified": "Every selected task was seen to pass",
    "kfpilot:partly-verified": "Some tasks were not seen to pass",
}


def open_or_update(
    target: Target, branch: str, base: str, title: str, body: str, label: str, env: Mapping[str, str] = os.environ
) -> str:
    """Open the pull request of a branch, or bring the open one up to date; returns its address.

    One that a person has closed stays closed as long as nothing new is on the branch.

    Raises:
        UserError: There is no token, or GitHub refuses.
    """
    from github import Auth, Github, GithubException

    if not target.token:
        raise UserError("it is pushed; for the pull request there is no token for this server in the environment",
                        mend="Set GITHUB_TOKEN (contents and pull requests: write); for GitHub Enterprise GH_HOST or "
                        "GITHUB_SERVER_URL too.")  # fmt: skip
    if target.slug.count("/") != 1:
        raise UserError(f"'{target.slug}' is not OWNER/NAME of a repository", mend="Set GITHUB_REPOSITORY=OWNER/NAME.")
    try:
        client = Github(auth=Auth.Token(target.token), base_url=api_of(target, env), timeout=30, retry=2)
        try:
            return in_repository(client.get_repo(target.slug), branch, base, title, body, label)
        finally:
            client.close()
    except GithubException as error:
        raise UserError(f"it is pushed; GitHub refuses the pull request: {told(error)}".replace(target.token, "***"),
                        mend="See what the token may do, and whether the branch may be merged.") from None  # fmt: skip
    except OSError as error:  # requests' own errors are such
        reason = one_line(str(error), 200).replace(target.token, "***")
        raise UserError(f"it is pushed; GitHub cannot be reached: {reason}") from None


def api_of(target: Target, env: Mapping[str, str]) -> str:
    """The address of the API: GitHub's own, or that of an enterprise server."""
    if env.get("GITHUB_API_URL"):
        return env["GITHUB_API_URL"]
    return "https://api.github.com" if target.server == "https://github.com" else f"{target.server}/api/v3"


def in_repository(repo: Any, branch: str, base: str, title: str, body: str, label: str) -> str:
    """Open or update, and set the label."""
    head = f"{repo.owner.login}:{branch}"
    pull = next(iter(repo.get_pulls(state="open", head=head)), None)
    if pull is None:
        tip = repo.get_branch(branch).commit.sha
        for closed in repo.get_pulls(state="closed", head=head):
            if closed.head.sha == tip:
                return str(closed.html_url)
        pull = repo.create_pull(base=base, head=branch, title=title, body=body)
    elif body and (pull.title, pull.body) != (title, body):
        pull.edit(title=title, body=body)
    ensure_label(repo, label)
    issue = pull.as_issue()
    names = {item.name for item in issue.labels}
    for other in names & (set(COLOURS) - {label}):
        issue.remove_from_labels(other)
    if label not in names:
        issue.add_to_labels(label)
    return str(pull.html_url)


def ensure_label(repo: Any, label: str) -> None:
    """Make the label if the repository has none of that name."""
    from github import GithubException, UnknownObjectException

    try:
        repo.get_label(label)
    except UnknownObjectException:
        try:
            repo.create_label(label, COLOURS[label], TEXTS[label])
        except GithubException as error:
            # Made by somebody else meanwhile; or labels are for others to make: the pull request matters more.
            if error.status not in (403, 422):
                raise


def told(error: Any) -> str:
    """What GitHub said, in one line."""
    data = error.data if isinstance(error.data, dict) else {}
    parts = [str(data.get("message") or f"status {error.status}")]
    parts += [
        str(item.get("message") or item.get("code")) for item in data.get("errors") or [] if isinstance(item, dict)
    ]
    return one_line("; ".join(part for part in parts if part and part != "None"), 300)
