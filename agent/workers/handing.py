"""Hands on what a task made, where the task says so: exports of a package, entries of a register.

Both follow the entries that are there to the letter. Where these do not show one clear form, nothing is done here and
the model writes the file.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

from ...tools.files import Workspace
from ...tools.project_names import top_names
from ...tools.syntax import parse_python
from .job import Job
from .packet import handed_on, module_of
from .wanted import text_of, wanted_functions

EXPORTS = re.compile(r"\b(?:re-?)?export(?:s|ed)?\b", re.I)
REGISTERS = re.compile(
    r"\b(?:register|add|enter|list)(?:s|ed)?\b[^.;`]{0,40}`(?P<name>[A-Za-z_]\w*)`\s+(?:in|of)\s+`(?P<path>[\w./-]+\.py)`",
    re.I,
)


def handing_files(job: Job) -> list[str]:
    """The files of a task that this module writes, so that no draft of them is needed."""
    return [*exporting(job), *registers(job)]


def hand_on(job: Job, space: Workspace, made: list[str]) -> None:
    """Write exports and entries for what the drafted files define.

    Args:
        job: The task.
        space: Where the role may write.
        made: The files that were drafted.
    """
    for path in exporting(job):
        source = (job.worktree / path).read_text(encoding="utf-8")
        for module in made:
            if Path(module).parent == Path(path).parent and (job.worktree / module).is_file():
                for name in sorted(top_names(job.worktree / module) & wanted_names(job, module)):
                    source = exported(source, module_of(job.worktree, module), name)
        space.write(path, source)
    for path, register in registers(job).items():
        source = (job.worktree / path).read_text(encoding="utf-8")
        for module in made:
            names = top_names(job.worktree / module) & wanted_names(job, module)
            for name in sorted(names):
                source = registered(source, register, module_of(job.worktree, module), name, kfp_names(job)) or source
        space.write(path, source)


def wanted_names(job: Job, module: str) -> set[str]:
    """The names of a module that the task speaks of."""
    return {name for name in re.findall(r"\w+", text_of(job)) if name != "__init__"} | {Path(module).stem}


def kfp_names(job: Job) -> dict[str, str]:
    """Function -> its name in KFP, where the task gives one."""
    return {wanted.name: wanted.ir_name for wanted in wanted_functions(job) if wanted.ir_name}


def exporting(job: Job) -> list[str]:
    """The `__init__.py` files that the task wants something exported from, and whose exports show how."""
    if not EXPORTS.search(text_of(job)):
        return []
    paths = dict.fromkeys(
        [*(path for path in job.task.files if Path(path).name == "__init__.py"), *handed_on(job, "code")]
    )
    return [path for path in paths if (job.worktree / path).is_file() and shows_exports(job.worktree / path)]


def shows_exports(file: Path) -> bool:
    """Whether a package imports its names one module a line and lists them literally, or not at all."""
    try:
        body = parse_python(file.read_bytes()).body
    except (SyntaxError, ValueError):
        return False
    lists = [node for node in body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"]
    return any(isinstance(node, ast.ImportFrom) for node in body) and all(
        isinstance(node.value, ast.List | ast.Tuple) for node in lists
    )


def exported(source: str, module: str, name: str) -> str:
    """A package's text with one more name, imported and listed as the others are."""
    tree = parse_python(source)
    imports = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
    if any(name in {alias.asname or alias.name for alias in node.names} for node in imports):
        return source
    last = imports[-1]
    where = f".{module.rpartition('.')[2]}" if last.level else module
    lines = source.splitlines()
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            names = [*ast.literal_eval(node.value), name]
            is_sorted = names[:-1] == sorted(names[:-1])
            listed = ", ".join(f'"{item}"' for item in (sorted(names) if is_sorted else names))
            text = f"__all__ = [{listed}]" if isinstance(node.value, ast.List) else f"__all__ = ({listed})"
            lines[node.lineno - 1 : node.end_lineno] = [text]
    lines.insert(last.end_lineno or last.lineno, f"from {where} import {name}")
    return "\n".join(lines) + "\n"


def registers(job: Job) -> dict[str, str]:
    """File -> the name of the dictionary or list in it that the task wants an entry in."""
    found: dict[str, str] = {}
    for match in REGISTERS.finditer(text_of(job)):
        path = next((path for path in job.task.files if path.endswith(match["path"])), "")
        file = job.worktree / path
        if path and file.is_file() and registered(file.read_text(encoding="utf-8"), match["name"], "x.y", "z", {}):
            found[path] = match["name"]
    return found


def registered(source: str, register: str, module: str, name: str, ir_names: dict[str, str]) -> str | None:
    """A module's text with one more function in its register; None where the entries show no form for it."""
    try:
        tree = parse_python(source)
    except (SyntaxError, ValueError):
        return None
    node = next((value for item in tree.body if (value := assigned(item, register))), None)
    imports = [item for item in tree.body if isinstance(item, ast.ImportFrom)]
    if not imports or not isinstance(node, ast.Dict | ast.List):
        return None
    values = node.values if isinstance(node, ast.Dict) else node.elts
    if not values or not all(isinstance(value, ast.Name) for value in values):
        return None
    names = [ast.unparse(value) for value in values]
    if name in names:
        return source
    entry = name
    if isinstance(node, ast.Dict):
        keys = [key.value if isinstance(key, ast.Constant) else None for key in node.keys]
        if keys == [item.replace("_", "-") for item in names]:
            entry = f'"{ir_names.get(name, name.replace("_", "-"))}": {name}'
        elif keys == names:
            entry = f'"{name}": {name}'
        else:
            return None
    lines = source.splitlines()
    last = values[-1]
    at, column = (last.end_lineno or 1) - 1, last.end_col_offset or 0
    if (node.end_lineno or 0) > last.lineno:
        indent = re.match(r"\s*", lines[at]).group()  # type: ignore[union-attr]  # it matches the empty text too
        lines[at] = lines[at][:column] + ","
        lines.insert(at + 1, f"{indent}{entry},")
    else:
        lines[at] = f"{lines[at][:column]}, {entry}{lines[at][column:]}"
    home = [item.end_lineno or item.lineno for item in imports]
    lines.insert(home[-1], f"from {module} import {name}")
    return "\n".join(lines) + "\n"


def assigned(node: ast.stmt, name: str) -> ast.expr | None:
    """The value that a statement gives a name; None if it does not."""
    if not isinstance(node, ast.Assign | ast.AnnAssign):
        return None
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return node.value if any(isinstance(target, ast.Name) and target.id == name for target in targets) else None
