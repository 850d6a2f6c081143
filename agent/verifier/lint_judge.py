"""What the KFP lint says of a task's change: new errors fail it, what may be wrong on its own lines is told."""

from __future__ import annotations

from collections import Counter

from ...tools import search
from ...tools.findings import Finding
from ...tools.git_lines import added_lines
from ...tools.kfp_check import KfpModule
from ...tools.kfp_ignores import ignores_of
from ...tools.kfp_lint import module_findings
from ...tools.kfp_lint_settings import LintSettings
from ...tools.kfp_rules_components import mounted_paths
from .context import GateContext

SHOWN = 20


def lint_changes(ctx: GateContext, modules: list[KfpModule]) -> tuple[list[str], list[str]]:
    """What is surely wrong in touched modules, and what is only told.

    Comments that suppress a rule count if they were there before: a task does not excuse itself.

    Args:
        ctx: The task.
        modules: The touched modules as they were compiled.

    Returns:
        Failures and warnings, as text.
    """
    settings = ctx.bench.settings.lint
    mounts = mounts_of(ctx) if modules else ()
    added = added_lines(ctx.worktree, ctx.base, [module.path for module in modules], ctx.tree)
    failures: list[str] = []
    warnings: list[str] = []
    for module in modules:
        text = ctx.read(module.path)
        lines = added[module.path]
        try:
            found = module_findings(
                module.path, text, settings, mounts=mounts, compiled=module, untrusted=frozenset(lines)
            )
        except (SyntaxError, ValueError, RecursionError):
            continue  # the gate python has said so
        ring = any("(K14)" in item.error for item in module.objects)
        old = Counter(key(item) for item in before(ctx, module.path, settings)) if found else Counter()
        for item in found:
            said = f"{item.path}:{item.line}: {item.rule} {item.message}"
            if old[key(item)] > 0:
                old[key(item)] -= 1
                if item.severity == "error":
                    warnings.append(f"{said} (was so before)")
            elif item.severity == "error":
                if not (item.rule == "K14" and ring):  # then compiling has told it
                    failures.append(said)
            elif item.line in lines and item.severity != "note":
                warnings.append(said)
        for comment in ignores_of(text):
            if comment.line in lines:
                what = ", ".join(comment.rules) or "no rule"
                warnings.append(f"{module.path}:{comment.line}: this task added a comment that ignores {what}")
    if len(warnings) > SHOWN:
        warnings[SHOWN:] = [f"and {len(warnings) - SHOWN} more"]
    return failures, warnings


def before(ctx: GateContext, path: str, settings: LintSettings) -> list[Finding]:
    """What the source of a file showed before the task; nothing for a new file."""
    text = ctx.before(path)
    if text is None:
        return []
    try:
        return module_findings(path, text, settings, untrusted=None)
    except (SyntaxError, ValueError, RecursionError):
        return []


def key(item: Finding) -> tuple[str, str]:
    """What makes two findings the same one, wherever it stands."""
    return item.rule, item.message


def mounts_of(ctx: GateContext) -> tuple[str, ...] | None:
    """Where the project's pipelines mount volumes; None if that is computed somewhere."""
    lines = [match.text for match in search.grep(ctx.worktree, r"mount_path\s*=", glob="*.py", limit=200)]
    found = mounted_paths("\n".join(lines))
    return None if found is None else tuple(found)
