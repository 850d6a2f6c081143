"""Gate that looks for secrets, risky calls and packages without a version in what a task adds."""

from __future__ import annotations

from ...tools.findings import Finding, in_order
from ...tools.git_lines import added_lines
from ...tools.redact import SHARED
from ...tools.secret_scan import MEND, secret_findings
from ...tools.security import bandit_findings, is_requirements, requirement_findings
from ..planner.paths import role_of_path
from .context import GateContext
from .models import GateResult

MAX_WARNINGS = 20


def gate_security(ctx: GateContext) -> GateResult:
    """No secret, no risky call and no new requirement without a version in the lines that the task added."""
    added = added_lines(ctx.worktree, ctx.base, ctx.present, ctx.tree)
    # What was in the repository before, and only moves, is not this task's.
    gone = "\n".join(ctx.before(path) or "" for path in ctx.changed if path not in added)
    found = secret_findings(
        ctx.worktree, added, before=ctx.before, soft=lambda path: role_of_path(path) in ("tests", "docs"),
        moved_from=gone,
    )  # fmt: skip
    found += known_secrets(ctx, added, gone)
    found += bandit_findings(
        ctx.worktree, added, soft=lambda path: role_of_path(path) == "tests", config=bandit_config(ctx)
    )
    for path in ctx.present:
        if is_requirements(path) and ctx.before(path) is None:
            found += requirement_findings(ctx.worktree, path)
    lines = sum(len(numbers) for numbers in added.values())
    return from_findings("security", found, f"{lines} added lines: no secret, no risky call")


def known_secrets(ctx: GateContext, added: dict[str, set[int]], gone: str) -> list[Finding]:
    """Values of this machine's environment and of `.env` files that stand in added lines, whatever they look like."""
    found = []
    for path, numbers in added.items():
        before = {*SHARED.held(ctx.before(path) or ""), *SHARED.held(gone)}
        lines = ctx.read(path).split("\n") if numbers else []
        for number in sorted(numbers):
            for label in SHARED.held(lines[number - 1]) if number <= len(lines) else []:
                if label not in before:
                    message = f"the value of {label} stands here. {MEND}"
                    found.append(Finding(rule="SEC02", path=path, line=number, message=message))
    return found


def bandit_config(ctx: GateContext) -> str | None:
    """The project's own settings for bandit, unless this task changes them."""
    name = "pyproject.toml"
    if name in ctx.changed or not (ctx.worktree / name).is_file() or "[tool.bandit" not in ctx.read(name):
        return None
    return name


def from_findings(gate: str, found: list[Finding], good: str, **more: object) -> GateResult:
    """A gate result: errors fail, the rest is told."""
    ordered = in_order(found)
    failures = [one_line(item) for item in ordered if item.severity == "error"]
    warnings = [one_line(item) for item in ordered if item.severity != "error"]
    if len(warnings) > MAX_WARNINGS:
        warnings[MAX_WARNINGS:] = [f"and {len(warnings) - MAX_WARNINGS} more"]
    summary = failures[0] if failures else good
    if len(failures) > 1:
        summary += f" (+{len(failures) - 1} more)"
    elif warnings and not failures:
        summary += f"; {len(warnings)} warnings" if len(warnings) > 1 else "; 1 warning"
    return GateResult(gate=gate, passed=not failures, summary=summary, failures=failures, warnings=warnings, **more)  # type: ignore[arg-type]


def one_line(item: Finding) -> str:
    """A finding as feedback: place, rule, message."""
    return f"{item.path}:{item.line}: {item.rule} {item.message}"
