"""`kfpilot verify --acceptance`: what of the specification is shown on the current tree, without a model."""

from __future__ import annotations

import json as jsonlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ...tools import git
from ..acceptance.models import Row, TaskEvidence, counts, say
from ..acceptance.table import build_table
from ..documents.models import Feature
from ..errors import EXIT_NOT_VERIFIED, EXIT_OK, UserError
from ..planner.cover import criteria
from ..reports.words import bare, say_counts
from ..settings import Settings
from ..verifier.bench import Bench
from ..workflow.acceptance import task_evidence
from ..workflow.checkout import find_feature, open_checkout
from .common import console_for, settings_for
from .verify import judge, planned_tasks, scratch_tree

if TYPE_CHECKING:
    from git import Repo
    from rich.console import Console

STYLES = {"met": "green", "partly": "yellow", "open": "bold red", "not verifiable here": "dim"}
BY_GATES = frozenset({"docs", "infra"})
"""Roles whose work no test shows: their gates are run instead."""


def acceptance_command(
    folder: Path,
    tasks: list[str],
    *,
    feature: str | None = None,
    sandbox: str | None = None,
    json: bool = False,
    no_color: bool = False,
) -> int:
    """Run the tests on a copy of the checkout as it is now, and build the table. Writes nothing.

    Raises:
        UserError: Tasks were named, or the feature has nothing to show.
    """
    if tasks:
        raise UserError(
            "--acceptance looks at the whole feature", mend="Leave out the task ids, or leave out --acceptance."
        )
    repo = open_checkout(folder)
    root = git.root_of(repo)
    documents = find_feature(repo, feature)
    if not criteria(documents):
        raise UserError(
            "no requirement, success criterion or scenario was found",
            where=documents.spec.path if documents.spec else documents.directory,
            mend="Write `- **FR-001**: …`, `- **SC-001**: …` and numbered Given/When/Then scenarios of a story.",
        )
    settings = settings_for(root, {"sandbox": sandbox})
    with scratch_tree(repo, root) as worktree, Bench(root, settings, worktree) as bench:
        evidence = task_evidence(repo, git.head(repo), documents)
        run_gates(repo, documents, evidence, worktree, bench, settings)
        run = bench.run_tests(worktree)
        rows = build_table(documents, evidence, run, worktree)
    if json:
        data = {
            "feature": documents.name,
            "counts": counts(rows),
            "gaps": [row.id for row in rows if row.gap],
            "tests": run.counts,
            "rows": [row.model_dump(mode="json") for row in rows],
        }
        sys.stdout.write(jsonlib.dumps(data, indent=2, ensure_ascii=False) + "\n")
    else:
        show(rows, console_for(no_color))
        tests = f"{say_counts(run.counts)}{f' ({run.broken})' if run.broken else ''}"
        console_for(no_color).print(f"Tests: {tests}", markup=False, highlight=False, soft_wrap=True)
    done = all(row.verdict in ("met", "not verifiable here") for row in rows)
    return EXIT_OK if done else EXIT_NOT_VERIFIED


def run_gates(
    repo: Repo, feature: Feature, evidence: dict[str, TaskEvidence], worktree: Path, bench: Bench, settings: Settings
) -> None:
    """Judge the ticked tasks of documentation and infrastructure: what they left may have been broken since."""
    keys = [task.key for task in evidence.values() if task.done and task.roles and BY_GATES.issuperset(task.roles)]
    for task in planned_tasks(feature, keys) if keys else []:
        verdict = judge(repo, feature, task, worktree, None, bench, settings)
        known = evidence[task.id]
        known.state = "verified" if verdict.passed else "failed"
        known.gates = [gate.gate for gate in verdict.gates if gate.passed]
        known.not_verified = [text for gate in verdict.gates for text in gate.not_verified]


def show(rows: list[Row], console: Console) -> None:
    """A line for each row, and what shows it; the counts at the end."""
    from rich.text import Text

    width = max(len(row.id) for row in rows)
    for row in rows:
        line = Text(f"{row.id:<{width}}  ", style="bold")
        line.append(row.verdict, style=STYLES[row.verdict])
        line.append(f"  {bare(row.text)}", style="default")
        whole = not console.is_terminal
        console.print(line, soft_wrap=whole, highlight=False)
        below = [row.why, *(f"test {nodeid}" for nodeid in row.evidence)]
        commits = f", commits {', '.join(sha[:10] for sha in row.commits)}" if row.commits else ""
        below += [f"tasks {', '.join(row.tasks)}{commits}"] if row.tasks else []
        for text in [*below, row.where]:
            console.print(Text(f"{'':<{width}}  {bare(text)}", style="dim"), soft_wrap=whole, highlight=False)
    console.print(f"\nAcceptance: {say(rows)}", markup=False, highlight=False, soft_wrap=True)
