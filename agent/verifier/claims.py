"""What tests that fail say of the code: whether the claim of their author that the code is wrong can be followed up.

A claim decides nothing. It is worth a call of the code role only where the tests are honest by all gates but their own
failing, where they fail in what they assert or in the code, and where that code is in reach. Then the gates judge
what has become of both.
"""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Callable
from pathlib import PurePosixPath

from ...tools.import_reach import LARGEST, Graph, python_files
from ...tools.mutants import functions_in
from ...tools.pytest_run import TestCase, TestRun, regressions
from ...tools.syntax import parse_python
from ..documents.models import Feature, Task
from ..planner.classify import gates_for, left_alone
from ..planner.cover import criteria
from ..planner.models import PlannedTask
from ..planner.paths import ROLE_PATHS, is_protected, may_write, own_files, role_of_path, roles_of
from .context import GateContext
from .models import Fault, Verdict
from .red_green import NOT_YET, due, right_reason
from .tests_gate import broken_run, own_tests

PLACE = re.compile(r"^(\S+\.py):\d+: ", re.M)
"""A line of the project's own code in a failure; the last one is where it was raised."""


def with_code(task: PlannedTask, path: str) -> PlannedTask:
    """The task as one of tests and of that code, such as a plan may have from the start, with the gates of both."""
    files = list(dict.fromkeys([*task.files, path]))
    both = task.model_copy(update={"also": [*task.also, "code"], "files": files})
    both.gates = gates_for(roles_of(both), own_files(both))
    return both


def path_of(fault: Fault) -> str:
    """The file that a claim names, as paths are written here."""
    return PurePosixPath(fault.file.strip()).as_posix()


def groundless(ctx: GateContext, verdict: Verdict, fault: Fault) -> str:
    """Why a claim is not followed up; empty when nothing speaks against it.

    Args:
        ctx: The tests task as it was judged; the run of its tests is the bench's latest.
        verdict: What the gates saw.
        fault: The claim.
    """
    failed = [gate.gate for gate in verdict.gates if not gate.passed]
    if not failed:
        return "its gates pass on the code as it is"
    if failed != ["tests"]:
        return f"the tests are refused for another reason (gate {', '.join(failed)})"
    run = ctx.bench.latest
    if run is None:
        return "the tests have not run"
    checks: list[Callable[[], str]] = [
        lambda: wrong_place(ctx, fault),
        lambda: wrong_function(ctx, fault),
        lambda: "" if demands(ctx.feature, fault) else no_such_demand(ctx.feature, fault),
        lambda: wrong_failures(ctx, run, fault),
    ]
    return next((why for check in checks if (why := check())), "")


def wrong_place(ctx: GateContext, fault: Fault) -> str:
    """Why the named file is none that the code role may be asked to change."""
    path, root = path_of(fault), ctx.worktree.resolve()
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts or not path.strip("."):
        return f"{path} is not a path within the repository"
    if role_of_path(path, ctx.worktree) == "tests":
        return f"{path} is a test, and not the code that it tests"
    if is_protected(path) or role_of_path(path, ctx.worktree) != "code" or not may_write(ROLE_PATHS["code"], path):
        return f"{path} is no file that the code role may change"
    place = root / path
    if ctx.before(path) is None or not place.is_file() or place.resolve() != place:
        return f"{path} is no file of the repository"
    if not path.endswith(".py"):
        return f"{path} is no Python file, so whether the tests use it cannot be seen"
    if path in left_alone(ctx.feature.task(ctx.task.id)) or forbidden(ctx.feature, path):
        return f"the documents say that {path} stays as it is"
    return ""


def forbidden(feature: Feature, path: str) -> bool:
    """Whether a requirement, an assumption or a constraint says that a file is not to be changed."""
    spec, plan = feature.spec, feature.plan
    texts = [item.text for item in [*spec.requirements, *spec.criteria]] if spec else []
    texts += [note.text for note in [*(spec.assumptions if spec else []), *(plan.constraints if plan else [])]]
    return any(left_alone(Task(key="", title=text, files=[path])) for text in texts)


def wrong_function(ctx: GateContext, fault: Fault) -> str:
    """Why the named function is not in the named file; a claim about a module as a whole may name none."""
    name = re.split(r"[(\[]", fault.function.strip().strip("`"))[0].strip()
    if not name:
        return ""
    try:
        tree = parse_python(ctx.read(path_of(fault)))
    except (SyntaxError, ValueError):
        return ""
    known = {dotted for dotted, _ in functions_in(tree)} | {
        node.name for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
    }
    targets = [node.targets for node in tree.body if isinstance(node, ast.Assign)]
    known |= {target.id for each in targets for target in each if isinstance(target, ast.Name)}
    if name in known or name.rpartition(".")[2] in known:
        return ""
    near = difflib.get_close_matches(name, known, n=1)
    return f"{path_of(fault)} has no `{name}`" + (f"; did you mean `{near[0]}`?" if near else "")


def demands(feature: Feature, fault: Fault) -> list[str]:
    """What the documents say in the places that a claim appeals to, a line each; empty when there is no such place."""
    spec = feature.spec
    places = {item.id: item.text for item in criteria(feature)}
    places |= {task.key: task.title for task in feature.tasks.tasks}
    places |= {story.key: story.title for story in spec.stories} if spec else {}
    found = [f"{name}: {text}" for name, text in places.items() if named(name, fault.by)]
    if spec and spec.edge_cases and re.search(r"\bedge[ -]?cases?\b", fault.by, re.I):
        found += [f"Edge case: {note.text}" for note in spec.edge_cases]
    return found


def named(name: str, text: str) -> bool:
    """Whether a text gives an id: US1 is not given by US1/AS2, nor 1.2 by 1.2.3."""
    return bool(re.search(rf"(?<![\w./-]){re.escape(name)}(?![\w/#-]|\.\d)", text, re.I))


def no_such_demand(feature: Feature, fault: Fault) -> str:
    """In words, that the documents have no such place, with some that they have."""
    some = [item.id for item in criteria(feature)][:8] or [task.key for task in feature.tasks.tasks][:8]
    return f"the documents have no '{fault.by[:80]}'; they have {', '.join(some)}"


def wrong_failures(ctx: GateContext, run: TestRun, fault: Fault) -> str:
    """Why what fails cannot be laid at the door of the named file."""
    if broken_run(run) or run.foreign:
        return "the tests did not run as they should"
    if ctx.bench.baseline is not None and regressions(ctx.bench.baseline, run):
        return "tests that passed before do not pass any more"
    awaited = [case.nodeid for case in run.tests if case.file in due(ctx) and case.outcome in ("failed", "error")]
    if awaited:
        return f"{awaited[0]} waits for this task"
    bad = [case for case in run.tests if case.file in own_tests(ctx) and case.outcome in ("failed", "error")]
    # What a later task is to bring is nobody's fault.
    bad = [case for case in bad if not right_reason(ctx, case)[0]]
    if not bad:
        return "none of its tests fails for what is there already"
    for case in bad:
        if not of_code(case):
            said = next((line[1:].strip() for line in case.message.splitlines() if line.startswith("E ")), case.outcome)
            return f"{case.nodeid} fails in the test itself: {said[:200]}"
    return out_of_reach(ctx, {case.file for case in bad}, path_of(fault))


def of_code(case: TestCase) -> bool:
    """Whether a test fails in what it asserts, or in the code: not in its imports, its fixtures or its own names."""
    if case.outcome != "failed" or "::" not in case.nodeid:
        return False
    if NOT_YET.search(case.message):
        return True
    places = PLACE.findall(case.message)
    return bool(places) and role_of_path(places[-1]) == "code"


def out_of_reach(ctx: GateContext, tests: set[str], path: str) -> str:
    """Which of some test files do not use a file, directly or through what they import."""
    files = python_files(ctx.worktree)
    if len(files) > LARGEST:
        return ""
    graph = Graph(ctx.worktree, files)
    for test in sorted(tests):
        if path not in graph.reachable({test}) and not any(graph.seeks(file) for file in graph.reachable({test})):
            return f"{test} fails and does not use {path}"
    return ""
