"""Gate that runs the examples of changed pages: marked blocks, and doctests."""

from __future__ import annotations

from ...tools.docs_run import BlockResult, blocks, run_page
from .context import GateContext
from .models import GateResult

TIMEOUT = 120.0
"""Seconds for the examples of one page; less where the user gives a gate less."""


def pages_to_run(ctx: GateContext) -> list[str]:
    """Changed pages that have something to run."""
    return [path for path in ctx.of("*.md") if blocks(ctx.read(path))]


def gate_docs_run(ctx: GateContext) -> GateResult:
    """The marked blocks and the doctests of the changed pages do what the pages say."""
    failures: list[str] = []
    warnings: list[str] = []
    counts: dict[str, int] = {"run": 0}
    for page in pages_to_run(ctx):
        results = run_page(
            ctx.bench.python,
            ctx.worktree,
            page,
            source_roots=ctx.bench.source_roots,
            timeout=min(TIMEOUT, ctx.bench.settings.gate_timeout),
            sandbox=ctx.bench.sandbox,
        )
        for result in results:
            counts["run"] += result.outcome != "not run"
            sure, text = judged(page, result)
            if text:
                (failures if sure else warnings).append(text)
    summary = failures[0].splitlines()[0] if failures else f"{counts['run']} examples of the pages run"
    return GateResult(
        gate="docs_run", passed=not failures, summary=summary, failures=failures, warnings=warnings, counts=counts
    )


def judged(page: str, result: BlockResult) -> tuple[bool, str]:
    """Whether the outcome of a block fails the gate, and what to say of it; nothing when it passed."""
    place = f"{page}:{result.line}"
    if result.outcome == "passed":
        return False, ""
    if result.outcome == "not run":
        return False, f"{place}: the block is marked to be run, and was not: {result.said}"
    if result.outcome == "mismatch":
        return True, f"{place}: the example is wrong: {result.said}. Write what the code really gives."
    if result.block.marked:
        return True, f"{place}: the example fails: {result.said}. Mend it, or take the mark away if it cannot run here."
    # Without a mark nobody has said that it can run on its own.
    return False, f"{place}: the example could not be run: {result.said}"
