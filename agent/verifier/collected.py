"""Which files of the tests role hold tests, and which only serve them: fixtures, helpers, packages, data."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from ...tools.assertions import test_functions
from ...tools.syntax import parse_python
from ..planner.paths import role_of_path
from .context import GateContext

MAKES = r"(?:^\W*|\b(?:writ|add|creat|implement|extend|cover|provid)\w*\b[^.;:]{0,40}?\s)"
SERVED = r"(?<!\bfor )(?<!\bfor the )(?<!\bby )(?<!\bby the )"
SERVES = (
    r"(?:data\w*|fixtures?|helpers?|infra\w*|config\w*|environment|utilit\w+|utils|support|package|folders?|director\w+"
    r"|structure|doubles?|mocks?|stubs?|resources?|inputs?|samples?|harness|set-?up|framework|base|scaffold\w*|skeleton)"
)
ASKS_FOR_TESTS = re.compile(rf"{MAKES}{SERVED}(?<![/\w-])(?:tests?|testing)(?![/\w-])(?!\s+(?:\w+\s+)?{SERVES})", re.I)
"""A task that wants tests, and not only what tests need."""


def holds_tests(ctx: GateContext, path: str) -> bool:
    """Whether pytest is to collect tests from a file: by its name as pytest has it by default, or by what it holds."""
    name = PurePosixPath(path).name
    if not name.endswith(".py") or name == "conftest.py":
        return False
    if name.startswith("test_") or name.endswith("_test.py"):
        return True
    if not (ctx.worktree / path).is_file():
        return False
    try:
        return bool(test_functions(parse_python(ctx.read(path))))
    except (SyntaxError, ValueError):
        return False


def only_serves(ctx: GateContext) -> bool:
    """Whether a tests task asks for what tests need and for no test: `Create shared fixtures in tests/conftest.py`."""
    named = [path for path in ctx.task.files if role_of_path(path) == "tests"]
    return (
        bool(named)
        and all(PurePosixPath(path).suffix for path in named)
        and not any(holds_tests(ctx, path) for path in [*named, *ctx.tests])
        and not ASKS_FOR_TESTS.search(ctx.task.title)
    )
