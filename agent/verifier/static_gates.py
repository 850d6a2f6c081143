"""Gates that only read files: scope, files, python, assertions, docs, config."""

from __future__ import annotations

import re
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path

from ...tools import docs_facts, processes, search, text_checks
from ...tools.assertions import count_assertions, test_functions
from ...tools.python_project import own_names
from ...tools.syntax import parse_python
from ...tools.tests_quality import doubts_about, why_no_assertion
from ..documents.models import Task
from ..planner.checkpoints import is_checkpoint
from ..planner.paths import own_files, writable_for
from ..planner.written import left_alone, surely_written, written_files
from .asked import added_parameters, asked_parameters, asked_signature, functions_of, parameters_of
from .asked_settings import asked_settings, has_setting
from .asked_values import asked_values, uses, without_docstrings
from .collected import only_serves
from .context import GateContext
from .honest import tampered, weakened
from .models import GateResult

CONFIG = (".yaml", ".yml", ".toml", ".json")
MAY_STAY = (
    "__init__.py",
    "conftest.py",
    "pyproject.toml",
    "setup.cfg",
    "*requirements*.txt",
    "*requirements*.in",
    "*.lock",
)
"""What may hold already what a task asks for, in words that do not stand in the task."""
REMOVES = re.compile(r"^\W*(remove|delete|drop)\b", re.I)
ONLY_RUNS = re.compile(
    r"\b(run|re-?run|execute|verify|validate|check|ensure|confirm)\b.*\b(tests?|pytest|suite|compil\w*)", re.I
)
CREATES = re.compile(r"^\W*(create|implement|write|define|build|add)\b[^`]*`(?P<name>[A-Za-z_]\w*)\(", re.I)
WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def result(gate: str, failures: list[str], good: str, **more: object) -> GateResult:
    """A gate result: passed when nothing failed; the first failure is the summary."""
    summary = good if not failures else failures[0].splitlines()[0]
    if len(failures) > 1:
        summary += f" (+{len(failures) - 1} more)"
    return GateResult(gate=gate, passed=not failures, summary=summary, failures=failures, **more)  # type: ignore[arg-type]


def gate_scope(ctx: GateContext) -> GateResult:
    """Only files of the task's roles changed, no existing test was weakened, nothing was added against the tests."""
    from ...tools.files import Workspace

    spaces = []
    for role in [ctx.task.role, *ctx.task.also]:
        paths = writable_for(ctx.task, role)
        spaces.append(Workspace(root=ctx.worktree, writable=paths.writable, forbidden=paths.forbidden))
    failures = [
        f"{path}: the {ctx.task.role} role may not change this file; put it back as it was"
        for path in ctx.changed
        if not any(space.may_write(path) for space in spaces)
    ]
    kept = set(left_alone(document_task(ctx))) & set(ctx.changed)
    failures += [f"{path}: the task says that this file stays as it is; put it back" for path in sorted(kept)]
    failures += own_settings(ctx)
    failures += weakened(ctx)
    certain, doubts = tampered(ctx)
    return result("scope", failures + certain, f"{len(ctx.changed)} changed, all within the role", warnings=doubts)


def own_settings(ctx: GateContext) -> list[str]:
    """A change of kfpilot's own settings: they say which interpreter the next run starts, and with which arguments."""
    if "pyproject.toml" not in ctx.changed:
        return []

    def table(text: str | None) -> object:
        try:
            return tomllib.loads(text or "").get("tool", {}).get("kfpilot", {})
        except (tomllib.TOMLDecodeError, AttributeError):
            return None  # The gate for configuration says so.

    now = ctx.read("pyproject.toml") if (ctx.worktree / "pyproject.toml").is_file() else ""
    after = table(now)
    if after is None or after == table(ctx.before("pyproject.toml")):
        return []
    return [
        "pyproject.toml: [tool.kfpilot] holds the user's settings of kfpilot, which no task may change; put it back"
    ]


def gate_files(ctx: GateContext) -> GateResult:
    """The files the task is to write exist, and were changed; with none named, anything was.

    One that the task names must have changed, and each that it says to write beyond doubt.
    """
    task, failures = ctx.task, []
    for path in () if REMOVES.search(task.title) else demanded(ctx):
        if not (ctx.worktree / path).exists():
            failures.append(f"{path}: the task names this file, and it does not exist; create it")
    empty = [path for path in ctx.present if not ctx.read(path).strip() and Path(path).name != "__init__.py"]
    failures += [f"{path}: is empty" for path in empty]
    # Files that the task may not write are what it is about: the module that a test is for.
    own = own_files(task)
    named = [
        path for path in ctx.changed if any(path == name or path.startswith(name.rstrip("/") + "/") for name in own)
    ]
    doubts: list[str] = []
    no_work = ONLY_RUNS.search(task.title) or is_checkpoint(document_task(ctx))
    if not ctx.changed and not ctx.asked and not no_work:
        failures.append("no file was changed: the task asks for work, and none was seen")
    elif ctx.changed and own and not named and not failures:
        failures.append(f"none of the files the task names was changed: {', '.join(own)}")
    elif named and not ctx.asked:
        missed, doubts = unchanged(ctx, own)
        failures += missed
    failures += missing_symbols(ctx)
    made = [f"nothing was changed: {key} has done it as well, in {sha[:10]}" for key, sha in ctx.already.items()]
    return result("files", failures, ", ".join(ctx.changed) or "no change needed", warnings=[*made, *doubts])


def unchanged(ctx: GateContext, own: list[str]) -> tuple[list[str], list[str]]:
    """Files that the task is to write, and that are there and as they were: those that must change, and doubts."""
    failures, doubts = [], []
    task = document_task(ctx)
    sure = surely_written(task)
    for path in written_files(task):
        if path not in own or path in ctx.changed or not (ctx.worktree / path).is_file():
            continue
        words = sure.get(path)
        text = ctx.read(path)
        may_stay = any(fnmatch(Path(path).name, name) for name in MAY_STAY)
        if words is None or may_stay or (words.names and all(name in text for name in words.names)):
            doubts += [f"{path}: named, not changed"] if words or not may_stay else []
        else:
            failures.append(f"{path}: was not changed, and the task says: {words.said}")
    return failures, doubts


def demanded(ctx: GateContext) -> list[str]:
    """The files that must be there: those the task is to write. A folder counts where it names nothing else."""
    written = [path for path in written_files(document_task(ctx)) if path in ctx.task.files]
    return [path for path in written if not path.endswith("/")] or written


def missing_symbols(ctx: GateContext) -> list[str]:
    """What the task asks for by name and the work does not have.

    Code: the function of "Create `double(price)` …" is defined nowhere. Tests and docs: a name the task gives in
    backticks occurs in no changed file.
    """
    if ctx.task.role not in ("tests", "docs"):
        asked = CREATES.search(ctx.task.title)
        name = asked["name"] if asked and ctx.present else ""
        defined = rf"^\s*(async\s+)?(def|class)\s+{name}\b|^{name}\s*[:=]"
        if name and not search.grep(ctx.worktree, defined, glob="*.py", limit=1):
            return [f"the task asks for `{name}`, and no file defines it: write it where the task says"]
        return missing_parameters(ctx)
    symbols = [symbol.removesuffix("()") for symbol in document_task(ctx).symbols]
    words: set[str] = set()
    for path in ctx.present:
        # A test that only says a name in its docstring does not use it.
        text = (
            without_docstrings(ctx.read(path)) if ctx.task.role == "tests" and path.endswith(".py") else ctx.read(path)
        )
        words |= set(re.findall(r"[A-Za-z_][A-Za-z0-9_]*", text)) | {Path(path).stem}
    return missing_values(ctx) + [
        f"the task names `{name}`, and no changed file does: write it where the task says"
        for name in symbols
        if ctx.present and WORD.match(name) and name not in words
    ]


def missing_values(ctx: GateContext) -> list[str]:
    """Values that a tests task gives to parameters (`with status="refunded"`) and that no changed file has."""
    if ctx.task.role != "tests" or not ctx.present:
        return []
    texts = [without_docstrings(ctx.read(path)) if path.endswith(".py") else ctx.read(path) for path in ctx.present]
    task = document_task(ctx)
    return [
        f"the task names `{told}`, and no changed file has that value: test it as the task says"
        for told, value in asked_values("\n".join([task.title, *task.details])).items()
        if not any(uses(value, text) for text in texts)
    ]


def missing_parameters(ctx: GateContext) -> list[str]:
    """Parameters that the task gives to the component or pipeline it asks for, and that the work does not have."""
    sources = [ctx.read(path) for path in ctx.of("*.py")]
    have = parameters_of(sources)
    function, wanted = asked_signature(ctx.task.title)
    if not function:
        function, wanted = added_parameters(ctx.task.title)
    defined = functions_of(sources).get(function)
    if defined is not None:
        missing = [name for name in wanted if name not in defined]
        return [f"the task asks for `{function}` with the parameter `{name}`: give it that name" for name in missing]
    return [
        f"the task asks for the parameter `{name}`, and no function in the changed files has it: give it that name"
        for name in (asked_parameters(ctx.task.title) if sources else [])
        if name not in have
    ]


def document_task(ctx: GateContext) -> Task:
    """The task as it stands in tasks.md."""
    return ctx.feature.task(ctx.task.id)


def gate_python(ctx: GateContext) -> GateResult:
    """Changed Python files parse and use no undefined name (ruff E9, F63, F7, F82: errors, not style)."""
    paths = ctx.of("*.py")
    failures = []
    for path in paths:
        try:
            parse_python(ctx.read(path))
        except (SyntaxError, ValueError) as error:
            line = getattr(error, "lineno", None)
            failures.append(f"{path}:{line or 1}: does not parse: {getattr(error, 'msg', error)}")
    if failures or not paths:
        return result("python", failures, "no Python file changed")
    command = [sys.executable, "-P", "-m", "ruff", "check", "--isolated", "--no-cache", "--output-format=concise"]
    command += ["--select=E9,F63,F7,F82", "--", *paths]
    done = processes.run(command, cwd=ctx.worktree, env=processes.clean_env(), timeout=60)
    if done.exit_code:
        lines = [line for line in done.stdout.splitlines() if re.match(r".+:\d+:\d+:", line)]
        failures = lines or [f"ruff could not run: {(done.stderr or done.stdout).strip()[:300]}"]
    return result(
        "python", failures, f"{len(paths)} parse, no undefined name", command=command[1:], exit_code=done.exit_code
    )


def gate_assertions(ctx: GateContext) -> GateResult:
    """Every new test function runs and has an assertion that can fail, and there is at least one."""
    failures: list[str] = []
    warnings: list[str] = []
    total = new = 0
    own, loose = own_names(ctx.worktree, ctx.bench.source_roots(ctx.worktree))
    for path in ctx.tests:
        try:
            module = parse_python(ctx.read(path))
        except SyntaxError as error:
            failures.append(f"{path}:{error.lineno}: does not parse: {error.msg}")
            continue
        except ValueError as error:  # null bytes
            failures.append(f"{path}: does not parse: {error}")
            continue
        counts, old = count_assertions(ctx.read(path)), count_assertions(ctx.before(path) or "")
        total += sum(counts.values())
        new += sum(1 for name in counts if name not in old)
        reasons = {name: why_no_assertion(node) for name, node in test_functions(module).items()}
        failures += [
            f"{path}: {name} asserts nothing that could fail"
            + (f" ({reasons[name]})" if reasons.get(name) else "")
            + "; assert the exact result that the specification asks for"
            for name, count in counts.items()
            if count == 0 and name not in old
        ]
        for doubt in doubts_about(ctx.read(path), ctx.before(path) or "", {*own, *loose}):
            where = failures if doubt.severity == "error" else warnings
            where.append(f"{path}:{doubt.line}: {doubt.message}")
    serves = only_serves(ctx)
    if not failures and ctx.tests and not total and not serves:
        failures.append(f"{', '.join(ctx.tests)}: no test function found (functions named test_…)")
    if not ctx.tests and ctx.changed and not serves:
        failures.append("no test file was changed: a tests task must write at least one test")
    return result(
        "assertions",
        failures,
        "no test is asked for" if serves else f"{new} new tests, {total} assertions",
        counts={"new": new, "assertions": total},
        warnings=warnings,
        not_verified=[f"{path}: whether it works, before a test uses it" for path in ctx.present] if serves else [],
    )


def gate_docs(ctx: GateContext) -> GateResult:
    """Documentation names only things that exist."""
    paths = ctx.of("*.md")
    failures = [
        f"{path}: {problem}"
        for path in paths
        for problem in [
            *text_checks.markdown_problems(ctx.worktree, path),
            *docs_facts.fact_problems(ctx.worktree, path),
        ]
    ]
    return result("docs", failures, f"{len(paths)} pages name only what exists")


def gate_config(ctx: GateContext) -> GateResult:
    """YAML, TOML and JSON parse; workflows and manifests have the parts that make them one."""
    paths = [path for path in ctx.present if path.endswith(CONFIG)]
    failures = [f"{path}: {problem}" for path in paths for problem in config_problems(ctx.worktree / path, path)]
    return result(
        "config",
        failures or missing_settings(ctx, paths),
        f"{len(paths)} file{' parses' if len(paths) == 1 else 's parse'}",
    )


def missing_settings(ctx: GateContext, paths: list[str]) -> list[str]:
    """Settings that an infra task gives literally and that no YAML file has, whether it was changed or not."""
    made = [path for path in paths if path.endswith((".yaml", ".yml"))]
    if not made or ctx.task.role != "infra" or ctx.task.also:
        return []
    others = (path for glob in ("*.yaml", "*.yml") for path in search.files(ctx.worktree, glob))
    texts = [ctx.read(path) for path in dict.fromkeys([*made, *others])]
    return [
        f"{made[0]}: the task asks for `{setting}`, and no file has it"
        for setting in asked_settings(ctx.task.title)
        if not has_setting(setting, texts)
    ]


def config_problems(file: Path, path: str) -> list[str]:
    """All that is wrong with one configuration file."""
    if file.suffix in (".yaml", ".yml"):
        problems = text_checks.yaml_problems(file)
        if not problems and path.startswith(".github/workflows/"):
            problems = text_checks.workflow_problems(file)
        elif not problems:
            problems = text_checks.manifest_problems(file)
        return problems
    return text_checks.toml_problems(file) if file.suffix == ".toml" else text_checks.json_problems(file)
