"""The gate that tries whether tests can fail: small changes of the code they test must be noticed."""

from __future__ import annotations

import ast
import re
import time
from itertools import zip_longest
from pathlib import Path

from ...tools.errors import ToolFailure
from ...tools.mutants import Mutant, functions_in, mutants_of
from ...tools.mutation_run import Judged, Session
from ...tools.syntax import parse_python
from ...tools.tested import Target, find_targets
from ..planner.paths import role_of_path
from .context import GateContext
from .data_mutations import try_data
from .models import GateResult
from .red_green import due, symbols_of
from .static_gates import result

MAX_MUTANTS = 12
LEAST = 3
"""Mutants of one function that must have survived, and none been noticed, before its tests are said to be blind."""

SECONDS = 8.0
"""For all mutants together; what is not tried by then is not tried."""

NAMED_AS_SURVIVOR = 5
NOTED = 3
"""Survivors that are named one by one where the gate passes."""


def gate_mutation(ctx: GateContext) -> GateResult:
    """At least one small change of each function that the tests are about makes one of their assertions fail."""
    writes_tests = "tests" in (ctx.task.role, *ctx.task.also)
    tests = [path for path in (ctx.tests if writes_tests else due(ctx)) if not path.endswith("conftest.py")]
    waiting = [path for path in tests if path in ctx.found_red]
    tests = [path for path in tests if path not in ctx.found_red and (ctx.worktree / path).is_file()]
    unseen = [f"{path}: whether its tests can fail on wrong code, before that code is there" for path in waiting]
    if not tests:
        return result("mutation", [], "no test whose code is there", not_verified=unseen)
    roots = ctx.bench.source_roots(ctx.worktree)
    targets = [t for t in find_targets(ctx.worktree, roots, tests) if role_of_path(t.path) != "tests"]
    if not targets:
        return without_functions(ctx, roots, tests, unseen, failing=writes_tests)
    sources = {path: ctx.read(path).removeprefix("\ufeff") for path in {*tests, *(t.path for t in targets)}}
    try:
        with ctx.bench.mutation.open(
            ctx.worktree, roots, tests, sources.values(), ctx.bench.settings.test_command
        ) as session:
            return tried(ctx, session, targets, sources, unseen, failing=writes_tests)
    except ToolFailure as error:
        unseen.append(f"{', '.join(tests)}: whether the tests can fail on wrong code ({error})")
        return result("mutation", [], "not tried", not_verified=unseen)


def without_functions(
    ctx: GateContext, roots: list[Path], tests: list[str], unseen: list[str], *, failing: bool
) -> GateResult:
    """Tests that use no function of the project: they may look at its data files."""
    why = "as they import no function of the project and read no data file of it"
    try:
        with ctx.bench.mutation.open(
            ctx.worktree, roots, tests, [ctx.read(path) for path in tests], ctx.bench.settings.test_command
        ) as session:
            found = try_data(ctx, session, tests, unseen, failing=failing)
            if found is not None:
                return found
    except ToolFailure as error:
        why = str(error)
    unseen.append(f"{', '.join(tests)}: whether the tests can fail, {why}")
    return result("mutation", [], "the tests use no function of the project", not_verified=unseen)


def tried(
    ctx: GateContext,
    session: Session,
    targets: list[Target],
    sources: dict[str, str],
    unseen: list[str],
    *,
    failing: bool,
) -> GateResult:
    """Run the tests on the code as it is, then on each mutant, and say what was noticed."""
    limit = min(60.0, ctx.bench.settings.gate_timeout)
    first = session.run(seconds=limit, trace=sorted({target.path for target in targets}))
    if not first.green:
        why = "did not end in time" if first.timed_out else f"end with exit code {first.exit_code}"
        unseen.append(f"whether the tests can fail on wrong code: run by themselves, in a copy, they {why}")
        return result("mutation", [], "not tried", not_verified=unseen)
    chosen = choose(ctx, targets, sources, first.lines)
    end = time.monotonic() + SECONDS
    each = 1.5 + 5 * first.seconds
    judged: dict[int, list[Judged]] = {}
    for number, mutant in chosen:
        left = end - time.monotonic()
        if left < min(each, 2 * first.seconds):
            break
        judged.setdefault(number, []).append(session.judge(mutant, seconds=min(each, left)))
    return told(ctx, targets, judged, unseen, failing=failing)


def told(
    ctx: GateContext, targets: list[Target], judged: dict[int, list[Judged]], unseen: list[str], *, failing: bool
) -> GateResult:
    """The verdict over all mutants that were tried."""
    blind: list[str] = []
    notes: list[str] = []
    unnoticed: list[Mutant] = []
    killed = survived = 0
    for number, target in enumerate(targets):
        done = [item for item in judged.get(number, []) if item.outcome != "broken"]
        alive = [item.mutant for item in done if item.outcome == "survived"]
        crashed = sum(item.outcome == "crashed" for item in done)
        killed += len(done) - len(alive)
        survived += len(alive)
        unnoticed += alive
        # Any call notices that the code raises; what makes a test is that an assertion notices a wrong result.
        if len(alive) < LEAST or len(alive) + crashed < len(done):
            continue
        shown = "; ".join(str(mutant) for mutant in alive[:NAMED_AS_SURVIVOR])
        message = (
            f"{', '.join(target.tests)}: the tests of `{target.name}` cannot fail by what they assert: none notices "
            f"{shown}. Call `{target.name}` and assert the exact values that it returns or writes"
        )
        # A pipeline is wiring: a test that looks at its tasks rightly notices no change of a limit or a default.
        if failing and claimed(ctx, target, targets) and not is_pipeline(target, ctx.read(target.path)):
            blind.append(message)
        else:
            notes.append(message)
    notes += noted(unnoticed)
    total = killed + survived
    good = f"{killed} of {total} changes of the code were noticed" if total else "no change of the code could be tried"
    return result(
        "mutation",
        blind,
        good,
        counts={"mutants": total, "killed": killed, "survived": survived},
        not_verified=unseen,
        notes=notes,
    )


def noted(alive: list[Mutant]) -> list[str]:
    """A line for each of the first changes that no test notices, and how many more there are."""
    more = len(alive) - NOTED
    rest = [f"and {more} more {'change' if more == 1 else 'changes'} noticed by no test"] if more > 0 else []
    return [f"{mutant.brief} is noticed by no test" for mutant in alive[:NOTED]] + rest


def choose(
    ctx: GateContext, targets: list[Target], sources: dict[str, str], executed: dict[str, list[int]]
) -> list[tuple[int, Mutant]]:
    """A dozen mutants, those of the functions that the task is about first, each function in turn.

    Of lines that the tests never execute a mutant tells nothing, unless they execute none of the function: then it runs
    in another process, or not at all.
    """
    rows: list[list[tuple[int, Mutant]]] = []
    order = sorted(range(len(targets)), key=lambda number: not claimed(ctx, targets[number], targets))
    taken: set[str] = set()
    for number in order:
        target = targets[number]
        try:
            made = mutants_of(target.path, sources[target.path], [target.name, *target.helpers])
        except (SyntaxError, ValueError):
            continue
        made.sort(key=lambda mutant: not f"{mutant.function}.".startswith(f"{target.name}."))
        lines = set(executed.get(target.path, []))
        seen = [mutant for mutant in made if mutant.line in lines and mutant.kind != "default"]
        defaults = [mutant for mutant in made if mutant.kind == "default"]
        # The line of a default is executed when the module is imported, whether the function is called or not.
        usable = seen[:2] + defaults + seen[2:] if seen else made
        usable = [mutant for mutant in usable if mutant.source not in taken]
        taken |= {mutant.source for mutant in usable}
        rows.append([(number, mutant) for mutant in usable])
    return [pair for row in zip_longest(*rows) for pair in row if pair is not None][:MAX_MUTANTS]


def claimed(ctx: GateContext, target: Target, targets: list[Target]) -> bool:
    """Whether the tests are surely about a function: the task or the tests name it, or they use no other."""
    if len(targets) == 1 or target.name in symbols_of(ctx.feature.task(ctx.task.id)):
        return True
    text = " ".join([*target.tests, *(ctx.read(path) for path in target.tests)])
    return bool(re.search(rf"\btest_{re.escape(target.name)}(?![a-z0-9])|\bTest{camel(target.name)}\b", text))


def is_pipeline(target: Target, source: str) -> bool:
    """Whether a function is a pipeline, which is compiled and not called for a result."""
    try:
        node = dict(functions_in(parse_python(source))).get(target.name)
    except (SyntaxError, ValueError):
        return False
    return node is not None and any(
        ast.unparse(decorator).partition("(")[0].endswith("pipeline") for decorator in node.decorator_list
    )


def camel(name: str) -> str:
    """`select_orders` as `SelectOrders`."""
    return "".join(part.capitalize() for part in name.split("_"))
