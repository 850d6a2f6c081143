"""Which lines a change has added."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from .git import tree_hash
from .git_command import git

HUNK = re.compile(rb"^@@ -\d+(?:,\d+)? \+(\d+)(?:,(\d+))? @@", re.M)


def added_lines(worktree: Path, base: str, paths: Iterable[str], tree: str = "") -> dict[str, set[int]]:
    """The numbers of the lines that are new or changed since a commit.

    Args:
        worktree: The top of a checkout.
        base: The commit to compare with.
        paths: Files that exist now, relative to it.
        tree: The tree of the checkout as it is now, where that is known.

    Returns:
        A set for each path; empty where nothing was added. Attributes that call a file binary change nothing: whoever
        writes it could write them too.
    """
    wanted = list(paths)
    tree = tree or (tree_hash(worktree) if wanted else "")
    options = ["-r", "-p", "-U0", "--no-renames", "--no-ext-diff", "--no-textconv", "--no-color", "--text"]
    found: dict[str, set[int]] = {}
    for path in wanted:
        patch = git(worktree, "diff-tree", *options, base, tree, "--", path)
        found[path] = {
            number
            for start, count in HUNK.findall(patch)
            for number in range(int(start), int(start) + (int(count) if count else 1))
        }
    return found
