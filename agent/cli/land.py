"""`kfpilot land`: the verified work of a feature comes into the user's branch."""

from __future__ import annotations

import json as jsonlib
import sys
from pathlib import Path
from typing import Annotated

import typer

from .options import Json, NoColor, Repo

EPILOG = "Examples:  kfpilot land   ·   kfpilot land 001"


def land(
    feature: Annotated[
        str | None, typer.Argument(help="Folder, name or number of the feature (default: the one at hand).")
    ] = None,
    json: Json = False,
    no_color: NoColor = False,
    repo: Repo = Path(),
) -> None:
    """Bring the branch you are on forward to what is verified on the feature's branch.

    Only forward, as `git merge --ff-only` does. Your uncommitted documents that the run took along are no obstacle; any
    other uncommitted change to the same files is, and stays.
    """
    raise typer.Exit(land_command(repo, feature, json=json, no_color=no_color))


def land_command(folder: Path, hint: str | None, *, json: bool = False, no_color: bool = False) -> int:
    """Fast-forward the user's branch; returns 0.

    Raises:
        UserError: It cannot be: no run has verified anything, the branches have diverged, changes are in the way.
    """
    from ...tools import git
    from ..errors import EXIT_OK, ToolFailure, UserError
    from ..reports.words import bare, plural
    from ..workflow.checkout import find_feature, open_checkout
    from ..workflow.place import branch_of
    from .common import console_for

    repo = open_checkout(folder)
    feature = find_feature(repo, hint)
    branch, before = branch_of(feature.name), git.head(repo)
    if git.branch_head(repo, branch) is None:
        raise UserError(f"there is no branch {branch}", mend=f"Have the feature worked: kfpilot run {feature.name}")
    try:
        after = git.fast_forward(repo, branch)
    except ToolFailure as error:
        raise UserError(str(error)) from None
    commits = int(repo.git.rev_list("--count", f"{before}..{after}"))
    here = git.current_branch(repo)
    if json:
        told = {"feature": feature.name, "branch": here, "from": branch, "before": before, "after": after}
        sys.stdout.write(jsonlib.dumps({**told, "commits": commits}, indent=2) + "\n")
    else:
        what = f"{plural(commits, 'commit')} forward to {branch}" if commits else f"has all of {branch} already"
        console_for(no_color).print(bare(f"{here}: {what} ({after[:10]})"), markup=False, highlight=False)
    return EXIT_OK
