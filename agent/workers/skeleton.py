"""The start of a draft, as far as the documents and the repository fix it.

A small model that has to invent an import path or a heading often invents a wrong one; what is known is given.
"""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

from ...tools import search
from ...tools.project_names import top_names
from ..planner.models import Role
from ..planner.paths import role_of_path
from .begun import body_start
from .job import Job
from .packet import module_of
from .pages import functions, page_head
from .related import speaks_of
from .scaffold import Signature, compile_helper, components_of, decorated, find_component, helper_names, run_helper
from .sources import code_sources
from .tables import headers_for
from .wanted import KINDS, WIDTH, Wanted, constants, fields_of, home_of, text_of, wanted_functions

INSIDE = re.compile(r"\b(parameters?|defaults?|conditions?|loops?|iterat\w+|sub-?dags?|root|nested)\b", re.I)
"""What a test of a pipeline looks for elsewhere than in its tasks."""
MOST_HELPERS = 2
"""Components under test in one file, for which helpers are given: the request has to be short."""
Subjects = dict[str, tuple[str, list[str]]]
"""Import path -> its file and the names under test."""


def skeleton(job: Job, role: Role, target: str, *, body: bool = True) -> str:
    """How the file starts; empty when nothing is certain.

    Args:
        job: The task.
        role: The role that writes it.
        target: The file's path.
        body: Whether a component's body is begun, where it is known how it reads.
    """
    file = job.worktree / target
    if file.is_file() and file.stat().st_size:
        return first_lines(file.read_text(encoding="utf-8", errors="replace"))
    if target.endswith(".py"):
        return tests_start(job, target) if role == "tests" else code_start(job, target, body)
    if target.endswith(".md"):
        return page_start(job, target)
    if target.startswith(".github/workflows/"):
        return "name:"
    return ""


def first_lines(text: str) -> str:
    """The first line of an existing file, so that the answer is this file again and not a new one."""
    for line in text.splitlines():
        if line.strip():
            return line + "\n"
    return ""


def code_start(job: Job, target: str, body: bool = True) -> str:
    """kfp's import, what a pipeline is made of, and the function the task gives, or at least its name."""
    wanted = wanted_in(job, target)
    if wanted:
        return "\n\n".join(top_of(job, wanted[0])) + "\n\n\n" + function_start(job, wanted[0], body)
    title, stem = job.task.title, Path(target).stem
    named = re.search(rf"`{re.escape(stem)}\b", title)
    kind = re.search(rf"\b({'|'.join(KINDS)})\b", title, re.I)
    if named and kind and KINDS[kind.group(1).lower()] == "component":
        return f'from kfp import dsl\n\n\n@dsl.component(base_image="{usual_image(job)}")\ndef {stem}('
    if not re.search(r"component|pipeline|kfp", f"{title} {target}".lower()):
        return ""
    start = "from kfp import dsl\n"
    if kind and kind.group(1).lower() == "pipeline":
        steps = step_imports(job)
        start += "\n" + "\n".join(steps) + "\n" if steps else ""
        if named and steps:
            start += f'\n\n@dsl.pipeline(name="{stem.replace("_", "-")}")\ndef {stem}('
    return start


def wanted_in(job: Job, target: str) -> list[Wanted]:
    """The functions whose signature the task gives and whose place is this file."""
    return [wanted for wanted in wanted_functions(job) if home_of(job, wanted, job.task.files) == target]


def top_of(job: Job, wanted: Wanted) -> list[str]:
    """The blocks of a new module above its function: imports, then the constants that the task gives."""
    typing = [line for line in wanted.imports if line.startswith("from typing")]
    kfp = ["from kfp import dsl", *(line for line in wanted.imports if line not in typing)]
    own = step_imports(job) if wanted.kind == "pipeline" else usual_base(job)[1]
    given = constants(job) if wanted.kind == "pipeline" else []
    return ["\n".join(block) for block in (typing, kfp, own, given) if block]


def function_start(job: Job, wanted: Wanted, body: bool = True) -> str:
    """Decorator, signature and docstring of a function, up to where its body begins or has read its input."""
    if wanted.kind == "pipeline":
        decorator = f'@dsl.pipeline(name="{wanted.ir_name or wanted.name.replace("_", "-")}")'
    else:
        decorator = f"@dsl.component(base_image={usual_base(job)[0]})"
    lines = [f"{part[:1].upper()}{part[1:]}." for part in wanted.said if part.strip("`") not in constants(job)]
    told = "\n".join(line for part in lines for line in textwrap.wrap(part, WIDTH - 8, break_long_words=False))
    doc = f'    """{told}"""' if "\n" not in told else textwrap.indent(f'"""{told}\n"""', "    ")
    if not told:
        return f'{decorator}\n{wanted.head}\n    """'
    fields = fields_of(wanted)
    names = ", ".join(f'"{field}"' for field in fields)
    several = f'    from collections import namedtuple\n\n    outputs = namedtuple("Outputs", [{names}])\n'
    begun = [several] if fields else []
    begun += [start] if body and (start := body_start(job, wanted)) else []
    return f"{decorator}\n{wanted.head}\n{doc}\n" + "\n".join(begun)


def step_imports(job: Job) -> list[str]:
    """Imports of the components that the task names, with the path they have in this repository."""
    words = speaks_of(job)
    lines = []
    for path, source in code_sources(job.worktree):
        names = sorted(signature.name for signature in components_of(source) if signature.name in words)
        if names:
            lines.append(f"from {module_of(job.worktree, path)} import {', '.join(names)}")
    return sorted(lines)


def usual_image(job: Job) -> str:
    """The base image that most components of the repository have; Python 3.11 where there is none."""
    pattern = r"base_image=[\"']([^\"']+)[\"']"
    matches = search.grep(job.worktree, pattern, glob="*.py", limit=200)
    found = [re.search(pattern, match.text) for match in matches]
    images = [hit.group(1) for hit in found if hit]
    return max(sorted(set(images)), key=images.count, default="python:3.11")


def usual_base(job: Job) -> tuple[str, list[str]]:
    """What most components of the repository give as their base image: as code, with the import that it needs."""
    found: list[tuple[str, str]] = []
    for match in search.grep(job.worktree, r"base_image=[A-Za-z_]\w*", glob="*.py", limit=200):
        name = match.text.partition("base_image=")[2]
        name = re.match(r"\w+", name).group()  # type: ignore[union-attr]  # the pattern has it
        source = (job.worktree / match.path).read_text(encoding="utf-8", errors="replace")
        imported = re.search(rf"^from [\w]+(?:\.\w+)* import (?:\w+, )*{name}(?:, \w+)*$", source, re.M)
        if imported and role_of_path(match.path) == "code":
            module = imported.group().split()[1]
            found.append((name, f"from {module} import {name}"))
    literals = search.grep(job.worktree, r"base_image=[\"']", glob="*.py", limit=200)
    if found and len(found) >= len(literals):
        name, line = max(sorted(set(found)), key=found.count)
        return name, [line]
    return f'"{usual_image(job)}"', []


def page_start(job: Job, target: str) -> str:
    """The start of a page that is named after one pipeline or component; else only that of its title."""
    stem = Path(target).stem.lower().replace("-", "_")
    for path, source in code_sources(job.worktree):
        head = page_head(source, stem, path)
        if head:
            return head
    return "# "


def tests_start(job: Job, target: str) -> str:
    """Imports of what is under test, with the path they have in this repository, and what such a test needs."""
    named = subjects(job, target)
    if not named:
        return ""
    lines = [f"from {module} import {', '.join(names)}" for module, (_, names) in sorted(named.items())]
    pipeline = is_pipeline(job, named)
    names = [name for _, group in named.values() for name in group]
    if pipeline:
        helper = compile_helper(names[0], bool(INSIDE.search(text_of(job)))) if len(names) == 1 else ""
    else:
        helper = helper_for(job, named)
    standard = "from pathlib import Path\nfrom tempfile import TemporaryDirectory\n\n" if "Path(" in helper else ""
    standard = f"import json\n{standard}" if "json." in helper else standard
    start = standard + TEST_IMPORTS[pipeline] + "\n" + "\n".join(lines) + "\n\n\n"
    return start + (helper + "\n\ndef test_" if helper else "")


def helper_for(job: Job, named: Subjects, taken: bool = False) -> str:
    """The helpers that call the components under test, when there are few of them in one module, and nothing else.

    Args:
        job: The task.
        named: What is under test.
        taken: Whether the test file has a `run` already.
    """
    found = components_in(job, named)
    names = [name for _, group in named.values() for name in group]
    if len(named) != 1 or len(found) != len(names) or len(found) > MOST_HELPERS:
        return ""
    called = helper_names(found, taken)
    helpers = [run_helper(component, headers_for(job, component), called[component.name]) for component in found]
    return "\n\n".join(helpers) if all(helpers) else ""


# What is not used of these is taken out again afterwards.
TEST_IMPORTS = {False: "from kfp import dsl\n", True: "import yaml\nfrom kfp import compiler\n"}


def components_for(job: Job, target: str) -> list[Signature]:
    """The components among what a test file is about."""
    return components_in(job, subjects(job, target))


def components_in(job: Job, named: Subjects) -> list[Signature]:
    """The components among what is under test."""
    found = []
    for path, names in named.values():
        source = (job.worktree / path).read_text(encoding="utf-8", errors="replace")
        found += [signature for name in names if (signature := find_component(source, name))]
    return found


def pipelines_for(job: Job) -> dict[str, list[str]]:
    """The pipelines that a task names, as in Python, as in KFP or by a file called after it: file -> functions.

    A task that speaks of "the pipeline" and names none means the one in the file it is about, else the only one.
    """
    text, words = text_of(job), speaks_of(job)
    found: dict[str, list[str]] = {}
    others: dict[str, list[str]] = {}
    for path, source in code_sources(job.worktree):
        for node in functions(source):
            told = re.search(rf"(?<![\w-]){node.name.replace('_', '-')}(?![\w-])", text)
            if decorated(node, "pipeline"):
                meant = found if told or node.name in words else others
                meant.setdefault(path, []).append(node.name)
    if found or not re.search(r"\bthe (?:compiled )?pipeline\b", text, re.I):
        return found
    others = {path: names for path, names in others.items() if Path(path).stem in words} or others
    return others if [len(names) for names in others.values()] == [1] else {}


def is_pipeline(job: Job, named: Subjects) -> bool:
    """Whether a pipeline is under test."""
    names = {name for _, group in named.values() for name in group}
    pattern = rf"^def ({'|'.join(map(re.escape, sorted(names)))})\b"
    for match in search.grep(job.worktree, pattern, glob="*.py"):
        before = (
            (job.worktree / match.path).read_text(encoding="utf-8", errors="replace").splitlines()[: match.line - 1]
        )
        if any(re.match(r"@(dsl\.)?pipeline\b", line) for line in before[-6:]):
            return True
    return False


def subjects(job: Job, target: str) -> Subjects:
    """What is under test: those of the module test_x.py is named after, else those the task speaks of."""
    stem = Path(target).stem.removeprefix("test_").removesuffix("_test")
    words = speaks_of(job)
    found: Subjects = {}
    for path, _ in code_sources(job.worktree):
        if Path(path).name in ("setup.py", "conftest.py"):
            continue
        names = sorted(top_names(job.worktree / path) & words)
        if names:
            found[module_of(job.worktree, path)] = (path, names)
    found = found or {module_of(job.worktree, path): (path, names) for path, names in pipelines_for(job).items()}
    own = {module: value for module, value in found.items() if module.rsplit(".", 1)[-1] == stem}
    return own or found
