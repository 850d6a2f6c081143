"""What kfpilot itself has left behind: the trailers of its commits, and the gates' records they point at."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

from ...tools import git, git_paths
from ...tools.errors import ToolFailure
from ..documents import parse_tasks_text
from ..documents.models import Task
from ..errors import UserError
from ..reports.history import TaskCommit, task_history
from ..workflow.place import RECORDS
from .features import Document
from .models import Check
from .tree import Tree


def task_commits(root: Path) -> list[TaskCommit]:
    """The commits of HEAD's history that stand for one task each and were not taken back, the oldest first."""
    try:
        live, _ = task_history(git.open_repo(root), "HEAD")
    except ToolFailure:
        return []
    return [commit for commit in live if not commit.shared]


class Records:
    """The commits and gates' records of one repository, read once.

    Args:
        tree: The repository.
    """

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        found = task_commits(tree.root) if tree.is_git else []
        self.commits = {(commit.feature, commit.task): commit for commit in found}
        ids = [commit.commit for commit in self.commits.values()]
        self.contents = git_paths.commit_contents(tree.root, ids)
        named = (blob for paths in self.contents.values() for path, blob in paths.items() if path.endswith("tasks.md"))
        self.documents = git_paths.blobs(tree.root, named)
        self._digests: dict[str, set[str]] = {}

    def check(self, document: Document, task: Task) -> Check | None:
        """What the history says of a task; None if no commit of kfpilot's is about it.

        A commit counts if the tasks file it holds has the very line that is ticked now: ids are given anew when tasks
        are written anew.
        """
        commit = self.commits.get((document.name, task.key))
        if commit is None or task.digest not in self._lines(commit, document.path):
            return None
        short = commit.commit[:9]
        record = self._record(commit)
        if record is None:
            message = f"{short} says that kfpilot verified it; the record of its gates is not on this machine"
            return Check(rule="TICK-RECORD", subject=task.key, outcome="note", message=message, commit=short)
        gates = [gate for gate in record.get("gates", []) if isinstance(gate, dict)]
        if not gates or not all(gate.get("passed") is True for gate in gates):
            message = f"{short} says that kfpilot verified it; the record of its gates holds one that failed"
            return Check(rule="TICK-RECORD", subject=task.key, outcome="note", message=message, commit=short)
        message = f"kfpilot's gates passed in {short} ({', '.join(str(gate.get('gate')) for gate in gates)})"
        later = self._changed_since(commit, document.path)
        if later:
            message += f"; changed since: {', '.join(later[:3])}" + (f" and {len(later) - 3} more" if later[3:] else "")
        return Check(rule="TICK-RECORD", subject=task.key, outcome="holds", message=message, commit=short)

    def _lines(self, commit: TaskCommit, path: str) -> set[str]:
        blob = self.contents.get(commit.commit, {}).get(path, "")
        if blob not in self._digests:
            try:
                tasks = parse_tasks_text(self.documents.get(blob, b""), Path(path)).tasks
            except UserError:
                tasks = []
            self._digests[blob] = {task.digest for task in tasks if task.state == "done"}
        return self._digests[blob]

    def _record(self, commit: TaskCommit) -> dict[str, list[object]] | None:
        """The gates' record, if it is here and is the one that the commit names."""
        if not re.fullmatch(r"[\w.-]+", commit.run) or commit.run.startswith("."):
            return None
        name = "".join(char if char.isalnum() or char in ".#-" else "_" for char in commit.task)
        file = self.tree.root / RECORDS / "runs" / commit.run / "evidence" / f"{name}.json"
        try:
            record = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        # As `Verdict.digest`, but of what stands in the file: a later version may know more fields.
        body = json.dumps(record, sort_keys=True, separators=(",", ":"))
        same = hashlib.sha256(body.encode()).hexdigest() == commit.evidence
        return record if same and isinstance(record, dict) else None

    def _changed_since(self, commit: TaskCommit, document: str) -> list[str]:
        """The files of the commit that are not as it left them."""
        return sorted(
            path
            for path, blob in self.contents.get(commit.commit, {}).items()
            if path != document and (self.tree.contents.get(path, "0" * len(blob)) != blob or path in self.tree.changed)
        )
