"""What is looked at once for a whole branch: notes for callers, people's scenarios, further versions of kfp."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel

from ...tools import search
from ...tools.errors import ToolFailure
from ...tools.kfp_local_plan import survey
from ...tools.kfp_scenarios import FILE_NAME, Scenario
from ...tools.kfp_versions import VersionReport, check_versions, kfp_files
from ..documents.models import Feature
from ..planner.paths import role_of_path
from .bench import Bench
from .compiled import compile_in
from .ir_gates import missing_notes
from .local_gates import Subject, Tally, run_case
from .local_values import concerns, of_scenario

if TYPE_CHECKING:
    from git import Repo

SCENARIOS_LIMIT = 300.0
"""Seconds for all scenarios of a repository."""


class BranchCheck(BaseModel):
    """What was found on a whole branch.

    Attributes:
        failures: What is wrong with it.
        unseen: What could not be looked at, and why.
    """

    failures: list[str] = []
    unseen: list[str] = []


def check_branch(bench: Bench, repo: Repo, tree: Path, start: str, feature: Feature) -> BranchCheck:
    """Look at a whole branch.

    Args:
        bench: The workplace of the verifier.
        repo: The repository.
        tree: The worktree with the branch's head.
        start: The commit that the branch began at.
        feature: The documents.
    """
    found = BranchCheck()
    try:
        found.failures += missing_notes(bench, repo, tree, start)
        if bench.settings.local_runs:
            tally = run_scenarios(bench, tree, feature)
            found.failures += tally.failures
            found.unseen += tally.unseen
        for report in other_versions(bench, tree, bench.settings.kfp_versions):
            lines = [f"{report}: {detail}" for detail in report.details] or [str(report)]
            if report.status == "fails":
                found.failures += lines
            elif report.status != "same":
                found.unseen += lines
            found.unseen += [
                f"kfp {report.version}: {line}" for line in report.unseen if report.details != report.unseen
            ]
    except ToolFailure as error:
        found.unseen.append(f"compiled pipelines could not be looked at: {error}")
    return found


def run_scenarios(bench: Bench, tree: Path, feature: Feature) -> Tally:
    """Every scenario that people have written, on the tree as it is."""
    tally = Tally()
    scenarios = tally.load(feature, tree)
    if not scenarios:
        return tally
    deadline = time.monotonic() + SCENARIOS_LIMIT
    modules = compile_in(bench, tree, files_of(tree, scenarios))
    subjects = [Subject(path=module.path, item=item) for module in modules for item in module.objects if item.ir]
    for scenario in scenarios:
        about = [subject for subject in subjects if concerns(scenario, subject.item)]
        if not about:
            tally.failures.append(
                f"{FILE_NAME}: the scenario '{scenario.name}' is about {scenario.subject}, and there is no such "
                f"{'pipeline' if scenario.pipeline else 'component'}"
            )
        for subject in about:
            seen = survey(subject.item.ir)
            tally.leftovers(subject, seen, [])
            if not seen.blockers:
                case = of_scenario(scenario, subject.item, tree)
                if case.problem:
                    tally.failures.append(f"{FILE_NAME}: {subject.label}: {case.title}: {case.problem}")
                else:
                    tally.add(subject, run_case(bench, subject, case, seen, tree, deadline, waits=False))
    return tally


def files_of(tree: Path, scenarios: list[Scenario]) -> list[str]:
    """The code files that may define what the scenarios are about."""
    names = {scenario.subject for scenario in scenarios}
    # By its name in KFP, a function's own name or the `name=` of its decorator.
    spellings = sorted(names | {name.replace("-", "_") for name in names})
    pattern = "|".join(rf"def {re.escape(name)}\b|[\"']{re.escape(name)}[\"']" for name in spellings)
    hits = {match.path for match in search.grep(tree, pattern, glob="*.py", limit=300)}
    return sorted(path for path in hits if role_of_path(path) == "code")


def other_versions(bench: Bench, tree: Path, versions: list[str]) -> list[VersionReport]:
    """All KFP code of a tree under further versions of kfp."""
    if not versions:
        return []
    files = [path for path in kfp_files(tree) if role_of_path(path) == "code"]
    return check_versions(tree, files, versions, bench.checker, bench.settings.cache_dir, bench.source_roots(tree))
