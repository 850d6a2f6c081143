"""A feature that is done on its branch while the checkout has moved on: it waits for a person to merge, no more."""

from __future__ import annotations

from ...tools import git
from ..documents import load_feature, parse_tasks_text
from ..workflow.checkout import open_checkout
from ..workflow.place import branch_of
from .models import Entry


def waits_for_merge(entry: Entry) -> bool:
    """Whether every task that is wanted and open in the checkout is ticked, unchanged, on the feature's branch.

    Only where branch and checkout have gone different ways: there no run can begin, and none is needed. Everywhere
    else the run itself sees that nothing is left to do.
    """
    repo = open_checkout(entry.root)
    head, tip = git.head(repo), git.branch_head(repo, branch_of(entry.feature))
    if tip is None or git.merge_base(repo, head, tip) in (head, tip):
        return False
    feature = load_feature(entry.root / entry.directory, entry.root)
    path = feature.tasks.path
    there = git.show(repo, tip, path.relative_to(feature.root).as_posix())
    if there is None:
        return False
    done = {task.digest for task in parse_tasks_text(there, path).tasks if task.state == "done"}
    wanted = [task for task in feature.tasks.tasks if task.state in ("open", "in_progress")]
    if entry.stories or entry.tasks:
        wanted = [task for task in wanted if set(entry.stories) & set(task.stories) or task.key in entry.tasks]
    return all(task.digest in done for task in wanted)
