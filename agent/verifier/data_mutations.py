"""Tests that only read YAML and JSON files of the repository: whether they notice that such a file is changed.

A test of one value need not notice another one, so no single change decides. A file is changed all over, in three ways:
every value, every key, one more entry everywhere. Tests that notice none of this check nothing of it.
"""

from __future__ import annotations

import ast
import re
import time

from ...tools.data_mutants import single_mutants, whole_mutants
from ...tools.mutants import Mutant
from ...tools.mutation_run import Judged, Run, Session
from ...tools.syntax import parse_python
from ..planner.paths import role_of_path
from .context import GateContext
from .models import GateResult
from .static_gates import result

DATA = (".yaml", ".yml", ".json")
OF_PYTEST = ("pyproject.toml", "pytest.ini", ".pytest.ini", "tox.ini", "setup.cfg", "pytest.toml", ".pytest.toml")
MOST_FILES = 4
MOST_SINGLE = 8
SECONDS = 8.0
"""For all changes together; what is not tried by then is not tried."""
SHOWN = 3


def try_data(
    ctx: GateContext, session: Session, tests: list[str], unseen: list[str], *, failing: bool
) -> GateResult | None:
    """Run the tests on changed data files; None if they open none of the repository's.

    Args:
        ctx: The task.
        session: A copy of the worktree with these tests.
        tests: The test files.
        unseen: What is not verified already.
        failing: Whether blind tests fail the gate.
    """
    limit = min(60.0, ctx.bench.settings.gate_timeout)
    first = session.run(seconds=limit, opens=True)
    if not first.green:
        why = "did not end in time" if first.timed_out else f"end with exit code {first.exit_code}"
        unseen.append(f"whether the tests can fail on other data: run by themselves, in a copy, they {why}")
        return result("mutation", [], "not tried", not_verified=unseen)
    opened = [path for path in first.opened if (ctx.worktree / path).is_file() and role_of_path(path) != "tests"]
    files = [path for path in opened if path.endswith(DATA)][:MOST_FILES]
    if not files:
        return None
    sources = {path: ctx.read(path).removeprefix("\ufeff") for path in files}
    words = set(re.findall(r"[\w.:/-]+", " ".join(ctx.read(path) for path in tests)))
    end = time.monotonic() + SECONDS
    whole = judge(session, [m for path in files for m in whole_mutants(path, sources[path])], first, end)
    noticed = {item.mutant.path for item in whole if item.outcome != "survived"}
    single: list[Judged] = []
    # Of a file of which nothing is noticed, no part is.
    for path in sorted(noticed):
        made = single_mutants(path, sources[path], words)[: MOST_SINGLE // len(noticed)]
        single += judge(session, made, first, end)
    return told(ctx, tests, opened, whole, single, unseen, failing=failing and fair(ctx, tests, opened, first))


def judge(session: Session, mutants: list[Mutant], first: Run, end: float) -> list[Judged]:
    """What becomes of the changes that there is time for."""
    each = 1.5 + 5 * first.seconds
    done: list[Judged] = []
    for mutant in mutants:
        left = end - time.monotonic()
        if left < min(each, 2 * first.seconds):
            break
        done.append(session.judge(mutant, seconds=min(each, left)))
    return done


def fair(ctx: GateContext, tests: list[str], opened: list[str], first: Run) -> bool:
    """Whether the tests look at nothing else than data, so that they may be called blind by it.

    A test that something is *not* there holds on every changed file, and one that reads another kind of file, or starts
    a program, may be about that.
    """
    others = [path for path in opened if not path.endswith((*DATA, ".py", ".pyc")) and path not in OF_PYTEST]
    return not others and not first.starts and not any(says_not(ctx.read(path)) for path in tests)


def says_not(source: str) -> bool:
    """Whether a test asserts that something is not so."""
    try:
        tree = parse_python(source)
    except (SyntaxError, ValueError):
        return True
    for check in (node for node in ast.walk(tree) if isinstance(node, ast.Assert)):
        for node in ast.walk(check.test):
            if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
                return True
            if isinstance(node, ast.Compare):
                nothing = any(isinstance(item, ast.Constant) and item.value is None for item in node.comparators)
                if any(
                    isinstance(op, (ast.NotIn, ast.NotEq)) or (isinstance(op, ast.Is) and nothing) for op in node.ops
                ):
                    return True
                empty = any(
                    isinstance(item, (ast.List, ast.Dict, ast.Set)) and not ast.unparse(item)[1:-1]
                    for item in node.comparators
                )
                if empty or any(isinstance(item, ast.Constant) and item.value == 0 for item in node.comparators):
                    return True
    return False


def told(
    ctx: GateContext,
    tests: list[str],
    opened: list[str],
    whole: list[Judged],
    single: list[Judged],
    unseen: list[str],
    *,
    failing: bool,
) -> GateResult:
    """The verdict over all changes that were tried."""
    done = [item for item in [*whole, *single] if item.outcome != "broken"]
    survived = sum(item.outcome == "survived" for item in done)
    alive = [item.mutant for item in single if item.outcome == "survived"]
    notes = [f"{mutant.brief} is noticed by no test" for mutant in alive[:SHOWN]]
    if len(alive) > SHOWN:
        notes.append(f"and {len(alive) - SHOWN} more changes of values and keys; a test need not notice all of them")
    blind: list[str] = []
    if len(whole) > 1 and all(item.outcome == "survived" for item in whole):
        files = list(dict.fromkeys(item.mutant.path for item in whole))
        tried = ", ".join(dict.fromkeys(item.mutant.change for item in whole))
        message = (
            f"{', '.join(tests)}: the tests check nothing of {', '.join(files)}: they pass after {tried}. "
            "Assert the exact values that the task asks for"
        )
        if failing:
            blind.append(message)
        else:
            notes.insert(0, message)
    elif not whole:
        unseen.append(
            f"{', '.join(tests)}: whether they notice a change of {', '.join(opened)}, which cannot be changed"
        )
    killed, total = len(done) - survived, len(done)
    good = f"{killed} of {total} changes of the data files were noticed"
    return result(
        "mutation",
        blind,
        good if total else "no change of the data files could be tried",
        counts={"mutants": total, "killed": killed, "survived": survived},
        not_verified=unseen,
        notes=notes,
    )
