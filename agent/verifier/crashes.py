"""What failing tests show of the code by themselves: it breaks down in its own lines, whatever they assert.

A worker that only drafts makes no claims. That its tests run into a TypeError or the like inside the code is one all
the same, which `claims` looks at like any other.
"""

from __future__ import annotations

import ast
import re
from collections import Counter

from ...tools.project_names import parse
from ...tools.pytest_run import TestCase
from ..planner.classify import classify
from ..planner.paths import role_of_path
from .claims import PLACE
from .context import GateContext
from .models import Fault
from .tests_gate import own_tests

BREAKS = re.compile(
    r"^E\s+(?P<error>(?:FileNotFoundError|TypeError|NameError|UnboundLocalError|AttributeError|ImportError"
    r"|ModuleNotFoundError|ZeroDivisionError|RecursionError|io\.UnsupportedOperation)\b.*)",
    re.M,
)
"""How code ends that is wrong whatever it is given. A KeyError or a ValueError may be the input's fault."""
WHERE = re.compile(r"^(\S+\.py):(\d+): ", re.M)


def crash(ctx: GateContext) -> Fault | None:
    """What the task's own tests have broken down in, as a claim; None where they did not, or no task made that code.

    Args:
        ctx: The tests task as it was judged; the run of its tests is the bench's latest.
    """
    run = ctx.bench.latest
    own = own_tests(ctx)
    broken = [place for case in run.tests if case.file in own and (place := broke_in(case))] if run else []
    if not broken:
        return None
    (path, line, error), _ = Counter(broken).most_common(1)[0]
    makers = [
        task for task in ctx.feature.tasks.tasks if path in task.files and classify(task, ctx.feature)[0] == "code"
    ]
    if not makers:
        return None
    source = ctx.read(path)
    code = next(iter(source.splitlines()[line - 1 : line]), "").strip()
    return Fault(
        file=path,
        function=function_at(source, line),
        does=f"its line `{code}` ends with {error}",
        should=makers[0].title,
        by=makers[0].key,
    )


def broke_in(case: TestCase) -> tuple[str, int, str] | None:
    """File and line of the code that a test broke down in, and how; None where it failed otherwise or elsewhere."""
    if case.outcome != "failed" or not PLACE.search(case.message):
        return None
    error = BREAKS.search(case.message)
    path, line = WHERE.findall(case.message)[-1]
    return (path, int(line), error["error"].strip()[:200]) if error and role_of_path(path) == "code" else None


def function_at(source: str, line: int) -> str:
    """The function at the top of a module that a line stands in; empty outside of any."""
    try:
        body = parse(source).body
    except (SyntaxError, ValueError):
        return ""
    functions = [node for node in body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return next((node.name for node in functions if node.lineno <= line <= (node.end_lineno or node.lineno)), "")
