"""Run the gates of a task, cheap ones first, and give the verdict."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from ...tools import git
from ...tools.infra_checks import infra_files
from ...tools.redact import redact_data
from ..errors import ToolFailure
from . import (
    docs_gate,
    infra_gate,
    ir_gates,
    local_gates,
    mutation_gate,
    running_gates,
    security_gate,
    static_gates,
    tests_gate,
)
from .context import GateContext
from .honest import is_settings, put_back_tests
from .models import GateResult, Verdict
from .red_green import due

Gate = Callable[[GateContext], GateResult]

GATES: dict[str, Gate] = {
    "scope": static_gates.gate_scope,
    "files": static_gates.gate_files,
    "python": static_gates.gate_python,
    "config": static_gates.gate_config,
    "docs": static_gates.gate_docs,
    "infra": infra_gate.gate_infra,
    "security": security_gate.gate_security,
    "assertions": static_gates.gate_assertions,
    "docs_run": docs_gate.gate_docs_run,
    "kfp": running_gates.gate_kfp,
    "ir": ir_gates.gate_ir,
    "local": local_gates.gate_local,
    "tests": tests_gate.gate_tests,
    "mutation": mutation_gate.gate_mutation,
}
"""In the order they run. All that only read run together; each that runs code waits for those before it."""

READS = ("scope", "files", "python", "config", "docs", "infra", "security", "assertions")


def verify(
    ctx: GateContext,
    *,
    on_gate: Callable[[GateResult], None] | None = None,
    all_gates: bool = False,
    kept: Sequence[GateResult] = (),
) -> Verdict:
    """Judge the worktree.

    Args:
        ctx: The task, the worktree, what was before.
        on_gate: Told of each gate as it ends.
        all_gates: Go on after a failure, so that a person sees everything at once.
        kept: What gates have seen of the same change on a base that differs in nothing they can notice; these are
            not run again.

    Returns:
        The verdict. Afterwards the worktree holds the judged content, whatever the gates' own runs wrote into it.
    """
    unknown = set(ctx.task.gates) - set(GATES)
    if unknown:
        raise ValueError(f"{ctx.task.id} names gates that do not exist: {', '.join(sorted(unknown))}")
    # A file that git ignores is in no commit, so nothing may pass because of it.
    git.clean_ignored(ctx.worktree)
    git.reveal(ctx.worktree)
    tree = ctx.tree = git.tree_hash(ctx.worktree)
    verdict = Verdict(task=ctx.task.id, tree=tree, done_by=list(ctx.already))
    put_back = False
    wanted = gates_of(ctx)
    for name, gate in GATES.items():
        if name not in wanted:
            continue
        if not all_gates and name not in READS and not all(done.passed for done in verdict.gates):
            break
        known = next((gate for gate in kept if gate.gate == name), None)
        if known is not None:
            verdict.gates.append(known)
            continue
        if name not in READS and not put_back:
            put_back_tests(ctx)
            put_back = True
        verdict.gates.append(timed(name, gate, ctx))
        if on_gate:
            on_gate(verdict.gates[-1])
    # What a test or an import left behind was not judged, so it must not be committed: back to the judged content.
    left = git.changed_files(ctx.worktree, tree)
    if left:
        git.restore(ctx.worktree, tree, left)
    verdict.red = dict(ctx.found_red)
    return verdict


def gates_of(ctx: GateContext) -> set[str]:
    """The task's gates; whoever changes pytest's settings is judged by the tests as well.

    Tests that were written first are tried on small changes as soon as the code that they wait for is there.
    """
    gates = set(ctx.task.gates) | ({"mutation"} if "tests" in ctx.task.gates and due(ctx) else set())
    if not gates:
        return gates
    # Whatever the task is: no commit with a secret, and each changed file is judged as what it is.
    gates.add("security")
    if infra_files(ctx.present):
        gates |= {"config", "infra"}
    if docs_gate.pages_to_run(ctx):
        gates.add("docs_run")
    return gates | {"tests"} if any(is_settings(path) for path in ctx.changed) else gates


def timed(name: str, gate: Gate, ctx: GateContext) -> GateResult:
    """Run one gate; what it cannot do is a failure that says so, never a pass."""
    start = time.monotonic()
    try:
        done = gate(ctx)
    except ToolFailure as error:
        done = GateResult(
            gate=name, passed=False, summary=f"could not run: {error}", failures=[f"could not run: {error}"]
        )
    done.seconds = round(time.monotonic() - start, 3)
    # Here, before anybody has it: the digest of the evidence is made of what is kept.
    return GateResult.model_validate(redact_data(done.model_dump(mode="json")))
