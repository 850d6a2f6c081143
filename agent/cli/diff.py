"""What a run, or one of its tasks, changed, as git shows it."""

from __future__ import annotations

from pathlib import Path

from ...tools import git
from ...tools.redact import redact
from ..errors import UserError
from ..planner.depend import id_key
from ..reports.find import latest_run
from ..reports.summarise import summarise
from ..workflow.checkout import open_checkout

LONGEST = 200_000
"""Characters; a person reads no more of it in a terminal."""


def diff_of(root: Path, feature: str | None, task: str = "") -> str:
    """The diff of the latest run's branch against where it began, or of one task's commit.

    Args:
        root: The repository's root.
        feature: Whose run; None is the latest of all.
        task: Only this task.

    Raises:
        UserError: There is no run, or the task has no commit in it.
    """
    report = summarise(latest_run(root, feature).journal)
    repo = open_checkout(root)
    if task:
        found = [item for item in report.tasks if id_key(item.id) == id_key(task)]
        if not found or not found[0].commit:
            done = ", ".join(item.id for item in report.verified) or "none"
            raise UserError(f"run {report.run} has no commit of {task}", mend=f"Tasks with a commit: {done}.")
        text = str(repo.git.show(found[0].commit, "--stat", "--patch", "--no-ext-diff", "--no-textconv"))
    else:
        head = git.branch_head(repo, report.branch) or report.head
        if not head or head == report.base:
            return "The run has committed nothing.\n"
        text = str(repo.git.diff(report.base, head, "--stat", "--patch", "--no-ext-diff", "--no-textconv"))
    cut = text[:LONGEST] + (
        f"\n(cut; the whole: git diff {report.base[:10]} {report.branch})" if len(text) > LONGEST else ""
    )
    return redact(cut) + "\n"
