"""Starts the draft of a task that adds to a file: what is there stands already, the model goes on from it.

A small model that has to write a file again drops lines of it; here it cannot.
"""

from __future__ import annotations

import ast
import re

from pydantic import BaseModel

from ...tools.syntax import parse_python
from ..planner.models import Role
from .job import Job
from .packet import module_of
from .scaffold import Signature, components_of, decorated
from .skeleton import function_start, helper_for, subjects, wanted_in
from .sources import code_sources

BETWEEN = re.compile(r"\b(insert|put|place)\b.*\b(between|before|in front of)\b", re.I | re.S)
"""Then steps that are there get other inputs, which nobody can do who only goes on at the end."""
ROW = re.compile(r"\brow\b.*\btable\b|\btable\b.*\brow\b", re.I | re.S)
RULE = re.compile(r"\|(?:\s*:?-+:?\s*\|)+\s*")
NEW_PARAMETER = re.compile(r"\b(?:new|additional|further) (?:\w+ )?parameters? `(\w+: [^`]+)`", re.I)
OTHERWISE = re.compile(r"\b(replac\w+|remov\w+|delet\w+|renam\w+|swap\w*|instead of|rewrit\w+)\b", re.I)
"""Then the steps that are there do not stay as they are."""
GAINS = re.compile(
    r"(?:\b(?:add|gains?|new|additional|further|optional|pipeline)\b[^`.;:]{0,30}|[:;.,]\s+)\bparameters? "
    r"(?P<names>`\w+`(?:(?:,| and|, and) `\w+`)*)",
    re.I,
)
"""Parameters of a pipeline, of which only the names are said."""


class Extension(BaseModel):
    """A file to go on with.

    Attributes:
        head: The file up to where the first new step begins; ends in the middle of that line.
        tail: What comes after the new steps: the pipeline's `return`, and the rest of the file.
        stop: Where the model has said what is wanted; empty where the end of the file says it.
    """

    head: str
    tail: str = ""
    stop: list[str] = []


def extension(job: Job, target: str) -> Extension | None:
    """How to go on with a pipeline; None when the task does not add steps, or which ones is not clear.

    Args:
        job: The task. The new steps are the components it names, in its order, that the pipeline does not call yet.
        target: The file; it has exactly one pipeline.
    """
    title = job.task.title
    parsed = parsed_file(job, target)
    if parsed is None or OTHERWISE.search(title) or BETWEEN.search(title):
        return None
    source, tree = parsed
    pipelines = [node for node in tree.body if isinstance(node, ast.FunctionDef) and decorated(node, "pipeline")]
    if len(pipelines) != 1:
        return None
    called = {name.id for name in ast.walk(pipelines[0]) if isinstance(name, ast.Name)}
    new = [(name, module) for name, module in named_components(job, target) if name not in called]
    if not new:
        return None
    parameters = NEW_PARAMETER.findall(title) or parameters_named(job, title, [name for name, _ in new])
    source = with_parameters(source, pipelines[0], parameters)
    return continued(with_names(source, {signature.name for signature in known_signatures(job)}), new)


def known_signatures(job: Job) -> list[Signature]:
    """The components of the repository."""
    return [signature for _, source in code_sources(job.worktree) for signature in components_of(source)]


def parameters_named(job: Job, title: str, steps: list[str]) -> list[str]:
    """New parameters of a pipeline whose names are those of a new step's parameters: as that step has them.

    Args:
        job: The task.
        title: What it says.
        steps: The components that are new in the pipeline.
    """
    names = [name for found in GAINS.finditer(title) for name in re.findall(r"\w+", found["names"])]
    taken = {
        name: f"{name}: {kind}" + (f" = {step.defaults[name]}" if name in step.defaults else "")
        for step in known_signatures(job)
        if step.name in steps
        for name, kind in step.takes.items()
        if name in step.parameters and kind
    }
    return [taken[name] for name in dict.fromkeys(names) if name in taken]


def with_names(source: str, components: set[str]) -> str:
    """A pipeline whose steps all have a name, so that a new one can take what they give."""
    tree = parse_python(source)
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} | names_bound(tree)
    lines = source.encode().splitlines(keepends=True)
    for node in [node for node in ast.walk(tree) if isinstance(node, ast.Expr)]:
        step = first_called(node.value)
        if step in components and f"{step}_task" not in names:
            line = lines[node.lineno - 1]
            lines[node.lineno - 1] = line[: node.col_offset] + f"{step}_task = ".encode() + line[node.col_offset :]
            names.add(f"{step}_task")
    return b"".join(lines).decode()


def first_called(node: ast.expr) -> str:
    """The function at the start of a chain of calls: `keep(n=1).set_retry(2)` begins with `keep`."""
    while isinstance(node, ast.Call | ast.Attribute):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            return node.func.id
        node = node.func if isinstance(node, ast.Call) else node.value
    return ""


def with_parameters(source: str, pipeline: ast.FunctionDef, new: list[str]) -> str:
    """The file with the parameters that a task gives its pipeline: `top: int = 3`; as it is where that does not fit."""
    ends = [
        (node.end_lineno or 0, node.end_col_offset or 0)
        for nodes in (pipeline.args.args, pipeline.args.defaults)
        for node in nodes
    ]
    there = {argument.arg for argument in pipeline.args.args}
    texts = [text for text in new if text.partition(":")[0].strip() not in there]
    if not ends or not texts or pipeline.args.kwonlyargs or pipeline.args.vararg:
        return source
    line, column = max(ends)
    lines = source.encode().splitlines(keepends=True)
    row = lines[line - 1]
    lines[line - 1] = row[:column] + f", {', '.join(texts)}".encode() + row[column:]
    longer = b"".join(lines).decode()
    try:
        parse_python(longer)
    except (SyntaxError, ValueError):
        return source
    return longer


def continued(source: str, new: list[tuple[str, str]]) -> Extension:
    """The file of a pipeline with the imports of the new steps, cut where the first of them begins."""
    tree = parse_python(source)
    (pipeline,) = [node for node in tree.body if isinstance(node, ast.FunctionDef) and decorated(node, "pipeline")]
    lines = source.splitlines()
    last = pipeline.body[-1]
    end = last.lineno - 1 if isinstance(last, ast.Return) else (last.end_lineno or last.lineno)
    tail = "\n".join(lines[end:])
    present = {
        alias.asname or alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    imports = [f"from {module} import {name}" for name, module in new if name not in present]
    after = max(
        (node.end_lineno or 0 for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)), default=0
    )
    head = [*lines[:after], *imports, *lines[after:end]]
    indent = " " * pipeline.body[0].col_offset
    name = new[0][0]
    return Extension(head="\n".join([*head, f"{indent}{name}_task = {name}("]), tail=tail)


def addition(job: Job, target: str, body: bool = True) -> Extension | None:
    """How to go on with a module that gets a function whose signature the task gives; None where there is none."""
    parsed = parsed_file(job, target)
    if parsed is None:
        return None
    source, tree = parsed
    there = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    new = [wanted for wanted in wanted_in(job, target) if wanted.name not in there]
    if not new:
        return None
    bound = names_bound(tree)
    start = function_start(job, new[0], body)
    imports = [line for line in new[0].imports if not set(re.split(r"[\s,]+", line.partition("import ")[2])) <= bound]
    if "dsl" not in bound:
        imports.insert(0, "from kfp import dsl")
    head, tail = parted(source, tree, imports)
    return Extension(head=f"{head}\n\n\n{start}", tail=tail)


def more_tests(job: Job, target: str) -> Extension | None:
    """How to go on with a test file: what is there, imports of what is under test, then the start of a new test."""
    parsed = parsed_file(job, target)
    if parsed is None:
        return None
    source, tree = parsed
    bound = names_bound(tree)
    named = subjects(job, target)
    imports = [
        f"from {module} import {', '.join(new)}"
        for module, (_, names) in sorted(named.items())
        if (new := [name for name in names if name not in bound])
    ]
    fresh = {
        module: (path, [name for name in names if name not in bound])
        for module, (path, names) in named.items()
        if not set(names) <= bound
    }
    helper = helper_for(job, fresh, taken="run" in bound)
    if helper:
        imports = [
            *(["import json"] if "json." in helper and "json" not in bound else []),
            "from pathlib import Path",
            "from tempfile import TemporaryDirectory",
            "from kfp import dsl",
            *imports,
        ]
    head, tail = parted(source, tree, imports)
    return Extension(head="\n\n\n".join([head, *([helper.rstrip()] if helper else []), "def test_"]), tail=tail)


def parsed_file(job: Job, target: str) -> tuple[str, ast.Module] | None:
    """An existing Python file that holds something; None for any other."""
    file = job.worktree / target
    if not file.is_file() or file.suffix != ".py":
        return None
    source = file.read_text(encoding="utf-8", errors="replace")
    try:
        tree = parse_python(source)
    except (SyntaxError, ValueError):
        return None
    return (source, tree) if tree.body else None


def names_bound(tree: ast.Module) -> set[str]:
    """The names that a module has at its top."""
    found: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            found |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign):
            found |= {name.id for name in node.targets if isinstance(name, ast.Name)}
    return found


def parted(source: str, tree: ast.Module, imports: list[str]) -> tuple[str, str]:
    """A module with more imports, cut before its `if __name__ == …` block if it has one."""
    lines = source.splitlines()
    last = tree.body[-1]
    end = last.lineno - 1 if isinstance(last, ast.If) and "__name__" in ast.unparse(last.test) else len(lines)
    after = max(
        (node.end_lineno or 0 for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)), default=0
    )
    if not after and ast.get_docstring(tree):
        after = tree.body[0].end_lineno or 0
    head = "\n".join([*lines[:after], *imports, *lines[after:end]]).rstrip()
    tail = "\n".join(lines[end:])
    return head, f"\n\n{tail}" if tail.strip() else ""


def table_row(job: Job, target: str) -> Extension | None:
    """How to go on with a page that gets a row in its table; None where none is asked for or the table is unclear."""
    file = job.worktree / target
    title = job.task.title
    if not file.is_file() or not target.endswith(".md") or not ROW.search(title):
        return None
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    starts = [at for at, line in enumerate(lines) if at and RULE.fullmatch(line) and lines[at - 1].startswith("|")]
    named = [
        at for at in starts if {*re.findall(r"\w{4,}", lines[at - 1].lower())} & {*re.findall(r"\w{4,}", title.lower())}
    ]
    chosen = starts if len(starts) == 1 else named
    if len(chosen) != 1:
        return None
    end = next((at for at in range(chosen[0], len(lines)) if not lines[at].startswith("|")), len(lines))
    return Extension(head="\n".join(lines[:end]) + "\n|", tail="\n".join(lines[end:]), stop=["\n"])


def named_components(job: Job, target: str) -> list[tuple[str, str]]:
    """Components that the task names, in its order, each with the module it is imported from."""
    text = " ".join([job.task.title, *job.feature.task(job.task.id).details])
    found: dict[str, str] = {}
    for path, source in code_sources(job.worktree):
        for signature in components_of(source) if path != target else []:
            found.setdefault(signature.name, module_of(job.worktree, path))
    places = {name: re.search(rf"\b{re.escape(name)}\b", text) for name in found}
    order = sorted((match.start(), name) for name, match in places.items() if match)
    return [(name, found[name]) for _, name in order]


def joined(extended: Extension, content: str) -> str:
    """The whole file: what the model wrote, then what comes after it."""
    return content.rstrip("\n") + "\n" + (extended.tail.rstrip("\n") + "\n" if extended.tail.strip() else "")


def going_on(job: Job, role: Role, target: str, number: int) -> Extension | None:
    """How a draft goes on with a file that is there; None when it is to be written anew.

    What only adds a function or tests never is; of steps in a pipeline every other draft, in case the task asks for
    more than new steps.
    """
    if role == "tests":
        return more_tests(job, target)
    if role == "docs":
        return table_row(job, target)
    if role != "code":
        return None
    return addition(job, target, body_given(number)) or (extension(job, target) if number % 2 else None)


def body_given(number: int) -> bool:
    """Whether a draft begins with how its input is read; not every fourth, in case it is read otherwise."""
    return number % 4 != 0
