"""Which files of the project a task needs besides those it names."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from ...tools.project_names import top_names
from ...tools.syntax import parse_python
from ..planner.models import PlannedTask, Role
from ..planner.paths import role_of_path
from .around import started, subjects
from .job import Job
from .project import listing
from .scaffold import components_of
from .wanted import wanted_functions

SIBLING_LINES = 80
GROUP_FILES = 4
OPERATED = re.compile(
    r"\b(?:ci|workflows?|deploy\w*|schedul\w*|cron\w*|manifests?|config\w*|docker\w*|install\w*|set-?up|secrets?|runbook"
    r"|operat\w+|monitor\w*|alerts?|environment|nightly|release\w*)\b",
    re.I,
)
"""A page about how the feature is run, and not only about what it does."""
OF_PIPELINES = re.compile(r"\bpipelines?\b|\bcompile", re.I)
ARTIFACTS = re.compile(r"(\w+): (?:dsl\.)?(Input|Output)\[")


def related(job: Job, role: Role, brief: bool = False) -> list[tuple[str, bool]]:
    """Files near to the task, most useful first, each with whether to show it whole.

    A tests task gets the smallest test file there is of its kind: how this project tests, and with which data; and what
    the tests of this project share. A page gets what the feature made where it names nothing itself.
    """
    root, task = job.worktree, job.task
    files = listing(root)
    code = [
        path
        for path in files
        if path.endswith(".py") and role_of_path(path) == "code" and Path(path).name != "__init__.py"
    ]
    words = speaks_of(job)
    siblings = {str(Path(path).parent) for path in task.files}
    named = [path for path in code if top_names(root / path) & words or Path(path).stem in words]
    imports = [path for name in [*task.files, *named] for path in imported(root, name, code)]
    near = [path for path in code if str(Path(path).parent) in siblings]
    whole = role in ("tests", "docs")
    about = dict.fromkeys([*([] if brief else subjects(job, role)), *named])
    pipelines = [path for path in about if has_pipeline(root / path)] if role == "tests" and not brief else []
    if pipelines and OF_PIPELINES.search(prose_of(task)):
        # What it compiles to is shown as well, and says what it is made of.
        about, imports, near = dict.fromkeys(pipelines), [], []
    # What is changed has to be seen: the pipeline of "Wire x into `hourly`", where no file is named.
    changed = changed_code(job) if role == "code" and not brief else set()
    result = [(path, whole or bool(top_names(root / path) & changed)) for path in about]
    if role == "code":
        result += [(path, False) for path in (makers(job, code) if brief else of_group(job, code))]
    # A page is about what its subject is made of, and the columns of an artifact stand in a docstring at best.
    told = role == "docs" and not brief
    result += [
        (path, told and path in imports and length(root / path) <= SIBLING_LINES)
        for path in [*imports, *([] if brief else near)]
        if path not in named
    ]
    if role == "code" and not brief:
        result = with_model(root, task, near, result)
    if role == "tests":
        tests = [path for path in files if role_of_path(path) == "tests" and path.endswith(".py")]
        result[2:2] = [(path, True) for path in how_tested(job, tests, brief)]
    if told:
        own = [path for path in made(job) if path not in named]
        result += [(path, True) for path in own]
        result += [(other, False) for path in own for other in imported(root, path, code) if other not in own]
    if role == "tests" and brief:
        result[:0] = [(path, True) for path in waited_for(job)]
    if role == "infra" and not brief:
        result[:0] = [(path, True) for path in started(job, code) if length(root / path) <= SIBLING_LINES]
    if role in ("tests", "infra") and not brief:
        result[:0] = [(path, True) for path in beside(root, task, files)]
    if role in ("docs", "infra"):
        context = ("README.md",) if told else ("README.md", "pyproject.toml")
        result += [(path, True) for path in files if path in context]
    return list(dict.fromkeys(result))


def changed_code(job: Job) -> set[str]:
    """The names in the title of a task without files: what it changes, or puts together."""
    if job.task.files:
        return set()
    return {name for name in job.feature.task(job.task.id).symbols if f"`{name}" in job.task.title}


def prose_of(task: PlannedTask) -> str:
    """A task's title without paths."""
    return re.sub(r"[\w.-]*/[\w./-]*", " ", task.title)


def has_pipeline(file: Path) -> bool:
    """Whether a module defines a pipeline."""
    return bool(re.search(rb"^@(?:\w+\.)*pipeline\b", file.read_bytes(), re.M))


def makers(job: Job, code: list[str]) -> list[str]:
    """Modules with a component that writes what the wanted component reads: an artifact of the same name."""
    reads = {
        name for wanted in wanted_functions(job) for name, kind in ARTIFACTS.findall(wanted.head) if kind == "Input"
    }
    if not reads:
        return []
    texts = {path: (job.worktree / path).read_bytes().decode("utf-8", "replace") for path in code}
    return [path for path, text in texts.items() if any(reads & set(found.outputs) for found in components_of(text))]


def of_group(job: Job, code: list[str]) -> list[str]:
    """Modules that the tasks before this one in its group name: `run the check first` means what they made."""
    tasks, own = job.feature.tasks.tasks, job.feature.task(job.task.id)
    before = [task for task in tasks if task.phase == own.phase and own.phase is not None and task.line < own.line]
    found = dict.fromkeys(path for task in before for path in task.files if path in code and path not in own.files)
    return list(found)[-GROUP_FILES:]


def how_tested(job: Job, tests: list[str], brief: bool) -> list[str]:
    """What shows how this project tests: what its tests share, and a small one where a file is to be made.

    Args:
        job: The task.
        tests: The Python files of the tests role.
        brief: For small models: only the smallest test file.
    """
    root, task = job.worktree, job.task
    cases = [path for path in tests if Path(path).name.startswith("test_") or Path(path).stem.endswith("_test")]
    cases.sort(key=lambda path: (root / path).stat().st_size)
    if brief:
        return cases[:1]
    pipeline = bool(OF_PIPELINES.search(task.title))
    same = [path for path in cases if bool(re.search(rb"\bcompile", (root / path).read_bytes())) == pipeline]
    there = [path for path in task.files if path in cases]
    # A test of a component shows nothing of how a pipeline is tested.
    models = there or (same or ([] if pipeline else cases))[:1]
    folders = {parent for path in [*models, *task.files] for parent in Path(path).parents}
    shared = [path for path in tests if Path(path).name == "conftest.py" and Path(path).parent in folders]
    shared += [path for model in models for path in imported(root, model, [p for p in tests if p not in cases])]
    return [*shared, *models]


def waited_for(job: Job) -> list[str]:
    """Short configuration that the tasks make which this one waits for: what its tests look into."""
    needed = job.feature.task(job.task.id).depends_on
    files = [path for other in job.feature.tasks.tasks if other.id in needed for path in other.files]
    return [
        path
        for path in dict.fromkeys(files)
        if role_of_path(path) == "infra"
        and (job.worktree / path).is_file()
        and length(job.worktree / path) <= 2 * SIBLING_LINES
    ]


def beside(root: Path, task: PlannedTask, files: list[str]) -> list[str]:
    """Short configuration in the folders of the configuration that a task names: what it must fit to."""
    folders = {str(Path(path).parent) for path in task.files if role_of_path(path) == "infra"} - {"."}
    return [
        path
        for path in files
        if str(Path(path).parent) in folders
        and Path(path).suffix in (".yaml", ".yml")
        and length(root / path) <= 2 * SIBLING_LINES
    ]


def made(job: Job) -> list[str]:
    """Code that the feature's tasks name, and configuration where the page is about it; what is called as it first."""
    root, feature = job.worktree, job.feature
    found = dict.fromkeys(path for task in feature.tasks.tasks for path in task.files if (root / path).is_file())
    pages = {plain(path) for path in job.task.files}
    ranks = {"code": 0, "infra": 1}
    wanted = {"code", "infra"} if OPERATED.search(job.task.title) else {"code"}
    about = [path for path in found if role_of_path(path) in wanted and Path(path).name != "__init__.py"]
    return sorted(about, key=lambda path: (plain(path) not in pages, ranks[role_of_path(path)]))


def plain(path: str) -> str:
    """`drift_watch.py` and `drift-watch.md` are called the same."""
    return Path(path).stem.replace("-", "_").lower()


def with_model(root: Path, task: PlannedTask, near: list[str], shown: list[tuple[str, bool]]) -> list[tuple[str, bool]]:
    """Add one short neighbour in full where a module is to be made: how this project writes such a module."""
    if all((root / path).exists() for path in task.files):
        return shown
    wanted = next((kind for kind in ("component", "pipeline") if re.search(rf"\b{kind}s?\b", task.title, re.I)), "")
    ranks = {}
    for path in near:
        text = (root / path).read_bytes().decode("utf-8", "replace")
        same = bool(re.search(rf"^@(\w+\.)*(container_)?{wanted}\b", text, re.M)) if wanted else True
        if 0 < text.count("\n") <= SIBLING_LINES:
            ranks[path] = (not same, text.count("\n"))
    model = min(ranks, key=lambda path: ranks[path], default=None)
    return shown if model is None else [(model, True), *(item for item in shown if item[0] != model)]


def length(file: Path) -> int:
    """Lines of a file."""
    return file.read_bytes().count(b"\n")


def speaks_of(job: Job) -> set[str]:
    """The words of a task that may be names of modules and functions; test_x.py speaks of x."""
    document = job.feature.task(job.task.id)
    words = set(re.findall(r"\w+", " ".join([job.task.title, *document.details, *job.task.files, *document.symbols])))
    stems = {Path(path).stem for path in job.task.files}
    return words | stems | {stem.removeprefix("test_").removesuffix("_test") for stem in stems}


def imported(root: Path, path: str, code: list[str]) -> list[str]:
    """Modules of the project that an existing file imports."""
    file = root / path
    if file.suffix != ".py" or not file.is_file():
        return []
    try:
        nodes = list(ast.walk(parse_python(file.read_bytes())))
    except (SyntaxError, ValueError):
        return []
    modules = {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
    modules |= {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    tails = tuple(module.replace(".", "/") + ".py" for module in modules)
    return [other for other in code if other.endswith(tails)] if tails else []
