"""What failing tests show of the code by themselves, for a worker that only drafts and so makes no claims.

Code that breaks down in its own lines, whatever the tests assert; or code that gives the same result against the same
expectation in two drafts of the tests. That is a claim like any other, which `claims` looks at.
"""

from __future__ import annotations

import ast
import re
from collections import Counter

from ...tools.import_reach import python_files
from ...tools.pytest_run import TestCase
from ...tools.syntax import parse_python
from ..planner.classify import classify
from ..planner.paths import role_of_path
from .context import GateContext
from .models import Fault
from .tests_gate import own_tests

BREAKS = re.compile(
    r"^E\s+(?P<error>(?:FileNotFoundError|TypeError|NameError|UnboundLocalError|AttributeError|ImportError"
    r"|ModuleNotFoundError|ZeroDivisionError|RecursionError|io\.UnsupportedOperation"
    r"|(?P<soft>KeyError|IndexError|ValueError))\b.*)",
    re.M,
)
"""How code ends that is wrong whatever it is given; of the soft ones the input may be to blame."""
VALUES = re.compile(r"\S+ (?:==|!=) \S")
"""A line with what there was and what was expected."""
SAID = re.compile(r"^E\s+(.*\S)", re.M)
WHERE = re.compile(r"^(\S+\.py):(\d+): ", re.M)


def seen(ctx: GateContext) -> tuple[Fault, list[str]] | None:
    """What the task's own tests show of the code, as a claim, and what of it another draft would show too.

    Args:
        ctx: The tests task as it was judged; the run of its tests is the bench's latest.

    Returns:
        None where they show nothing, or no task made that code. Two drafts show the same when the lists share an item.
    """
    run = ctx.bench.latest
    own = own_tests(ctx)
    failed = [case for case in run.tests if case.file in own and case.outcome == "failed"] if run else []
    broken = [place for case in failed if (place := broke_in(case))]
    if broken:
        (path, line, error, soft), _ = Counter(broken).most_common(1)[0]
        source = ctx.read(path)
        code = next(iter(source.splitlines()[line - 1 : line]), "").strip()
        if soft and code.startswith("raise"):
            return None  # It refuses its input, which may be right.
        fault = fault_in(ctx, path, function_at(source, line), f"its line `{code}` ends with {error}")
        return (fault, [f"{path}: {code}: {error}" if soft else path]) if fault else None
    wrong = [(case, lines) for case in failed if (lines := wrong_result(case))]
    tested = {place for case, _ in wrong for place in tested_in(ctx, case.file)}
    if not wrong or len(tested) != 1:
        return None
    ((path, function),) = tested
    case, lines = wrong[0]
    told = " ".join([line for line in lines if VALUES.search(line) and "..." not in line][:2] or lines[:3])
    fault = fault_in(ctx, path, function, f"{case.nodeid.rpartition('::')[2]} finds: {told[:300]}")
    return (fault, [f"{path}: {line}" for line in lines if VALUES.search(line)]) if fault else None


def fault_in(ctx: GateContext, path: str, function: str, does: str) -> Fault | None:
    """The claim that a file is not what the task asked for which made it; None where no task of the feature did."""
    makers = [
        task for task in ctx.feature.tasks.tasks if path in task.files and classify(task, ctx.feature)[0] == "code"
    ]
    named = [task for task in makers if function and re.search(rf"\b{function}\b", task.title)]
    makers = named or makers
    if not makers:
        return None
    return Fault(file=path, function=function, does=does, should=makers[0].title, by=makers[0].key)


def tested_in(ctx: GateContext, test: str) -> set[tuple[str, str]]:
    """The code that a test file imports by name: file and function."""
    try:
        nodes = [
            node for node in ast.walk(parse_python(ctx.read(test))) if isinstance(node, ast.ImportFrom) and node.module
        ]
    except (SyntaxError, ValueError):
        return set()
    files = [path for path in python_files(ctx.worktree) if role_of_path(path) == "code"]
    found = set()
    for node in nodes:
        tail = (node.module or "").replace(".", "/") + ".py"
        paths = [path for path in files if path == tail or path.endswith(f"/{tail}")]
        found |= {(path, alias.name) for path in paths[:1] for alias in node.names}
    return found


def broke_in(case: TestCase) -> tuple[str, int, str, bool] | None:
    """File and line of the code that a test broke down in, how, and whether the input may be to blame for it.

    Returns:
        None where it failed otherwise or elsewhere.
    """
    places, error = WHERE.findall(case.message), BREAKS.search(case.message)
    if case.outcome != "failed" or not places or not error or role_of_path(places[-1][0]) != "code":
        return None
    path, line = places[-1]
    return path, int(line), error["error"].strip()[:200], bool(error["soft"])


def wrong_result(case: TestCase) -> list[str]:
    """What pytest says of an assertion of the test itself that does not hold; empty where it failed otherwise."""
    places, lines = WHERE.findall(case.message), SAID.findall(case.message)
    asserted = bool(lines) and lines[0].startswith(("assert ", "AssertionError"))
    return lines if asserted and places and places[-1][0] == case.file else []


def function_at(source: str, line: int) -> str:
    """The function at the top of a module that a line stands in; empty outside of any."""
    try:
        body = parse_python(source).body
    except (SyntaxError, ValueError):
        return ""
    functions = [node for node in body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return next((node.name for node in functions if node.lineno <= line <= (node.end_lineno or node.lineno)), "")
