"""Gate for infrastructure files: workflows, manifests, Dockerfiles, Prometheus rules, dashboards, YAML, scripts."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

from ...tools import git
from ...tools.findings import Finding
from ...tools.infra_checks import infra_files, infra_report
from .context import GateContext
from .models import GateResult
from .security_gate import from_findings
from .static_gates import CONFIG, config_problems


def gate_infra(ctx: GateContext) -> GateResult:
    """The changed infrastructure files are what the services that read them accept."""
    changed = infra_files(ctx.present)
    # What does not parse, or lacks its main parts, is refused by the gate before this one, in simpler words.
    refused = {path for path in changed if path.endswith(CONFIG) and config_problems(ctx.worktree / path, path)}
    paths = [path for path in changed if path not in refused]
    if not paths:
        known = "refused by the gate config" if changed else "no infrastructure file changed"
        return GateResult(gate="infra", passed=True, summary=known)
    version = ctx.bench.settings.kubernetes_version
    report = infra_report(ctx.worktree, paths, kubernetes_version=version)
    found = without_old(ctx, report.findings)
    kinds = ", ".join(f"{count} {kind}" for kind, count in report.checked.items())
    return from_findings("infra", found, f"checked: {kinds}", counts=report.checked, not_verified=report.not_verified)


def without_old(ctx: GateContext, found: list[Finding]) -> list[Finding]:
    """Only what the task brought in: what the files had before becomes a warning."""
    known = sorted({item.path for item in found if item.severity == "error" and ctx.before(item.path) is not None})
    if not known:
        return found
    with tempfile.TemporaryDirectory(prefix="kfpilot-base-") as folder:
        tree = Path(folder) / "tree"
        repo = ctx.repo
        git.add_worktree(repo, tree, ctx.base)
        try:
            old = infra_report(tree, known, kubernetes_version=ctx.bench.settings.kubernetes_version).findings
        finally:
            git.remove_worktree(repo, tree)
    left = Counter((item.path, item.rule, item.message) for item in old)
    result = []
    for item in found:
        key = (item.path, item.rule, item.message)
        if left[key] > 0 and item.severity == "error":
            left[key] -= 1
            item = item.model_copy(update={"severity": "warning", "message": f"{item.message} (was so before)"})
        result.append(item)
    return result
